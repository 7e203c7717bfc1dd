#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "agent/base/result.h"
#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the table `lane`. Functions that write belong on the writer's thread, within its
/// transaction; all throw what the connection throws.

/// Why and when lanes are marked.
struct MarkCause {
  Trigger trigger = Trigger::Webhook;
  std::optional<std::int64_t> delivery_id;
  std::int64_t now_ms = 0;
};

/// `requested_seq += 1`; the lane is made where it does not exist.
Receipt::Marked mark_lane(SqlConnection& connection, const LaneMark& mark, const MarkCause& cause);
/// Whether a run may begin from `lane` as it was read: leave to force and what was put there, if it has any,
/// were not taken back since. Errors: Unavailable where they were.
Status may_begin(SqlConnection& connection, const LaneRow& lane, Direction direction);
/// The part of begin_run() that belongs to the lane.
void note_run_began(SqlConnection& connection, const LaneRow& lane, Direction direction);
/// The part of finish_run() that belongs to the lane. Nothing, where forget_lanes() came in between.
void note_run_ended(SqlConnection& connection, const RunEnd& end);
void drop_request(SqlConnection& connection, std::int64_t lane_id, std::int64_t done_seq,
                  const Error& reason);
/// Tips, also those that were put there, outcomes, back-off, crashes and leave to force of a repository's
/// lanes: they were of other addresses. What is pending stays so, also where a run for the old addresses goes
/// on.
void forget_lanes(SqlConnection& connection, const std::string& repository);
/// Counts a crash on every lane with a running row, and quarantines those with kCrashLimit of them, which it
/// returns.
std::vector<LaneKey> count_crashes(SqlConnection& connection);
/// Plain back-off is forgotten; what a host asked for is not.
void make_pending_due(SqlConnection& connection);
void make_pending_due_of(SqlConnection& connection, std::span<const std::string> repositories);

std::optional<LaneRow> find_lane(SqlConnection& connection, std::int64_t id);
std::optional<LaneRow> find_lane(SqlConnection& connection, const LaneKey& key);
std::vector<LaneRow> all_lanes(SqlConnection& connection);
/// Without `last_text`.
std::vector<LaneRow> find_lanes_behind(SqlConnection& connection, const LaneKey& key, std::size_t limit);
std::vector<LaneRow> lanes_of_repositories(SqlConnection& connection,
                                           std::span<const std::string> repositories);
std::vector<std::int64_t> count_lanes(SqlConnection& connection, std::span<const std::string> repositories);
std::vector<std::int64_t> count_tag_lanes(SqlConnection& connection,
                                          std::span<const std::string> repositories);

/// Where a scan of due lanes goes on: behind the last one seen, or behind all of its repository that were
/// marked in the same millisecond.
struct ScanPosition {
  std::int64_t marked_at_ms = INT64_MIN;
  std::string repository;
  std::int64_t branch_id = 0;

  void pass(const LaneRow& lane, bool with_repository) {
    // No name of a repository has a control character: this is behind it, and before every other.
    constexpr char behind = '\x01';
    marked_at_ms = lane.marked_at_ms;
    repository = lane.key.repository;
    if (with_repository) repository += behind;
    branch_id = with_repository ? 0 : lane.branch_id;
  }
  [[nodiscard]] bool is_past(const LaneRow& lane) const {
    return std::tie(lane.marked_at_ms, lane.key.repository) < std::tie(marked_at_ms, repository);
  }
};
/// The next few due lanes behind `position`, the longest waiting first.
std::vector<LaneRow> due_lanes(SqlConnection& connection, std::int64_t now_ms, const ScanPosition& position);
std::vector<std::int64_t> due_lanes_of(SqlConnection& connection, const LaneGroup& group, std::int64_t now_ms,
                                       std::size_t limit);
std::vector<LaneRow> find_lanes_to_run(SqlConnection& connection, std::span<const std::int64_t> ids);
std::optional<std::int64_t> next_due(SqlConnection& connection, std::int64_t now_ms);

Trigger trigger_from(const std::string& name);

}  // namespace gitferry
