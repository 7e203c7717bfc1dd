#include "agent/sync/lane_job.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/base/supervision.h"
#include "agent/sync/lane_request.h"
#include "agent/sync/retry.h"
#include "agent/sync/run_metrics.h"
#include "agent/sync/run_text.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

// Lanes a transaction: few commits, and none that keeps the deliveries which wait for the writer waiting.
constexpr std::size_t kLanesACommit = 256;

std::vector<Direction> directions_of(unsigned bits) {
  std::vector<Direction> directions;
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    if ((bits & direction_bit(direction)) != 0) directions.push_back(direction);
  }
  return directions;
}

bool has_moved(const BindingSnapshot& before, const RepositoryBinding& now) {
  const auto* known = before.find(now.name);
  return known == nullptr || known->internal != now.internal || known->external != now.external;
}

void log_run(const LaneRow& lane, Direction direction, const RunEnd& end, std::int64_t started_at_ms) {
  const auto& report = end.report;
  log::info("run finished",
            {{"delivery_id", lane.delivery_id.value_or(0)},
             {"run_id", end.run_id},
             {"lane_id", lane.id},
             {"repo", lane.key.repository},
             {"internal_ref", lane.key.internal_ref},
             {"external_ref", lane.key.external_ref},
             {"direction", name_of(direction)},
             {"trigger", name_of(lane.trigger)},
             {"plan", name_of(report.plan)},
             {"outcome", report.error ? info(report.error->code).name : std::string_view("ok")},
             {"code_status", report.error ? info(report.error->code).code_status : 0},
             {"error", report.error ? report.error->text() : std::string()},
             {"queued_ms", started_at_ms - lane.marked_at_ms},
             {"listing_us", report.listing.count()},
             {"total_us", report.total.count()},
             {"refs_in_transfer", report.refs_in_transfer},
             {"pack_bytes", report.pack_bytes},
             {"spooled_bytes", report.spooled_bytes},
             {"stays_pending", !end.done_seq.has_value()}});
}

void log_begun(const LaneRow& lane, std::int64_t run_id, Direction direction) {
  if (log::level() > log::Level::Debug) return;  // a transfer may have thousands
  log::debug("run began", {{"delivery_id", lane.delivery_id.value_or(0)},
                           {"run_id", run_id},
                           {"lane_id", lane.id},
                           {"repo", lane.key.repository},
                           {"internal_ref", lane.key.internal_ref},
                           {"external_ref", lane.key.external_ref},
                           {"direction", name_of(direction)},
                           {"trigger", name_of(lane.trigger)},
                           {"attempts", lane.attempts}});
}

}  // namespace

LaneJob::LaneJob(Parts parts, std::vector<LaneRow> lanes)
    : parts_(std::move(parts)), lanes_(std::move(lanes)), verdicts_(lanes_.size()), run_ids_(lanes_.size()) {}

void LaneJob::keep(const std::vector<bool>& kept) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    if (end != i) lanes_[end] = std::move(lanes_[i]);
    verdicts_[end] = verdicts_[i];
    run_ids_[end] = run_ids_[i];
    ++end;
  }
  lanes_.resize(end);
  verdicts_.resize(end);
  run_ids_.resize(end);
}

bool LaneJob::run(Engine& engine) {
  const auto directions = directions_of(lanes_.front().requested_directions);
  if (directions.empty()) {
    const Error reason{ErrorCode::Internal, "the lane is pending in no direction", "", std::nullopt};
    std::vector<LaneDrop> drops;
    for (const auto& lane : lanes_) drops.push_back({lane.id, lane.requested_seq, reason});
    return drop(drops, lanes_);
  }
  const auto repository = lanes_.front().key.repository;
  const auto first_snapshot = parts_.snapshot();
  for (const auto direction : directions) {
    // For each anew: the first transfer may last, and the bindings be others after it.
    const auto snapshot = parts_.snapshot();
    if (direction != directions.front() && !read_tips_again()) return false;
    if (!drop_unbound(*snapshot)) return false;
    if (lanes_.empty()) return true;
    const auto& binding = *snapshot->find(repository);
    // Still pending: both directions run at the new addresses, unforced.
    if (has_moved(*first_snapshot, binding)) return true;
    const Pass pass{binding, direction, direction != directions.back(), to_epoch_ms(parts_.clock.now()),
                    parts_.fraction()};
    if (!run_pass(engine, pass)) return false;
    if (lanes_.empty() || parts_.is_stopping()) return true;
  }
  return true;
}

bool LaneJob::read_tips_again() {
  std::vector<std::int64_t> ids;
  for (const auto& lane : lanes_) ids.push_back(lane.id);
  auto rows = parts_.store.lanes_to_run(ids);
  if (!rows) {
    log::error("cannot read lanes again", {{"error", rows.error().text()}});
    return false;
  }
  std::unordered_map<std::int64_t, const LaneRow*> by_id;
  for (const auto& row : *rows) by_id.emplace(row.id, &row);
  for (auto& lane : lanes_) {
    const auto found = by_id.find(lane.id);
    if (found == by_id.end()) continue;
    lane.common_tip = found->second->common_tip;
    lane.put_to_outer = found->second->put_to_outer;
    lane.put_to_inter = found->second->put_to_inter;
  }
  return true;
}

bool LaneJob::drop_unbound(const BindingSnapshot& snapshot) {
  std::vector<bool> kept(lanes_.size(), true);
  std::vector<LaneDrop> drops;
  std::vector<LaneRow> dropped;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto binding = binding_of(snapshot, lanes_[i].key);
    if (binding) continue;
    drops.push_back({lanes_[i].id, lanes_[i].requested_seq, binding.error()});
    dropped.push_back(std::move(lanes_[i]));
    kept[i] = false;
  }
  if (drops.empty()) return true;
  keep(kept);
  return drop(drops, dropped);
}

bool LaneJob::drop(std::span<const LaneDrop> drops, std::span<const LaneRow> lanes) {
  const auto done = parts_.store.drop_lane_requests(drops);
  if (!done) {
    log::error("cannot drop requests of lanes", {{"lanes", drops.size()}, {"error", done.error().text()}});
    return false;
  }
  for (std::size_t i = 0; i < drops.size(); ++i) {
    const auto& lane = lanes[i];
    log::info("request dropped", {{"repo", lane.key.repository},
                                  {"internal_ref", lane.key.internal_ref},
                                  {"external_ref", lane.key.external_ref},
                                  {"reason", drops[i].reason.text()}});
    RunReport report;
    report.error = drops[i].reason;
    for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
      parts_.waiters.publish(lane.key, direction, lane.requested_seq, report);
    }
  }
  return true;
}

bool LaneJob::run_pass(Engine& engine, const Pass& pass) {
  const bool all_asked = begin(pass);
  if (lanes_.empty()) return all_asked;
  const Level::Share running(metrics().running, lanes_.size());
  crash_point(CrashPoint::RunsBegun);
  const bool all_recorded = finish(pass, transfer(engine, pass));
  return all_asked && all_recorded;
}

/// False where the store failed. What has no run then, or may not begin, is no part of the job any more.
bool LaneJob::begin(const Pass& pass) {
  std::vector<bool> begun(lanes_.size(), false);
  bool all_asked = true;
  for (std::size_t first = 0; first < lanes_.size() && all_asked; first += kLanesACommit) {
    const auto some = std::span(lanes_).subspan(first, std::min(kLanesACommit, lanes_.size() - first));
    const auto answers = parts_.store.begin_runs(some, pass.direction, pass.started_at_ms);
    if (!answers) {
      log::error("cannot open runs", {{"repo", pass.binding.name}, {"error", answers.error().text()}});
      all_asked = false;
    }
    for (std::size_t i = 0; answers && i < some.size(); ++i) {
      const auto& answer = answers->at(i);
      begun[first + i] = answer.has_value();
      if (answer) {
        run_ids_[first + i] = *answer;
        count_begun(some[i], pass.started_at_ms);
        log_begun(some[i], *answer, pass.direction);
      } else {
        log::info("a run does not begin: it is looked at again",
                  {{"lane_id", some[i].id}, {"reason", answer.error().text()}});
      }
    }
  }
  keep(begun);
  return all_asked;
}

bool LaneJob::may_turn(const Pass& pass) const {
  return pass.binding.is_two_way() && !lanes_.front().is_forced(pass.direction);
}

std::vector<DirectedReport> LaneJob::transfer(Engine& engine, const Pass& pass) {
  std::vector<LaneKey> keys;
  for (const auto& lane : lanes_) keys.push_back(lane.key);
  std::vector<std::size_t> all(lanes_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return run_either_way(
      keys, all, pass.direction, may_turn(pass),
      [&](const auto& some, Direction direction) { return transfer_one_way(engine, pass, some, direction); });
}

std::vector<RunReport> LaneJob::transfer_one_way(Engine& engine, const Pass& pass,
                                                 const std::vector<std::size_t>& some, Direction direction) {
  auto request = request_for(pass.binding, direction, parts_.credentials);
  if (!request) {
    RunReport report;
    report.error = request.error();
    return std::vector(some.size(), report);
  }
  // Leave to force is for the direction that it was given for, and used up by its own pass. The lanes of a
  // job are alike in it.
  const bool is_forced = direction == pass.direction && lanes_.front().is_forced(direction);
  request->may_delete_many = is_forced;
  request->refs.reserve(some.size());
  std::vector<std::int64_t> ids;
  for (const auto i : some) {
    auto& ref = request->refs.emplace_back(ref_sync_for(pass.binding, lanes_[i].key, direction));
    go_by_what_is_known(ref, pass.binding, lanes_[i], direction);
    if (is_forced) ref.policy = Policy::Force;
    ref.may_be_deleted_at_target = ref.propagate_deletion && may_turn(pass) && direction == pass.direction;
    ids.push_back(lanes_[i].id);
    crash_point(CrashPoint::LaneRequested, lanes_[i].key.internal_ref);
  }
  RunningTransfers::Running running(parts_.running, ids);
  request->progress = &running.progress();
  beat_for(parts_.longest_run);
  auto reports = run_guarded(engine, *request, parts_.stop);
  beat();
  count_bytes(reports);
  parts_.transferred(reports);
  return reports;
}

bool LaneJob::finish(const Pass& pass, std::vector<DirectedReport> reports) {
  bool all_recorded = true;
  for (std::size_t first = 0; first < lanes_.size(); first += kLanesACommit) {
    std::vector<RunEnd> ends;
    for (std::size_t i = first; i < std::min(first + kLanesACommit, lanes_.size()); ++i) {
      ends.push_back(end_of(pass, i, std::move(reports[i])));
    }
    all_recorded = record(pass, ends, first) && all_recorded;
  }
  return all_recorded;
}

bool LaneJob::record(const Pass& pass, std::span<const RunEnd> ends, std::size_t first) {
  crash_point(CrashPoint::BeforeDoneSeq);
  const auto finished = parts_.store.finish_runs(ends);
  crash_point(CrashPoint::AfterDoneSeq);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto& lane = lanes_[first + i];
    count_ended(lane, ends[i]);
    log_run(lane, ends[i].went.value_or(pass.direction), ends[i], pass.started_at_ms);
    // Who waits for a run that we cut off ourselves is told that it is pending, which is true.
    if (!verdicts_[first + i].was_cancelled) {
      parts_.waiters.publish(lane.key, pass.direction, lane.requested_seq, ends[i].report, ends[i].went);
    }
  }
  if (!finished) {
    log::error("cannot record the ends of runs",
               {{"first_run_id", ends.front().run_id}, {"error", finished.error().text()}});
  }
  return finished.has_value();
}

void LaneJob::judge(const RunReport& report, Verdict& verdict) const {
  if (!report.error || !report.error->is_transient()) return;
  verdict.stays_pending = true;
  if (report.error->code == ErrorCode::Cancelled && parts_.stop.stop_requested())
    verdict.was_cancelled = true;
  if (report.error->retry_after) verdict.hold = std::max(verdict.hold, obeyed(*report.error->retry_after));
}

RunEnd LaneJob::end_of(const Pass& pass, std::size_t index, DirectedReport ran) {
  const auto& lane = lanes_[index];
  auto& verdict = verdicts_[index];
  judge(ran.report, verdict);
  RunEnd end;
  end.run_id = run_ids_[index];
  end.lane_id = lane.id;
  end.text = run_text(lane.key, ran.direction, ran.report);
  if (ran.direction != pass.direction) end.went = ran.direction;
  end.report = std::move(ran.report);
  end.more_follows = pass.more_follows;
  end.finished_at_ms = to_epoch_ms(parts_.clock.now());
  if (!verdict.stays_pending) {
    end.done_seq = lane.requested_seq;
    return end;
  }
  end.counts_as_attempt = !verdict.was_cancelled;
  const auto delay = verdict.was_cancelled ? milliseconds{0} : retry_delay(lane.attempts, pass.fraction);
  end.next_attempt_at_ms = end.finished_at_ms + delay.count();
  if (verdict.hold.count() > 0) end.hold_until_ms = end.finished_at_ms + milliseconds(verdict.hold).count();
  return end;
}

}  // namespace gitferry
