#include "agent/sync/reconcile_schedule.h"

#include <algorithm>

#include "agent/sync/binding_comparison.h"
#include "agent/sync/host_breakers.h"
#include "agent/sync/retry.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

/// Enough to get from any first pause to any longest one.
constexpr int kMostDoublings = 16;

milliseconds doubled(milliseconds first, int times, milliseconds longest) {
  return std::min(first * (1 << std::clamp(times, 0, kMostDoublings)), longest);
}

bool is_compared(const RepositoryBinding& binding) {
  if (!binding.enabled || !binding.problem.empty()) return false;
  return binding.needs_listing() || std::any_of(binding.branches.begin(), binding.branches.end(),
                                                [](const BranchBinding& branch) { return branch.enabled; });
}

/// It says nothing of the repository, and would say the same of the host's others.
bool is_of_host(ErrorCode code) {
  return is_silence(code) || code == ErrorCode::AddressRefused;
}

bool is_of_host(const ComparisonEnd& end) {
  return end.error && end.side && is_of_host(end.error->code);
}

template <typename Pair, typename Do>
void for_each_host(const Pair& hosts, Do once) {
  once(*hosts[0]);
  if (hosts[1] != hosts[0]) once(*hosts[1]);
}

bool is_later(const auto& left, const auto& right) {
  return left.due > right.due;
}

}  // namespace

void ReconcileSchedule::Heap::push(Queued queued) {
  queue_.push_back(queued);
  std::push_heap(queue_.begin(), queue_.end(), is_later<Queued, Queued>);
}

void ReconcileSchedule::Heap::pop() {
  std::pop_heap(queue_.begin(), queue_.end(), is_later<Queued, Queued>);
  queue_.pop_back();
}

int ReconcileSchedule::Host::room() const {
  const int limit = has_answered && failures == 0 ? kPerHost : 1;
  return limit - running;
}

ReconcileSchedule::Entry* ReconcileSchedule::find(std::string_view repository) {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), repository,
                       [](const Entry& entry, std::string_view name) { return entry.name < name; });
  return found == entries_.end() || found->name != repository ? nullptr : &*found;
}

ReconcileSchedule::Hosts::value_type* ReconcileSchedule::host_of(const RemoteUrl& address) {
  auto& host = *hosts_.try_emplace(address.host_key()).first;
  ++host.second.repositories;
  return &host;
}

void ReconcileSchedule::replace(const BindingSnapshot& before, const BindingSnapshot& bindings,
                                MonotonicTime now) {
  for (auto& [name, host] : hosts_) host.repositories = 0;
  std::vector<std::uint32_t> soon;
  take_up(std::exchange(entries_, {}), before, bindings, soon);
  std::erase_if(hosts_,
                [](const auto& host) { return host.second.repositories == 0 && host.second.running == 0; });
  spread(soon, now);
  rebuild_heaps();
}

void ReconcileSchedule::take_up(std::vector<Entry> known, const BindingSnapshot& before,
                                const BindingSnapshot& bindings, std::vector<std::uint32_t>& soon) {
  const auto count = std::count_if(bindings.repositories.begin(), bindings.repositories.end(),
                                   [](const auto& bound) { return is_compared(bound.second); });
  entries_.reserve(static_cast<std::size_t>(count));
  auto old = known.begin();  // both are in the order of the names
  for (const auto& [name, binding] : bindings.repositories) {
    if (!is_compared(binding)) continue;
    while (old != known.end() && old->name < name) ++old;
    const bool is_known = old != known.end() && old->name == name;
    auto& entry = entries_.emplace_back(is_known ? std::move(*old) : Entry{});
    if (!is_known) entry.name = name;
    entry.hosts = {host_of(binding.internal), host_of(binding.external)};
    const auto* was = before.find(name);
    if (is_known && was != nullptr && runs_alike(*was, binding)) continue;
    entry.failures = 0;
    if (running_.contains(name)) {
      // What runs lists the bindings as they were.
      entry.state = State::Running;
      if (!entry.again && options_.interval.count() > 0) entry.again = Want::Regular;
    } else {
      soon.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
    }
  }
}

void ReconcileSchedule::spread(const std::vector<std::uint32_t>& soon, MonotonicTime now) {
  if (options_.interval.count() == 0) return;
  const auto count = static_cast<std::int64_t>(soon.size());
  const auto window = std::min({kFirstSweep, options_.interval, kBetweenFirst * count});
  std::int64_t place = 0;
  for (const auto index : soon) {
    auto& entry = entries_[index];
    const auto due = now + (window * place + fraction_of(window)) / count;
    ++place;
    if (entry.state == State::Idle || due < entry.due) entry.due = due;
    entry.state = State::Queued;
  }
}

void ReconcileSchedule::rebuild_heaps() {
  wanted_.clear();
  regular_.clear();
  for (auto& [name, host] : hosts_) host.waiting.clear();
  for (std::uint32_t index = 0; index < entries_.size(); ++index) {
    auto& entry = entries_[index];
    if (entry.state == State::Waiting) entry.state = State::Queued;
    if (entry.state == State::Queued) heap_of(entry).push({entry.due, index});
  }
}

void ReconcileSchedule::enqueue(std::uint32_t index, MonotonicTime due) {
  constexpr std::size_t few = 64;
  auto& entry = entries_[index];
  entry.state = State::Queued;
  entry.due = due;
  auto& heap = heap_of(entry);
  heap.push({due, index});
  // Without it, a repository that is asked for all the time would leave one stale place each time.
  if (heap.size() > 2 * entries_.size() + few) rebuild_heaps();
}

void ReconcileSchedule::drop_stale(Heap& heap) {
  while (const auto* top = heap.top()) {
    const auto& entry = entries_[top->index];
    if (entry.state == State::Queued && entry.due == top->due && &heap_of(entry) == &heap) return;
    heap.pop();
  }
}

std::optional<std::uint32_t> ReconcileSchedule::pop_due(MonotonicTime now) {
  for (auto* heap : {&wanted_, &regular_}) {
    drop_stale(*heap);
    const auto* top = heap->top();
    if (top == nullptr || top->due > now) continue;
    const auto index = top->index;
    heap->pop();
    return index;
  }
  return std::nullopt;
}

std::optional<std::string> ReconcileSchedule::take(MonotonicTime now) {
  while (const auto index = pop_due(now)) {
    auto& entry = entries_[*index];
    auto rest = MonotonicTime::min();
    Host* full = nullptr;
    for_each_host(entry.hosts, [&](Hosts::value_type& host) {
      rest = std::max(rest, host.second.rests_until);
      if (host.second.room() <= 0) full = &host.second;
    });
    if (rest > now) {
      put_off(*index, rest);
    } else if (full != nullptr) {
      wait_at(*full, *index);
    } else {
      begin(entry, now);
      return entry.name;
    }
    // It took no place at its other host: whoever waits there may have it.
    for_each_host(entry.hosts, [&](Hosts::value_type& host) { let_in(host.second); });
  }
  return std::nullopt;
}

void ReconcileSchedule::begin(Entry& entry, MonotonicTime now) {
  entry.state = State::Running;
  entry.started = now;
  for_each_host(entry.hosts, [](Hosts::value_type& host) { ++host.second.running; });
  running_.emplace(entry.name, entry.hosts);
}

void ReconcileSchedule::put_off(std::uint32_t index, MonotonicTime until) {
  // One of many goes first and finds out whether the host answers again.
  const bool is_wanted = entries_[index].want != Want::Regular;
  const auto later = is_wanted ? milliseconds{0} : fraction_of(std::min(kFirstSweep, longest_pause()));
  enqueue(index, until + later);
}

void ReconcileSchedule::wait_at(Host& host, std::uint32_t index) {
  auto& entry = entries_[index];
  entry.state = State::Waiting;
  if (entry.want == Want::Regular) {
    host.waiting.push_back(index);
  } else {
    host.waiting.push_front(index);
  }
}

void ReconcileSchedule::let_in(Host& host) {
  int room = host.room();
  while (room > 0 && !host.waiting.empty()) {
    const auto index = host.waiting.front();
    host.waiting.pop_front();
    if (entries_[index].state != State::Waiting) continue;  // it was asked for, and went ahead
    enqueue(index, entries_[index].due);
    --room;
  }
}

bool ReconcileSchedule::admit_heard(MonotonicTime now) {
  while (!heard_.empty() && heard_.front() + kHeardPause <= now) heard_.pop_front();
  if (heard_.size() >= kHeardAtOnce) return false;
  heard_.push_back(now);
  return true;
}

void ReconcileSchedule::ask(std::string_view repository, Claim claim, MonotonicTime now) {
  auto* entry = find(repository);
  if (entry == nullptr) return;
  const auto want = claim == Claim::Proven ? Want::Proven : Want::Heard;
  const auto known = entry->state == State::Running ? entry->again.value_or(Want::Regular) : entry->want;
  if (known >= want) return;
  if (want == Want::Heard && !admit_heard(now)) return;
  if (entry->state == State::Running) {
    entry->again = want;
    return;
  }
  auto due = now;
  if (entry->started != MonotonicTime::min()) {
    due = std::max(now, entry->started + (want == Want::Proven ? kProvenPause : kHeardPause));
  }
  if (entry->state != State::Idle) due = std::min(due, std::max(now, entry->due));
  entry->want = want;
  enqueue(static_cast<std::uint32_t>(entry - entries_.data()), due);
}

ReconcileSchedule::News ReconcileSchedule::finish(const std::string& repository, const ComparisonEnd& end,
                                                  MonotonicTime now) {
  News news;
  const auto running = running_.find(repository);
  if (running == running_.end()) return news;
  const auto hosts = running->second;
  running_.erase(running);
  for_each_host(hosts, [](Hosts::value_type& host) { --host.second.running; });
  judge_hosts(hosts, end, now, news);
  auto* entry = find(repository);
  if (entry != nullptr && entry->state == State::Running) {
    judge_repository(*entry, end, news);
    const auto due = due_after(*entry, end, now);
    entry->state = State::Idle;
    if (due) enqueue(static_cast<std::uint32_t>(entry - entries_.data()), *due);
  }
  for_each_host(hosts, [&](Hosts::value_type& host) { let_in(host.second); });
  return news;
}

void ReconcileSchedule::note_answer(Hosts::value_type& host, News& news) {
  host.second.failures = 0;
  host.second.has_answered = true;
  if (std::exchange(host.second.is_reported, false)) news.answering.push_back(host.first);
}

void ReconcileSchedule::note_silence(Hosts::value_type& host, const Error& error, MonotonicTime now,
                                     News& news) const {
  // A host that answers 5xx may mean one broken repository, so it needs more than one to say so.
  constexpr int enough_host_errors = 3;
  auto& state = host.second;
  state.failures = std::min(state.failures + 1, kMostDoublings);
  if (error.code == ErrorCode::HostError && !error.retry_after && state.failures < enough_host_errors) return;
  auto rest = doubled(kFirstRest, state.failures - 1, longest_pause());
  if (error.retry_after) rest = std::max<milliseconds>(rest, obeyed(*error.retry_after));
  state.rests_until = now + rest;
  if (std::exchange(state.is_reported, true)) return;
  news.is_failing = true;
  news.host = host.first;
  news.rest = rest;
}

void ReconcileSchedule::judge_hosts(const HostPair& hosts, const ComparisonEnd& end, MonotonicTime now,
                                    News& news) const {
  if (!end.error) {
    for_each_host(hosts, [&](Hosts::value_type& host) { note_answer(host, news); });
    return;
  }
  if (!end.side) return;
  auto& host = *hosts.at(*end.side == Side::Internal ? 0 : 1);
  if (is_of_host(end)) {
    note_silence(host, *end.error, now, news);
  } else {
    note_answer(host, news);
  }
}

void ReconcileSchedule::judge_repository(Entry& entry, const ComparisonEnd& end, News& news) {
  if (!end.error) {
    news.is_well_again = entry.reported.has_value();
    entry.reported.reset();
    return;
  }
  const bool is_known_of_host =
      is_of_host(end) && entry.hosts.at(*end.side == Side::Internal ? 0 : 1)->second.is_reported;
  if (is_known_of_host || entry.reported == end.error->code) return;
  entry.reported = end.error->code;
  news.is_failing = true;
}

std::optional<MonotonicTime> ReconcileSchedule::due_after(Entry& entry, const ComparisonEnd& end,
                                                          MonotonicTime now) {
  const bool is_retried = end.error && (entry.want == Want::Proven || !end.side ||
                                        (is_of_host(end) && options_.interval.count() > 0));
  if (!is_retried || entry.want == Want::Heard) entry.want = Want::Regular;
  entry.failures = end.error ? static_cast<std::uint8_t>(std::min(entry.failures + 1, kMostDoublings)) : 0;
  if (entry.again) {
    const auto again = *std::exchange(entry.again, std::nullopt);
    entry.want = std::max(entry.want, again);
    return std::max(now, entry.started + (again == Want::Heard ? kHeardPause : kProvenPause));
  }
  if (!is_retried) return next_round(entry);
  const bool is_quick = entry.want == Want::Proven || !end.side;
  return now + doubled(is_quick ? kRetryBase : kFirstRest, entry.failures - 1, longest_pause());
}

std::optional<MonotonicTime> ReconcileSchedule::next_round(Entry& entry) {
  if (options_.interval.count() == 0) return std::nullopt;
  // The first sweep is much faster than those that follow: from it each goes to a place of its own. The
  // jitter only shortens, so that no repository is left alone for longer than the interval.
  if (!std::exchange(entry.is_spread, true)) return entry.started + fraction_of(options_.interval);
  constexpr int jitter = 10;
  return entry.started + options_.interval - fraction_of(options_.interval / jitter);
}

milliseconds ReconcileSchedule::longest_pause() const {
  return options_.interval.count() > 0 ? options_.interval : kRetryCap;
}

milliseconds ReconcileSchedule::fraction_of(milliseconds whole) const {
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(whole.count()) * options_.fraction()));
}

std::optional<MonotonicTime> ReconcileSchedule::next() {
  std::optional<MonotonicTime> earliest;
  for (auto* heap : {&wanted_, &regular_}) {
    drop_stale(*heap);
    if (const auto* top = heap->top(); top != nullptr && (!earliest || top->due < *earliest))
      earliest = top->due;
  }
  return earliest;
}

bool ReconcileSchedule::is_behind(MonotonicTime now) {
  const auto too_old = now - longest_pause();
  if (const auto due = next(); due && *due < too_old) return true;
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    const auto& waiting = host.second.waiting;
    return !waiting.empty() && entries_[waiting.front()].due < too_old;
  });
}

}  // namespace gitferry
