#include "agent/sync/two_way.h"

#include <utility>

#include <fmt/format.h>

#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

bool is_refusal(const RunReport& report) {
  return report.error && report.error->code == ErrorCode::Diverged;
}

bool is_missing(const RunReport& report) {
  return report.error && report.error->code == ErrorCode::BranchMissing;
}

std::string shown(const std::optional<ObjectId>& tip) {
  return tip ? tip->hex() : "(none)";
}

Error conflict(const LaneKey& key, Direction direction, const RunReport& report) {
  const bool from_internal = direction == Direction::ToOuter;
  const auto& internal = from_internal ? report.source_tip : report.target_tip_before;
  const auto& external = from_internal ? report.target_tip_before : report.source_tip;
  const bool is_of_tags = is_tag(key.internal_ref);
  return {
      ErrorCode::Diverged,
      fmt::format("sync '{}': both sides have {} their own: internal {} is {}, external {} is {}; nothing "
                  "was changed on either",
                  key.repository, is_of_tags ? "a tag of" : "commits of", key.internal_ref, shown(internal),
                  key.external_ref, shown(external)),
      is_of_tags ? "sync the repository once with force and the direction whose side is to win"
                 : "merge one side's commits into the other's and push that; or sync once with force and "
                   "the direction whose side is to win",
      std::nullopt};
}

}  // namespace

bool may_go_the_other_way(const RunReport& report) {
  if (is_refusal(report)) return true;
  // The default branch is never deleted, so it comes back.
  const bool is_kept = report.error && report.error->code == ErrorCode::ProtectedBranch &&
                       report.plan == Plan::Refuse && !report.source_tip;
  return is_missing(report) || is_kept;
}

DirectedReport ended_both_ways(const LaneKey& key, DirectedReport first, RunReport second) {
  if (is_refusal(first.report) && is_refusal(second)) {
    first.report.error = conflict(key, first.direction, first.report);
    return first;
  }
  if (is_missing(second)) return first;
  return {std::move(second), opposite(first.direction)};
}

std::vector<DirectedReport> run_either_way(std::span<const LaneKey> keys,
                                           const std::vector<std::size_t>& transfer, Direction direction,
                                           bool is_two_way, const OneWay& run) {
  std::vector<DirectedReport> ran;
  for (auto& report : run(transfer, direction)) ran.push_back({std::move(report), direction});
  if (!is_two_way) return ran;
  std::vector<std::size_t> places;  // in `ran`, of those that turn
  std::vector<LaneKey> turning;
  for (std::size_t i = 0; i < ran.size(); ++i) {
    if (!may_go_the_other_way(ran[i].report)) continue;
    places.push_back(i);
    turning.push_back(keys[transfer[i]]);
  }
  for (const auto& together : transfers_of(turning, opposite(direction))) {
    std::vector<std::size_t> lanes;
    lanes.reserve(together.size());
    for (const auto i : together) lanes.push_back(transfer[places[i]]);
    auto reports = run(lanes, opposite(direction));
    for (std::size_t i = 0; i < together.size(); ++i) {
      auto& end = ran[places[together[i]]];
      end = ended_both_ways(turning[together[i]], std::move(end), std::move(reports[i]));
    }
  }
  return ran;
}

}  // namespace gitferry
