#include "agent/sync/reconciler.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/sync/known_addresses.h"
#include "agent/sync/lane_selection.h"
#include "agent/sync/repository_listing.h"
#include "agent/sync/time_limit.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sleeps are of the machine's clock, due times of ours: after this, a thread looks again in any case.
constexpr milliseconds kLongestSleep{60'000};
// One host that hangs must not hold a thread for as long as a run may take.
constexpr seconds kLongestComparison{120};

Error unexpected_in(const std::string& repository, std::string_view what) {
  return {ErrorCode::Internal, fmt::format("compare '{}': {}", repository, what),
          "this is a defect of gitferry; please report it with this text", std::nullopt};
}

}  // namespace

Reconciler::Reconciler(Parts parts)
    : parts_(std::move(parts)), state_(State({parts_.options.reconcile_interval, parts_.fraction})) {}

void Reconciler::start() {
  auto state = state_.lock();
  // Asked for under the lock: bindings that are swapped from now on come by replace().
  const auto bindings = parts_.snapshot();
  state->is_started = true;
  state->schedule.replace({}, *bindings, parts_.clock.monotonic());
  need_thread(*state);
}

void Reconciler::stop() {
  stop_.request_stop();
  std::vector<std::jthread> threads;
  {
    auto state = state_.lock();
    state->is_stopping = true;
    threads = std::exchange(state->threads, {});
  }
  changed_.notify_all();
  for (auto& thread : threads) thread.join();
}

void Reconciler::replace(const BindingSnapshot& before, const BindingSnapshot& now) {
  {
    auto state = state_.lock();
    if (!state->is_started) return;
    state->schedule.replace(before, now, parts_.clock.monotonic());
    need_thread(*state);
  }
  wake();
}

void Reconciler::ask(std::string_view repository, Claim claim) {
  {
    auto state = state_.lock();
    if (!state->is_started) return;
    state->schedule.ask(repository, claim, parts_.clock.monotonic());
    need_thread(*state);
  }
  wake();
}

void Reconciler::wake() {
  ++state_.lock()->wakes;
  // One is enough: whoever begins a comparison sees to it that somebody waits for the next.
  changed_.notify_one();
}

ReconcileState Reconciler::state() {
  if (parts_.options.reconcile_interval.count() == 0) return ReconcileState::Off;
  auto state = state_.lock();
  return state->schedule.is_behind(parts_.clock.monotonic()) ? ReconcileState::Behind : ReconcileState::Ok;
}

void Reconciler::need_thread(State& state) {
  if (state.threads.empty() && state.schedule.next()) add_thread(state);
}

void Reconciler::add_thread(State& state) {
  if (!state.is_stopping && state.threads.size() < kThreads) state.threads.emplace_back([this] { work(); });
}

std::optional<std::string> Reconciler::next_repository() {
  auto state = state_.lock();
  while (!state->is_stopping) {
    const auto now = parts_.clock.monotonic();
    if (auto repository = state->schedule.take(now)) {
      if (const auto next = state->schedule.next(); next && *next <= now) {
        add_thread(*state);
        ++state->wakes;
        changed_.notify_one();
      }
      return repository;
    }
    auto longest = kLongestSleep;
    if (const auto next = state->schedule.next())
      longest = std::min(longest, std::chrono::ceil<milliseconds>(*next - now));
    const auto seen = state->wakes;
    wait_beating(state, changed_, std::chrono::steady_clock::now() + longest,
                 [&](const State& current) { return current.is_stopping || current.wakes != seen; });
  }
  return std::nullopt;
}

void Reconciler::work() {
  const SupervisedThread supervised("reconciler");
  std::unique_ptr<Engine> engine;
  while (const auto repository = next_repository()) {
    beat_for(kLongestComparison);
    const auto end = compare_guarded(engine, *repository);
    if (stop_.stop_requested()) return;
    const auto news = state_.lock()->schedule.finish(*repository, end, parts_.clock.monotonic());
    wake();
    log_news(*repository, end, news);
  }
}

ComparisonEnd Reconciler::compare_guarded(std::unique_ptr<Engine>& engine, const std::string& repository) {
  try {
    if (!engine) engine = parts_.engines();
    return compare(*engine, repository);
  } catch (const std::exception& e) {
    engine.reset();
    return {unexpected_in(repository, e.what())};
  } catch (...) {
    engine.reset();
    return {unexpected_in(repository, "something unknown was thrown")};
  }
}

ComparisonEnd Reconciler::compare(Engine& engine, const std::string& repository) {
  const auto bindings = parts_.snapshot();
  const auto selection = select_repository(*bindings, repository, {});
  if (!selection) return {};  // it was unbound or disabled a moment ago
  const auto& binding = *selection->binding;
  const auto listed_at = parts_.clock.now();
  const TimeLimit limit(stop_.get_token(), std::chrono::steady_clock::now() + kLongestComparison);
  auto listings = list_both(engine, binding, first_side(*selection), parts_.credentials, limit);
  if (!listings) return {std::move(listings.error().error), listings.error().side};
  crash_point(CrashPoint::ReconcileListed);
  return mark(binding, *listings, listed_at);
}

ComparisonEnd Reconciler::mark(const RepositoryBinding& binding, const BothListings& listings,
                               WallTime listed_at) {
  // What was listed is of the addresses that were in force then; of others it says nothing.
  const auto now = parts_.snapshot();
  const auto* current = now->find(binding.name);
  if (current == nullptr || fingerprint_of(*current) != fingerprint_of(binding)) return {};
  const auto lanes = parts_.store.lanes_of_repositories(std::span(&binding.name, 1));
  if (!lanes) return {lanes.error()};
  const auto differences = differing_lanes(*current, listings, *lanes, listed_at);
  if (differences.withheld_deletions > 0) {
    log::warn("too many refs are gone at once: none of them is deleted on the other side",
              {{"repo", binding.name}, {"refs", differences.withheld_deletions}});
  }
  const auto& marks = differences.marks;
  if (marks.empty()) return {};
  const auto marked = parts_.store.mark_lanes(marks, Trigger::Reconcile);
  if (!marked) return {marked.error()};
  crash_point(CrashPoint::ReconcileMarked);
  parts_.marked();
  log::info("the hosts differ: refs will be synced",
            {{"repo", binding.name}, {"trigger", name_of(Trigger::Reconcile)}, {"refs", marks.size()}});
  return {};
}

void Reconciler::log_news(const std::string& repository, const ComparisonEnd& end,
                          const ReconcileSchedule::News& news) {
  for (const auto& host : news.answering) log::info("a git host answers again", {{"host", host}});
  if (news.is_well_again) log::info("a repository can be compared again", {{"repo", repository}});
  if (!news.is_failing || !end.error) return;
  const auto error = end.error->text();
  if (news.host.empty()) {
    log::warn("a repository cannot be compared; tried again from time to time",
              {{"repo", repository}, {"error", error}});
  } else {
    log::warn("a git host does not answer; its repositories are compared later",
              {{"host", news.host},
               {"repo", repository},
               {"rest_s", std::chrono::duration_cast<seconds>(news.rest).count()},
               {"error", error}});
  }
}

}  // namespace gitferry
