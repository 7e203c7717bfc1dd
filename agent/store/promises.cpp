#include "agent/store/promises.h"

#include <array>
#include <sstream>

namespace gitferry {
namespace {

/// What the store promises of its rows beyond what the schema itself refuses: each query gives a line for a
/// row that breaks it.
constexpr std::array<const char*, 6> kBrokenPromises{
    "SELECT 'lane ' || id || ': done_seq ' || done_seq || ' is ahead of requested_seq ' || requested_seq "
    "FROM lane WHERE done_seq > requested_seq",
    // Otherwise nothing would say which way it has to run.
    "SELECT 'lane ' || id || ': requested_seq ' || requested_seq || ' is not that of its latest mark' "
    "FROM lane WHERE {larger}(to_outer_seq, to_inter_seq) <> requested_seq",
    "SELECT 'lane ' || id || ': leave to force is newer than its latest mark' "
    "FROM lane WHERE {larger}(force_to_outer_seq, force_to_inter_seq) > requested_seq",
    "SELECT 'lane ' || lane.id || ': it and its branch ' || branch_id.id || ' have different names' "
    "FROM lane JOIN branch_id ON branch_id.id = lane.branch_id "
    "WHERE (lane.repository, lane.internal_ref, lane.external_ref) IS DISTINCT FROM "
    "(branch_id.repository, branch_id.internal_ref, branch_id.external_ref)",
    "SELECT 'delivery ' || mark.delivery_id || ': its mark ' || mark.seq || ' is not in lane ' || lane.id "
    "FROM delivery_lane AS mark JOIN lane ON lane.id = mark.lane_id WHERE mark.seq > lane.requested_seq",
    "SELECT 'run ' || run.id || ': it began from a mark that lane ' || lane.id || ' does not have' "
    "FROM run JOIN lane ON lane.id = run.lane_id WHERE run.requested_seq > lane.requested_seq",
};

std::int64_t count(SqlConnection& connection, const char* sql) {
  auto query = connection.query(sql);
  query.next();
  return query.integer(0);
}

}  // namespace

void take_lines(Query& query, std::vector<std::string>& faults) {
  while (faults.size() < kMostFaults && query.next()) {
    std::istringstream text(query.text(0));
    for (std::string line; faults.size() < kMostFaults && std::getline(text, line);) {
      if (!line.empty() && !line.starts_with("***")) faults.push_back(line);
    }
  }
}

void check_promises(SqlConnection& connection, DatabaseReport& report) {
  for (const auto* promise : kBrokenPromises) {
    auto query = connection.query(promise);
    take_lines(query, report.faults);
  }
  report.lanes = count(connection, "SELECT count(*) FROM lane");
  report.pending_lanes = count(connection, "SELECT count(*) FROM lane WHERE requested_seq > done_seq");
  report.deliveries = count(connection, "SELECT count(*) FROM delivery");
  report.runs = count(connection, "SELECT count(*) FROM run");
}

}  // namespace gitferry
