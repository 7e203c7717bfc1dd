#include "agent/store/sqlite_store.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/store/lanes.h"
#include "agent/store/migrations.h"
#include "agent/store/overrides.h"
#include "agent/store/sealing.h"

namespace gitferry {
namespace {

/// A damaged file is found here, before anything is written to it, and not at some later query.
Status check_integrity(SqlConnection& connection) {
  return attempt("check the database", [&]() -> Status {
    auto query = connection.query("PRAGMA quick_check(1)");
    query.next();
    if (query.text(0) == "ok") return {};
    return fail(integrity_error("check the database", query.text(0)));
  });
}

/// What a crash left open, and old rows.
Status tidy_up(SqlConnection& connection, const StoreOptions& options, std::int64_t now_ms) {
  return attempt("tidy up the database", [&]() -> Status {
    connection.begin_writing();
    const auto quarantined = close_left_over_runs(connection, now_ms);
    make_pending_due(connection);
    prune_history(connection, options, now_ms);
    connection.commit();
    crash_point(CrashPoint::StoreTidied);
    for (const auto& lane : quarantined) log_quarantine(lane);
    return {};
  });
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options, const Clock& clock) {
  auto opened = SqliteStore::open(options, clock);
  if (!opened) return fail(opened.error());
  return std::unique_ptr<Store>(std::move(*opened));
}

Result<StoreWithNotices> open_store_with_notices(const StoreOptions& options, const Clock& clock) {
  auto opened = SqliteStore::open(options, clock);
  if (!opened) return fail(opened.error());
  auto& notices = (*opened)->notices();
  return StoreWithNotices{std::move(*opened), &notices};
}

Result<OverrideRows> Store::peek_overrides(const StoreOptions& options) {
  std::error_code unseen;
  if (!std::filesystem::exists(options.path, unseen) && !unseen) return OverrideRows{};
  const auto attempted = fmt::format("read the overrides in the database '{}'", options.path);
  return attempt(attempted, [&]() -> Result<OverrideRows> {
    SqliteConnection reading(options.path, options.vfs, SqliteConnection::Role::Reader);
    const auto version = schema_version(reading);
    if (!version) return fail(version.error());
    if (*version < kFirstWithOverrides) return OverrideRows{};
    return read_overrides(reading, Sealing(options.sealing_key));
  });
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const StoreOptions& options, const Clock& clock) {
  if (auto usable = check_sealing_key(options.sealing_key); !usable) return fail(usable.error());
  auto directory = DataDirectory::claim(options.path);
  if (!directory) return fail(directory.error());
  const auto attempted = fmt::format("open the database '{}'", options.path);
  return attempt(attempted, [&]() -> Result<std::unique_ptr<SqliteStore>> {
    auto writing =
        std::make_unique<SqliteConnection>(options.path, options.vfs, SqliteConnection::Role::Writer);
    auto ready = check_integrity(*writing);
    if (ready) ready = migrate(*writing);
    if (ready) ready = tidy_up(*writing, options, to_epoch_ms(clock.now()));
    if (!ready) {
      ready.error().message = fmt::format("{}: {}", attempted, ready.error().message);
      return fail(std::move(ready.error()));
    }
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(options, clock, std::move(*directory), std::move(writing)));
  });
}

SqliteStore::SqliteStore(StoreOptions options, const Clock& clock, DataDirectory directory,
                         std::unique_ptr<SqlConnection> writing)
    : SqlStore(std::move(options), clock),
      directory_(std::move(directory)),
      writer_(std::move(writing)),
      readers_([this] {
        return std::make_unique<SqliteConnection>(this->options().path, this->options().vfs,
                                                  SqliteConnection::Role::Reader);
      }) {}

Result<StoreUsage> SqliteStore::usage() {
  StoreUsage usage;
  std::error_code error;
  const std::filesystem::path path = options().path;
  usage.database_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  const auto space = error ? std::filesystem::space_info{}
                           : std::filesystem::space(std::filesystem::absolute(path).parent_path(), error);
  if (error) {
    return fail(ErrorCode::StoreFailed,
                fmt::format("see how large the database '{}' is: {}", options().path, error.message()));
  }
  usage.free_bytes = static_cast<std::int64_t>(space.available);
  // Between a checkpoint at the end of another agent and the first write there is none.
  const auto wal = std::filesystem::file_size(options().path + "-wal", error);
  usage.wal_bytes = error ? 0 : static_cast<std::int64_t>(wal);
  return usage;
}

}  // namespace gitferry
