#include "agent/sync/lane_runner.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/sync/host_probe.h"
#include "agent/sync/lane_job.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// After a failure of the store: without it, a worker would spin on a full disk.
constexpr seconds kPause{1};
// Due times are wall times, sleeps are not: after a jump of the clock a worker looks again within this.
constexpr seconds kLongestSleep{60};

// From so many failures in a row on a lane has a history, and is kept apart from those that have none.
constexpr int kFailuresOfHistory = 3;
// Lanes that were running at a crash together: the next one shall leave few suspects.
constexpr std::size_t kMostSuspects = 64;

std::vector<std::string> hosts_of(const BindingSnapshot& snapshot, const std::string& repository) {
  const auto* binding = snapshot.find(repository);
  if (binding == nullptr) return {};
  return distinct_hosts(binding->internal.host_key(), binding->external.host_key());
}

std::size_t most_together(const LaneRow& lane, std::size_t most) {
  if (lane.crash_count == 0) return most;
  return lane.crash_count < kCrashLimit - 1 ? std::min(most, kMostSuspects) : 1;
}

/// Those that may share a transfer with `lane`, as far as the store can tell.
LaneGroup group_of(const LaneRow& lane) {
  LaneGroup group{lane.key.repository, lane.requested_directions, lane.forced_directions, lane.crash_count};
  const bool has_history = lane.attempts >= kFailuresOfHistory;
  group.attempts_min = has_history ? kFailuresOfHistory : 0;
  group.attempts_max = has_history ? std::numeric_limits<int>::max() : kFailuresOfHistory - 1;
  return group;
}

/// The refs that the transfers of some lanes write, which have to be different from each other.
class WrittenRefs {
 public:
  explicit WrittenRefs(unsigned directions) : directions_(directions) {}
  /// False where the lane writes what another one does.
  bool add(const LaneKey& key) {
    const bool to_outer = (directions_ & direction_bit(Direction::ToOuter)) != 0;
    const bool to_inter = (directions_ & direction_bit(Direction::ToInter)) != 0;
    if ((to_outer && external_.contains(key.external_ref)) ||
        (to_inter && internal_.contains(key.internal_ref)))
      return false;
    external_.insert(key.external_ref);
    internal_.insert(key.internal_ref);
    return true;
  }

 private:
  const unsigned directions_;
  std::set<std::string> internal_;
  std::set<std::string> external_;
};

}  // namespace

class LaneRunner::Claim {
 public:
  explicit Claim(LaneRunner& runner) : runner_(runner) {}
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    if (!share.lanes.empty()) runner_.give_back(share);
  }

  LaneTurns::Share share;
  std::vector<LaneRow> lanes;  ///< as they are since they were claimed

 private:
  LaneRunner& runner_;
};

LaneRunner::LaneRunner(Parts parts)
    : parts_(std::move(parts)), state_(State(parts_.options.per_host)), running_(parts_.clock) {}

LaneRunner::~LaneRunner() {
  stop();
}

void LaneRunner::start() {
  running_.start();
  for (int i = 1; i <= std::max(parts_.options.workers, 1); ++i) {
    workers_.emplace_back([this, i] { work(i); });
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
    state.wait_until(drained_, deadline, [](const State& now) { return now.turns.is_idle(); });
  }
  stop_.request_stop();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
  crash_point(CrashPoint::WorkersStopped);
  running_.stop();
}

void LaneRunner::wake() {
  ++state_.lock()->wakes;
  // One is enough: whoever finds work wakes the next before it begins.
  changed_.notify_one();
}

void LaneRunner::wake_for(std::span<const Receipt::Marked> marked) {
  {
    auto state = state_.lock();
    const auto runs = [&](const Receipt::Marked& one) { return state->turns.runs(one.lane_id); };
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
  wait_beating(state, changed_, std::chrono::steady_clock::now() + kPause,
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
  const auto now = parts_.clock.monotonic();
  auto state = state_.lock();
  if (const auto probe = state->turns.breakers().next_probe(now))
    longest = std::min(longest, std::chrono::ceil<milliseconds>(*probe - now));
  const SteadyTime deadline = std::chrono::steady_clock::now() + longest;
  wait_beating(state, changed_, deadline,
               [&](const State& current) { return current.is_stopping || current.wakes != seen_wakes; });
}

void LaneRunner::work(int number) {
  const SupervisedThread supervised("worker " + std::to_string(number));
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
  crash_point(CrashPoint::LaneTaken);
  wake();
  if (!engine) engine = parts_.engines();
  // The pause comes before the lanes are given back, or they would run again at once.
  if (!run(*engine, **claim)) pause();
}

Offer LaneRunner::offer(const LaneRow& lane, const BindingSnapshot& bindings, LaneTurns::Search& search,
                        LaneTurns::Share& share) {
  const auto hosts = hosts_of(bindings, lane.key.repository);
  auto state = state_.lock();
  if (state->is_stopping) return Offer::EndOfSearch;
  return state->turns.offer(lane, hosts, search, share);
}

bool LaneRunner::probe(Engine& engine, const Claim& claim) {
  const auto snapshot = parts_.snapshot();
  for (const auto& host : claim.share.probes) {
    beat_for(kLongestProbe);
    const auto news = probe_host(engine, *snapshot, claim.share.repository, host, parts_.credentials,
                                 parts_.fraction, stop_.get_token());
    beat();
    if (is_stopping()) return false;
    if (!news) continue;
    note(claim.share, {*news});
    if (news->has_failed) return false;
  }
  return true;
}

void LaneRunner::note(const LaneTurns::Share& share, const std::vector<HostNews>& news) {
  const auto now = parts_.clock.monotonic();
  for (const auto& one : news) {
    const auto [change, rest] = [&] {
      auto state = state_.lock();
      const auto changed = state->turns.note(share, one, now);
      return std::pair(changed, state->turns.breakers().rest_of(one.host));
    }();
    if (change == HostBreakers::Change::Opened) {
      log::warn("a git host does not answer; what is to be synced with it waits",
                {{"host", one.host},
                 {"repo", one.repository},
                 {"rest_s", std::chrono::duration_cast<seconds>(rest).count()}});
    } else if (change == HostBreakers::Change::Closed) {
      log::info("a git host answers again", {{"host", one.host}});
      hurry(one.host);
    }
  }
}

void LaneRunner::hurry(const std::string& host) {
  std::vector<std::string> repositories;
  const auto snapshot = parts_.snapshot();
  for (const auto& [name, binding] : snapshot->repositories) {
    if (binding.internal.host_key() == host || binding.external.host_key() == host)
      repositories.push_back(name);
  }
  const auto hurried = parts_.store.retry_now(repositories);
  if (!hurried) {
    return log::error("cannot have the lanes of a host tried again at once",
                      {{"host", host}, {"error", hurried.error().text()}});
  }
  wake();
}

void LaneRunner::probe_soon(std::span<const std::string> repositories) {
  const auto snapshot = parts_.snapshot();
  const auto now = parts_.clock.monotonic();
  auto state = state_.lock();
  for (const auto& repository : repositories) {
    for (const auto& host : hosts_of(*snapshot, repository)) state->turns.breakers().probe_soon(host, now);
  }
}

std::vector<std::string> LaneRunner::resting_hosts() {
  auto resting = state_.lock()->turns.breakers().open();
  if (resting.empty()) return resting;
  // Of a host that is bound no longer nobody will find out whether it answers again.
  const auto snapshot = parts_.snapshot();
  std::erase_if(resting, [&](const std::string& host) {
    return std::ranges::none_of(snapshot->repositories, [&](const auto& entry) {
      return entry.second.internal.host_key() == host || entry.second.external.host_key() == host;
    });
  });
  return resting;
}

void LaneRunner::leave(Claim& claim, std::span<const std::int64_t> lanes) {
  if (lanes.empty()) return;
  {
    auto state = state_.lock();
    for (const auto lane : lanes) state->turns.leave(claim.share, lane);
    ++state->wakes;
  }
  changed_.notify_one();
}

void LaneRunner::give_back(const LaneTurns::Share& share) {
  const auto now_ms = to_epoch_ms(parts_.clock.now());
  bool is_drained = false;
  {
    auto state = state_.lock();
    state->turns.give_back(share, now_ms);
    ++state->wakes;
    is_drained = state->turns.is_idle();
  }
  changed_.notify_one();
  if (is_drained) drained_.notify_all();
}

Result<std::unique_ptr<LaneRunner::Claim>> LaneRunner::claim_next() {
  for (;;) {
    beat();
    const auto snapshot = parts_.snapshot();
    const auto now_ms = to_epoch_ms(parts_.clock.now());
    auto claim = std::make_unique<Claim>(*this);
    LaneTurns::Search search{parts_.clock.monotonic()};
    const auto due = parts_.store.first_due(
        now_ms, [&](const LaneRow& lane) { return offer(lane, *snapshot, search, claim->share); });
    if (!due) return fail(due.error());
    if (!*due) {
      if (!state_.lock()->turns.let_next_in(search)) return std::unique_ptr<Claim>();
      continue;
    }
    if (auto read = read_claimed(*claim, (*due)->id, now_ms); !read) return fail(read.error());
    if (claim->lanes.empty()) continue;
    if (auto added = add_companions(*claim, now_ms); !added) return fail(added.error());
    state_.lock()->turns.gathered(claim->share);
    return claim;
  }
}

/// The row was read before it was ours: another worker may have finished the lane in between.
Status LaneRunner::read_claimed(Claim& claim, std::int64_t lane_id, std::int64_t now_ms) {
  auto current = parts_.store.lane(lane_id);
  if (!current) return fail(current.error());
  if (*current && (*current)->is_due(now_ms)) claim.lanes.push_back(std::move(**current));
  return {};
}

Status LaneRunner::add_companions(Claim& claim, std::int64_t now_ms) {
  const auto& first = claim.lanes.front();
  const auto most = most_together(first, parts_.options.lanes_per_transfer);
  if (most <= 1) return {};
  auto group = group_of(first);
  std::size_t limit = most;
  {
    auto state = state_.lock();
    group.marked_after_ms = state->turns.full_since_ms(group.repository);
    limit += state->turns.running_of(group.repository);
  }
  const auto due = parts_.store.due_of(group, now_ms, limit);
  if (!due) return fail(due.error());
  const auto joined = state_.lock()->turns.join(claim.share, *due, most, now_ms);
  if (joined.empty()) return {};
  auto rows = parts_.store.lanes_to_run(joined);
  if (!rows) return fail(rows.error());
  WrittenRefs written(group.requested_directions);
  written.add(first.key);
  std::vector<std::int64_t> unfit;
  for (auto& lane : *rows) {
    const bool is_alike = lane.is_due(now_ms) && lane.requested_directions == group.requested_directions &&
                          lane.forced_directions == group.forced_directions;
    if (is_alike && written.add(lane.key)) {
      claim.lanes.push_back(std::move(lane));
    } else {
      unfit.push_back(lane.id);
    }
  }
  leave(claim, unfit);
  return {};
}

bool LaneRunner::run(Engine& engine, Claim& claim) {
  if (!probe(engine, claim)) return true;
  const auto& share = claim.share;
  LaneJob job({parts_.store, parts_.clock, parts_.credentials, parts_.snapshot, parts_.fraction, waiters_,
               running_, stop_.get_token(), [this] { return is_stopping(); }, parts_.options.longest_run,
               [&](const auto& reports) { note(share, news_of(share.repository, share.hosts, reports)); }},
              std::move(claim.lanes));
  return job.run(engine);
}

}  // namespace gitferry
