#include "agent/sync/two_way.h"

#include <utility>

#include <fmt/format.h>

#include "agent/model/ref_name.h"

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
      is_of_tags ? "delete the tag on the side where it is wrong, or sync the repository once with force "
                   "and the direction whose side is to win"
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

}  // namespace gitferry
