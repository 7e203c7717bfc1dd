#include "agent/store/database_check.h"

#include <array>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "agent/store/database.h"
#include "agent/store/migrations.h"
#include "agent/store/paging.h"

namespace gitferry {
namespace {

// Enough to see what is wrong.
constexpr std::size_t kMostFaults = 20;

/// What the store promises of its rows beyond what the schema itself refuses: each query gives a line for a
/// row that breaks it.
constexpr std::array<const char*, 6> kBrokenPromises{
    "SELECT 'lane ' || id || ': done_seq ' || done_seq || ' is ahead of requested_seq ' || requested_seq "
    "FROM lane WHERE done_seq > requested_seq",
    // Otherwise nothing would say which way it has to run.
    "SELECT 'lane ' || id || ': requested_seq ' || requested_seq || ' is not that of its latest mark' "
    "FROM lane WHERE max(to_outer_seq, to_inter_seq) <> requested_seq",
    "SELECT 'lane ' || id || ': leave to force is newer than its latest mark' "
    "FROM lane WHERE max(force_to_outer_seq, force_to_inter_seq) > requested_seq",
    "SELECT 'lane ' || lane.id || ': it and its branch ' || branch_id.id || ' have different names' "
    "FROM lane JOIN branch_id ON branch_id.id = lane.branch_id "
    "WHERE (lane.repository, lane.internal_ref, lane.external_ref) IS NOT "
    "(branch_id.repository, branch_id.internal_ref, branch_id.external_ref)",
    "SELECT 'delivery ' || mark.delivery_id || ': its mark ' || mark.seq || ' is not in lane ' || lane.id "
    "FROM delivery_lane AS mark JOIN lane ON lane.id = mark.lane_id WHERE mark.seq > lane.requested_seq",
    "SELECT 'run ' || run.id || ': it began from a mark that lane ' || lane.id || ' does not have' "
    "FROM run JOIN lane ON lane.id = run.lane_id WHERE run.requested_seq > lane.requested_seq",
};

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

/// SQLite puts several lines into one row, under a heading.
void take_lines(Query& query, std::vector<std::string>& faults) {
  while (faults.size() < kMostFaults && query.next()) {
    std::istringstream text(query.text(0));
    for (std::string line; faults.size() < kMostFaults && std::getline(text, line);) {
      if (!line.empty() && !line.starts_with("***")) faults.push_back(line);
    }
  }
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

std::int64_t count(SqlConnection& connection, const char* sql) {
  auto query = connection.query(sql);
  query.next();
  return query.integer(0);
}

Status look_through(SqlConnection& connection, DatabaseReport& report) {
  if (auto read = check_structure(connection, report.faults); !read) return read;
  // Of a damaged file anything may be read.
  if (!report.faults.empty()) return {};
  check_references(connection, report.faults);
  // An older schema lacks columns; the agent that brings it up to date fills them.
  if (report.schema_version != kSchemaVersion) return {};
  for (const auto* promise : kBrokenPromises) {
    auto query = connection.query(promise);
    take_lines(query, report.faults);
  }
  report.lanes = count(connection, "SELECT count(*) FROM lane");
  report.pending_lanes = count(connection, "SELECT count(*) FROM lane WHERE requested_seq > done_seq");
  report.deliveries = count(connection, "SELECT count(*) FROM delivery");
  report.runs = count(connection, "SELECT count(*) FROM run");
  return {};
}

}  // namespace

Result<DatabaseReport> check_database(const std::string& path) {
  if (auto found = expect_file(path); !found) return fail(std::move(found.error()));
  return attempt(opening(path), [&]() -> Result<DatabaseReport> {
    SqlConnection connection(path, "", SqlConnection::Role::Reader);
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
