#include "agent/store/database_check.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "agent/store/database.h"
#include "agent/store/migrations.h"
#include "agent/store/paging.h"
#include "agent/store/promises.h"

namespace gitferry {
namespace {

std::string opening(const std::string& path) {
  return fmt::format("check the database '{}'", path);
}

Status expect_file(const std::string& path) {
  std::error_code unseen;
  const auto found = std::filesystem::status(path, unseen);
  if (std::filesystem::is_regular_file(found)) return {};
  if (found.type() == std::filesystem::file_type::not_found) {
    return fail(ErrorCode::NoData, fmt::format("{}: there is no such file", opening(path)),
                "`gitferry serve` makes it; storage.url says where it is");
  }
  return fail(ErrorCode::StoreFailed,
              fmt::format("{}: {}", opening(path), unseen ? unseen.message() : "it is not a file"),
              "run this as the agent's user, or set storage.url to the agent's database");
}

Status check_structure(SqlConnection& connection, std::vector<std::string>& faults) {
  auto read = attempt("read its pages", [&]() -> Status {
    auto query = connection.query("PRAGMA integrity_check(20)");
    take_lines(query, faults);
    return {};
  });
  if (faults.size() == 1 && faults.front() == "ok") faults.clear();
  for (const auto& fault : faults) {
    if (auto error = integrity_error("check its pages", fault); error.code != ErrorCode::StoreDamaged)
      return fail(std::move(error));
  }
  if (read || read.error().code != ErrorCode::StoreDamaged) return read;
  // It could not go on, which says as much as what it found before that.
  faults.push_back(read.error().message);
  return {};
}

void check_references(SqlConnection& connection, std::vector<std::string>& faults) {
  auto query = connection.query(
      "SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' refers to no row of ' || parent "
      "FROM pragma_foreign_key_check");
  take_lines(query, faults);
}

Status look_through(SqlConnection& connection, DatabaseReport& report) {
  if (auto read = check_structure(connection, report.faults); !read) return read;
  // Of a damaged file anything may be read.
  if (!report.faults.empty()) return {};
  check_references(connection, report.faults);
  // An older schema lacks columns; the agent that brings it up to date fills them.
  if (report.schema_version != kSchemaVersion) return {};
  check_promises(connection, report);
  return {};
}

}  // namespace

Result<DatabaseReport> check_database(const std::string& path) {
  if (auto found = expect_file(path); !found) return fail(std::move(found.error()));
  return attempt(opening(path), [&]() -> Result<DatabaseReport> {
    SqliteConnection connection(path, "", SqliteConnection::Role::Reader);
    const ReadTransaction snapshot(connection);
    const auto version = schema_version(connection);
    if (!version) return fail(version.error());
    DatabaseReport report;
    report.schema_version = *version;
    if (auto read = look_through(connection, report); !read) return fail(std::move(read.error()));
    return report;
  });
}

}  // namespace gitferry
