#include "agent/sync/reconcile_comparison.h"

#include <array>
#include <string>
#include <utility>

#include "agent/base/error.h"
#include "agent/model/run_report.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

bool is_tip(const std::string& known, const ObjectId* listed) {
  return listed == nullptr ? known.empty() : known == listed->hex();
}

bool has_seen(const LaneRow& row, const ListedLane& lane) {
  const auto from = source_side(lane.direction);
  return is_tip(row.known_tip(from), lane.source) && is_tip(row.known_tip(other(from)), lane.target);
}

/// Whether a run with these tips would be refused as the last one was. Of a two-way lane that tried both
/// directions.
bool would_be_refused_again(const ListedLane& lane, bool is_two_way) {
  const auto& row = *lane.row;
  if (!has_seen(row, lane) || (!is_two_way && row.last_direction != lane.direction)) return false;
  // What was missing without leave to delete, or one of too many, may be deleted by now.
  if (lane.is_deletion) {
    return row.last_error != info(ErrorCode::BranchMissing).name &&
           row.last_error != info(ErrorCode::LimitExceeded).name;
  }
  if (row.last_error != info(ErrorCode::Diverged).name || lane.target == nullptr) return false;
  return !may_replace(lane.policy, ObjectId::from_hex(row.put_tip(lane.direction)), *lane.target);
}

/// Both sides lack what they had: nobody told of it, and the lane still counts it as known.
bool is_gone_unseen(const ListedLane& lane) {
  return lane.row != nullptr && !lane.row->common_tip.empty() &&
         lane.row->last_error != info(ErrorCode::BranchMissing).name;
}

bool needs_run(const ListedLane& lane, const RepositoryBinding& binding, std::int64_t listed_at_ms) {
  if (lane.refused) return false;
  const auto* row = lane.row;
  if (row != nullptr && (row->is_pending() || row->quarantined)) return false;
  if (lane.source == nullptr && lane.target == nullptr) {
    return deletions_of(binding, lane.key) == Deletions::Propagate && is_gone_unseen(lane);
  }
  if (lane.source == nullptr && !lane.is_deletion) return false;
  if (row == nullptr) return !lane.is_equal();
  if (!row->last_error.empty()) return !would_be_refused_again(lane, binding.is_two_way());
  const bool came_into_step_meanwhile = row->last_run_at_ms >= listed_at_ms &&
                                        (binding.is_two_way() || (row->last_direction == lane.direction &&
                                                                  is_tip(row->target_tip, lane.source)));
  return !lane.is_equal() && !came_into_step_meanwhile;
}

}  // namespace

Differences differing_lanes(const RepositoryBinding& binding, const BothListings& listings,
                            const std::vector<LaneRow>& lanes, WallTime listed_at) {
  Differences found;
  // A side's refs are deleted as its own number allows.
  std::array<std::vector<LaneMark>, 2> deletions;
  for (auto& lane : listed_lanes(binding, listings, lanes)) {
    if (!needs_run(lane, binding, to_epoch_ms(listed_at))) continue;
    auto& into = lane.is_deletion ? deletions.at(lane.direction == Direction::ToOuter ? 0 : 1) : found.marks;
    into.push_back({std::move(lane.key), lane.direction});
  }
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    auto& marks = deletions.at(direction == Direction::ToOuter ? 0 : 1);
    if (marks.size() > deletion_limit(listings.of(other(source_side(direction))).size())) {
      found.withheld_deletions += marks.size();
    } else {
      found.marks.insert(found.marks.end(), marks.begin(), marks.end());
    }
  }
  return found;
}

}  // namespace gitferry
