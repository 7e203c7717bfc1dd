#include "agent/sync/lane_runner.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/base/log.h"
#include "agent/sync/lane_request.h"
#include "agent/sync/run_text.h"
#include "agent/sync/two_way.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// After a failure of the store: without it, a worker would spin on a full disk.
constexpr seconds kPause{1};
// Due times are wall times, sleeps are not: after a jump of the clock a worker looks again within this.
constexpr seconds kLongestSleep{60};

std::vector<Direction> directions_of(unsigned bits) {
  std::vector<Direction> directions;
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    if ((bits & direction_bit(direction)) != 0) directions.push_back(direction);
  }
  return directions;
}

std::vector<std::string> hosts_of(const BindingSnapshot& snapshot, const std::string& repository) {
  const auto* binding = snapshot.find(repository);
  if (binding == nullptr) return {};
  return distinct_hosts(binding->internal.host_key(), binding->external.host_key());
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
             {"pack_bytes", report.pack_bytes},
             {"spooled_bytes", report.spooled_bytes},
             {"stays_pending", !end.done_seq.has_value()}});
}

}  // namespace

class LaneRunner::Claim {
 public:
  Claim(LaneRunner& runner, std::int64_t lane_id, std::vector<std::string> hosts)
      : runner_(runner), lane_id_(lane_id), hosts_(std::move(hosts)) {}
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { runner_.give_back(lane_id_, hosts_); }

  LaneRow lane;  ///< as it is since it was claimed

 private:
  LaneRunner& runner_;
  const std::int64_t lane_id_;
  const std::vector<std::string> hosts_;
};

LaneRunner::LaneRunner(Parts parts) : parts_(std::move(parts)), state_(State(parts_.options.per_host)) {}

LaneRunner::~LaneRunner() {
  stop();
}

void LaneRunner::start() {
  for (int i = 0; i < std::max(parts_.options.workers, 1); ++i) {
    workers_.emplace_back([this] { work(); });
  }
}

void LaneRunner::stop() {
  // First: a caller may hold a connection that whoever stops us waits for as well.
  waiters_.close();
  if (workers_.empty()) return;
  {
    auto state = state_.lock();
    state->is_stopping = true;
    changed_.notify_all();
    const auto deadline = std::chrono::steady_clock::now() + parts_.options.grace;
    state.wait_until(drained_, deadline, [](const State& now) { return now.running.empty(); });
  }
  stop_.request_stop();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

void LaneRunner::wake() {
  ++state_.lock()->wakes;
  // One is enough: whoever finds work wakes the next before it begins.
  changed_.notify_one();
}

void LaneRunner::wake_for(std::span<const Receipt::Marked> marked) {
  {
    auto state = state_.lock();
    const auto runs = [&](const Receipt::Marked& one) { return state->running.contains(one.lane_id); };
    if (std::all_of(marked.begin(), marked.end(), runs)) return;
    ++state->wakes;
  }
  changed_.notify_one();
}

bool LaneRunner::is_stopping() {
  return state_.lock()->is_stopping;
}

void LaneRunner::pause() {
  auto state = state_.lock();
  state.wait_until(changed_, std::chrono::steady_clock::now() + kPause,
                   [](const State& now) { return now.is_stopping; });
}

void LaneRunner::wait_for_work(std::uint64_t seen_wakes) {
  const auto now_ms = to_epoch_ms(parts_.clock.now());
  const auto next = parts_.store.next_due_after(now_ms);
  milliseconds longest = kLongestSleep;
  if (!next) {
    log::error("cannot see when the next lane is due", {{"error", next.error().text()}});
    longest = kPause;
  } else if (*next) {
    longest = std::min(longest, milliseconds(**next - now_ms));
  }
  const SteadyTime deadline = std::chrono::steady_clock::now() + longest;
  auto state = state_.lock();
  state.wait_until(changed_, deadline,
                   [&](const State& now) { return now.is_stopping || now.wakes != seen_wakes; });
}

void LaneRunner::work() {
  std::unique_ptr<Engine> engine;
  while (!is_stopping()) {
    try {
      step(engine);
    } catch (const std::exception& e) {
      log::error("worker failed", {{"error", e.what()}});
      engine.reset();
      pause();
    } catch (...) {
      log::error("worker failed", {{"error", "something that is no exception"}});
      engine.reset();
      pause();
    }
  }
}

void LaneRunner::step(std::unique_ptr<Engine>& engine) {
  const auto seen_wakes = state_.lock()->wakes;
  const auto claim = claim_next();
  if (!claim) {
    log::error("cannot look for due lanes", {{"error", claim.error().text()}});
    return pause();
  }
  if (*claim == nullptr) return wait_for_work(seen_wakes);
  wake();
  if (!engine) engine = parts_.engines();
  // The pause comes before the lane is given back, or it would run again at once.
  if (!run_lane(*engine, (*claim)->lane)) pause();
}

bool LaneRunner::take(std::int64_t lane_id, const std::vector<std::string>& hosts) {
  auto state = state_.lock();
  if (state->is_stopping || state->running.contains(lane_id) || !state->hosts.try_acquire(hosts))
    return false;
  state->running.insert(lane_id);
  return true;
}

void LaneRunner::give_back(std::int64_t lane_id, const std::vector<std::string>& hosts) {
  bool is_drained = false;
  {
    auto state = state_.lock();
    state->running.erase(lane_id);
    state->hosts.release(hosts);
    ++state->wakes;
    is_drained = state->running.empty();
  }
  changed_.notify_one();
  if (is_drained) drained_.notify_all();
}

Result<std::unique_ptr<LaneRunner::Claim>> LaneRunner::claim_next() {
  for (;;) {
    const auto snapshot = parts_.snapshot();
    const auto now_ms = to_epoch_ms(parts_.clock.now());
    std::unique_ptr<Claim> claim;
    const auto due = parts_.store.first_due(now_ms, [&](const LaneRow& lane) {
      auto hosts = hosts_of(*snapshot, lane.key.repository);
      if (!take(lane.id, hosts)) return false;
      claim = std::make_unique<Claim>(*this, lane.id, std::move(hosts));
      return true;
    });
    if (!due) return fail(due.error());
    if (!claim) return claim;
    // The row was read before it was ours: another worker may have finished the lane in between.
    auto current = parts_.store.lane((*due)->id);
    if (!current) return fail(current.error());
    if (*current && (*current)->is_due(now_ms)) {
      claim->lane = std::move(**current);
      return claim;
    }
  }
}

bool LaneRunner::run_lane(Engine& engine, const LaneRow& lane) {
  const auto directions = directions_of(lane.requested_directions);
  if (directions.empty()) {
    return drop(lane, Error{ErrorCode::Internal, "the lane is pending in no direction", "", std::nullopt});
  }
  Verdict verdict;
  const auto first_snapshot = parts_.snapshot();
  for (const auto direction : directions) {
    // For each anew: the first run may last, and the bindings be others after it.
    const auto snapshot = parts_.snapshot();
    const auto binding = binding_of(*snapshot, lane.key);
    if (!binding) return drop(lane, binding.error());
    // Still pending: both directions run at the new addresses, unforced.
    if (has_moved(*first_snapshot, **binding)) return true;
    const bool more_follows = direction != directions.back();
    if (!run_job(engine, {lane, **binding, direction, more_follows}, verdict)) return false;
    if (is_stopping()) return true;
  }
  return true;
}

bool LaneRunner::drop(const LaneRow& lane, const Error& reason) {
  const auto dropped = parts_.store.drop_lane_request(lane.id, lane.requested_seq, reason);
  if (!dropped) {
    log::error("cannot drop a lane's request", {{"lane_id", lane.id}, {"error", dropped.error().text()}});
    return false;
  }
  log::info("request dropped", {{"repo", lane.key.repository},
                                {"internal_ref", lane.key.internal_ref},
                                {"external_ref", lane.key.external_ref},
                                {"reason", reason.text()}});
  RunReport report;
  report.error = reason;
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    waiters_.publish(lane.key, direction, lane.requested_seq, report);
  }
  return true;
}

bool LaneRunner::run_job(Engine& engine, const Job& job, Verdict& verdict) {
  const auto started_at_ms = to_epoch_ms(parts_.clock.now());
  const auto run_id = parts_.store.begin_run(job.lane, job.direction, started_at_ms);
  if (!run_id) {
    log::error("cannot open a run", {{"lane_id", job.lane.id}, {"error", run_id.error().text()}});
    return false;
  }
  auto ran = transfer_either_way(engine, job);
  judge(ran.report, verdict);
  auto end = end_of(job, verdict);
  end.run_id = *run_id;
  end.text = run_text(job.lane.key, ran.direction, ran.report);
  if (ran.direction != job.direction) end.went = ran.direction;
  end.report = std::move(ran.report);
  const auto finished = parts_.store.finish_run(end);
  log_run(job.lane, ran.direction, end, started_at_ms);
  // Who waits for a run that we cut off ourselves is told that it is pending, which is true.
  if (!verdict.was_cancelled) {
    waiters_.publish(job.lane.key, job.direction, job.lane.requested_seq, end.report, end.went);
  }
  if (!finished) {
    log::error("cannot record the end of a run", {{"run_id", *run_id}, {"error", finished.error().text()}});
  }
  return finished.has_value();
}

DirectedReport LaneRunner::transfer_either_way(Engine& engine, const Job& job) {
  DirectedReport first{transfer(engine, job, job.direction), job.direction};
  const bool is_one_way = !job.binding.is_two_way() || job.lane.is_forced(job.direction);
  if (is_one_way || !may_go_the_other_way(first.report)) return first;
  auto second = transfer(engine, job, opposite(job.direction));
  return ended_both_ways(job.lane.key, std::move(first), std::move(second));
}

RunReport LaneRunner::transfer(Engine& engine, const Job& job, Direction direction) {
  auto request = request_for(job.binding, direction, parts_.credentials);
  if (request) {
    auto& ref = request->refs.emplace_back(ref_sync_for(job.binding, job.lane.key, direction));
    go_by_what_is_known(ref, job.binding, job.lane, direction);
    // Leave to force is for the direction that it was given for, and is used up by its own run.
    if (direction == job.direction && job.lane.is_forced(direction)) {
      ref.policy = Policy::Force;
      request->may_delete_many = true;
    }
    return std::move(run_guarded(engine, *request, stop_.get_token()).front());
  }
  RunReport report;
  report.error = request.error();
  return report;
}

void LaneRunner::judge(const RunReport& report, Verdict& verdict) {
  if (!report.error || !report.error->is_transient()) return;
  verdict.stays_pending = true;
  if (report.error->code == ErrorCode::Cancelled && stop_.stop_requested()) verdict.was_cancelled = true;
  if (report.error->retry_after) verdict.hold = std::max(verdict.hold, obeyed(*report.error->retry_after));
}

RunEnd LaneRunner::end_of(const Job& job, const Verdict& verdict) {
  RunEnd end;
  end.lane_id = job.lane.id;
  end.more_follows = job.more_follows;
  end.finished_at_ms = to_epoch_ms(parts_.clock.now());
  if (!verdict.stays_pending) {
    end.done_seq = job.lane.requested_seq;
    return end;
  }
  end.counts_as_attempt = !verdict.was_cancelled;
  const auto delay =
      verdict.was_cancelled ? milliseconds{0} : retry_delay(job.lane.attempts, parts_.fraction());
  end.next_attempt_at_ms = end.finished_at_ms + delay.count();
  if (verdict.hold.count() > 0) end.hold_until_ms = end.finished_at_ms + milliseconds(verdict.hold).count();
  return end;
}

}  // namespace gitferry
