#include "agent/store/database.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <SQLiteCpp/Backup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/base/metrics.h"
#include "agent/base/text.h"
#include "agent/store/sql_dialect.h"

namespace gitferry {
namespace {

constexpr int kBusyTimeoutMs = 2000;

// One process works on the file, so no other runs a lane; and at a start whatever runs was left over.
constexpr std::array<SqlWord, 13> kWords{{
    {"larger", "max"},
    {"smaller", "min"},
    {"position", "instr"},
    {"texts(", "(SELECT value FROM json_each("},
    {"numbers(", "(SELECT value FROM json_each("},
    {")", "))"},
    // json_extract() takes no text that is no JSON, and what is no object has no ref.
    {"named_refs",
     "(SELECT json_extract(value, '$.ref') AS ref FROM json_each(CASE WHEN json_valid(refs) THEN refs ELSE "
     "'[]' "
     "END) WHERE type = 'object')"},
    {"INDEXED BY run_of_lane", "INDEXED BY run_of_lane"},
    {"INDEXED BY lane_in_trouble", "INDEXED BY lane_in_trouble"},
    // A million rows take too long to count for one page; their ids have no gaps (retention.h).
    {"count_of_audit", "coalesce((SELECT max(id) FROM audit) - (SELECT min(id) FROM audit) + 1, 0)"},
    {"is_free", "true"},
    {"is_ours", "true"},
    {"is_left_over", "true"},
}};

int open_flags(SqliteConnection::Role role) {
  // A connection is never used by two threads at once, so SQLite need not lock it.
  const int shared = SQLite::OPEN_NOMUTEX;
  return shared | (role == SqliteConnection::Role::Writer ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY);
}

void configure(SQLite::Database& database, int option) {
  if (const int code = sqlite3_db_config(database.getHandle(), option, 1, nullptr); code != SQLITE_OK) {
    throw SQLite::Exception(database.getHandle(), code);
  }
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

tl::unexpected<Error> directory_failure(std::string_view what, const std::string& path, int error) {
  return fail(error == ENOSPC ? ErrorCode::StoreFull : ErrorCode::StoreFailed,
              fmt::format("{} '{}': {}", what, path, reason(error)),
              "make the data directory writable for the agent's user, or set storage.url to another place");
}

/// WAL needs shared memory between connections, which network file systems do not give
/// (https://sqlite.org/wal.html).
bool is_on_network(const std::string& directory) {
  constexpr std::array<std::int64_t, 4> network{0x6969 /* NFS */, 0x517B /* SMB */, 0xFF534D42 /* CIFS */,
                                                0xFE534D42 /* SMB2 */};
  struct statfs found {};
  if (::statfs(directory.c_str(), &found) != 0) return false;
  const auto type = static_cast<std::int64_t>(static_cast<std::uint32_t>(found.f_type));
  for (const auto one : network) {
    if (type == one) return true;
  }
  return false;
}

/// Who may write to the directory may put another database in the place of ours.
Status check_private(const std::string& directory) {
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0)
    return directory_failure("look at the data directory", directory, errno);
  if (!S_ISDIR(found.st_mode)) return directory_failure("use the data directory", directory, ENOTDIR);
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(
      ErrorCode::LocalPermission,
      fmt::format("use the data directory '{}': other users may write to it (its mode is {:04o})", directory,
                  found.st_mode & 07777U),
      fmt::format("chmod go-w '{}', or set storage.url to a directory below it, which is then made for the "
                  "agent alone",
                  directory));
}

Status make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (const auto above = directory.parent_path(); !above.empty()) {
    std::filesystem::create_directories(above, error);
    if (error) return directory_failure("make the directory", above.string(), error.value());
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return directory_failure("make the data directory", directory.string(), errno);
  }
  return check_private(directory.string());
}

Result<UniqueFd> take_lock(const std::string& database_path) {
  const auto path = database_path + ".lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return directory_failure("open the lock file", path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return directory_failure("lock", path, errno);
    std::array<char, 32> owner{};
    const auto size = ::pread(lock.get(), owner.data(), owner.size(), 0);
    const auto digits = std::string(trim({owner.data(), size > 0 ? static_cast<std::size_t>(size) : 0}));
    return fail(ErrorCode::Unavailable,
                fmt::format("the data directory of '{}' is in use by another process{}", database_path,
                            parse_number(digits) ? " (" + digits + ")" : ""),
                "stop the other gitferry, or give this one a storage.url of its own");
  }
  // Only for the message above: the lock itself is the kernel's.
  const auto owner = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(lock.get(), owner.data(), owner.size(), 0);
  }
  return lock;
}

/// Made before SQLite opens it, because SQLite would make it with the umask's mode; its -wal and -shm copy
/// the mode.
Status make_private_file(const std::string& path) {
  const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) return directory_failure("make the database", path, errno);
  if (::chmod(path.c_str(), 0600) != 0) return directory_failure("protect the database", path, errno);
  return {};
}

/// The names of new files are durable only once their directory is.
Status sync_directory(const std::string& directory) {
  const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0)
    return directory_failure("sync the data directory", directory, errno);
  return {};
}

}  // namespace

/// A compiled statement.
class SqliteConnection::Statement final : public SqlStatement {
 public:
  Statement(SQLite::Database& database, const std::string& sql)
      : database_(database), statement_(database, sql) {}

  void bind(int index, std::int64_t value) override { statement_.bind(index, value); }
  void bind(int index, const std::string& text) override { statement_.bind(index, text); }
  void bind(int index, const Blob& blob) override {
    statement_.bind(index, blob.bytes.data(), static_cast<int>(blob.bytes.size()));
  }
  // What is not bound is null.
  void bind_null(int /*index*/, SqlType /*type*/) override {}
  bool step() override { return statement_.executeStep(); }
  std::int64_t insert() override {
    while (statement_.executeStep()) {
    }
    return database_.getLastInsertRowid();
  }
  [[nodiscard]] std::int64_t integer(int column) const override {
    return statement_.getColumn(column).getInt64();
  }
  [[nodiscard]] std::string text(int column) const override {
    return statement_.getColumn(column).getString();
  }
  [[nodiscard]] std::string bytes(int column) const override {
    const auto value = statement_.getColumn(column);
    const auto* bytes = static_cast<const char*>(value.getBlob());
    return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(value.getBytes()));
  }
  [[nodiscard]] bool is_null(int column) const override { return statement_.getColumn(column).isNull(); }
  void reset() noexcept override {
    statement_.tryReset();
    statement_.clearBindings();
  }

 private:
  SQLite::Database& database_;
  mutable SQLite::Statement statement_;
};

SqliteConnection::SqliteConnection(const std::string& path, const std::string& vfs, Role role)
    : database_(path, open_flags(role), kBusyTimeoutMs, vfs) {
  configure(database_, SQLITE_DBCONFIG_DEFENSIVE);
  database_.exec("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF");
  if (role == Role::Writer) {
    // FULL: in WAL mode NORMAL does not sync at a commit, and a power cut takes acknowledged deliveries back.
    database_.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    return;
  }
  // SQLite before 3.51.3 can damage a database when one connection writes while another checkpoints
  // (https://sqlite.org/wal.html, "The WAL-Reset Bug"), so readers never checkpoint.
  configure(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE);
  database_.exec("PRAGMA wal_autocheckpoint=0; PRAGMA query_only=ON");
}

SqliteConnection::~SqliteConnection() = default;

Query SqliteConnection::query(const char* sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto made = std::make_unique<Statement>(database_, in_dialect(sql, kWords));
    found = statements_.emplace(sql, std::move(made)).first;
  }
  return Query(*found->second);
}

bool SqliteConnection::is_in_transaction() const {
  return sqlite3_get_autocommit(database_.getHandle()) == 0;
}

Status SqliteConnection::copy_to(const std::string& path) {
  SQLite::Database copy(path, SQLite::OPEN_READWRITE, kBusyTimeoutMs);
  {
    SQLite::Backup backup(copy, database_);
    // All at once, from one snapshot: in steps it would begin anew whenever the agent writes.
    if (const int code = backup.executeStep(-1); code != SQLITE_DONE)
      return fail(store_error(code, "copy", sqlite3_errstr(code)));
  }
  SQLite::Statement check(copy, "PRAGMA integrity_check(1)");
  check.executeStep();
  const auto found = check.getColumn(0).getString();
  if (found == "ok") return {};
  return fail(integrity_error("check the copy", found));
}

Error store_error(int sqlite_code, std::string_view attempted, std::string_view said) {
  const auto made = [&](ErrorCode code, std::string hint) {
    metrics().store_failures.add({info(code).name});
    return Error{code, fmt::format("{}: {}", attempted, said), std::move(hint), {}};
  };
  switch (sqlite_code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return made(ErrorCode::StoreBusy, "close other programs that have the database open");
    case SQLITE_FULL:
      return made(ErrorCode::StoreFull, "free space on the volume of the data directory");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return made(ErrorCode::StoreDamaged,
                  "keep the file for inspection and restore a copy, or begin with a new one");
    default:
      return made(ErrorCode::StoreFailed, "check the data directory's volume and permissions");
  }
}

Error sql_error(std::string_view attempted, const std::exception& thrown) {
  if (const auto* sqlite = dynamic_cast<const SQLite::Exception*>(&thrown))
    return store_error(sqlite->getErrorCode(), attempted, sqlite->what());
  const auto* failure = dynamic_cast<const SqlFailure*>(&thrown);
  if (failure == nullptr) return store_error(0, attempted, thrown.what());
  auto error = failure->error();
  metrics().store_failures.add({info(error.code).name});
  error.message = fmt::format("{}: {}", attempted, error.message);
  return error;
}

Error integrity_error(std::string_view attempted, std::string_view found) {
  constexpr std::string_view unread = "unable to get the page. error code=";
  const auto at = found.find(unread);
  if (at == std::string_view::npos) return store_error(SQLITE_CORRUPT, attempted, found);
  auto digits = found.substr(at + unread.size());
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  const auto code = parse_number(digits);
  return store_error(code ? static_cast<int>(*code) : SQLITE_CORRUPT, attempted, found);
}

Result<DataDirectory> DataDirectory::claim(const std::string& database_path) {
  auto directory = std::filesystem::path(database_path).parent_path();
  if (directory.empty()) directory = ".";
  if (auto made = make_directory(directory); !made) return fail(made.error());
  if (is_on_network(directory.string())) {
    return fail(ErrorCode::StoreFailed,
                fmt::format("the data directory '{}' is on a network file system", directory.string()),
                "set storage.url to a local disk");
  }
  auto lock = take_lock(database_path);
  if (!lock) return fail(lock.error());
  if (auto made = make_private_file(database_path); !made) return fail(made.error());
  if (auto synced = sync_directory(directory.string()); !synced) return fail(synced.error());
  return DataDirectory(std::move(*lock));
}

}  // namespace gitferry
