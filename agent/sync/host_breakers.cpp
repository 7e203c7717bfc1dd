#include "agent/sync/host_breakers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/sync/retry.h"

namespace gitferry {
namespace {

/// Failures that tell something of their host.
class Failures {
 public:
  void add(const std::string& repository) {
    ++count_;
    repositories_.insert(repository);
  }
  [[nodiscard]] bool are(std::size_t many) const { return count_ >= many && repositories_.size() > 1; }

 private:
  std::size_t count_ = 0;
  std::set<std::string> repositories_;
};

}  // namespace

bool is_silence(ErrorCode code) {
  switch (code) {
    case ErrorCode::HostUnresolved:
    case ErrorCode::Timeout:
    case ErrorCode::ConnectionFailed:
    case ErrorCode::HostError:
    case ErrorCode::HostBusy:
    case ErrorCode::TlsFailed:
      return true;
    default:
      return false;
  }
}

std::vector<HostNews> news_of(const std::string& repository, const std::vector<std::string>& hosts,
                              const std::vector<RunReport>& reports) {
  std::vector<HostNews> news;
  for (const auto& host : hosts) {
    HostNews one{host, repository};
    bool has_answered = false;
    for (const auto& report : reports) {
      const bool is_its_error = report.error && report.error->host == host;
      if (is_its_error && is_silence(report.error->code)) {
        one.has_failed = true;
        one.retry_after = std::max(one.retry_after, report.error->retry_after);
      }
      // A plan is made of both listings.
      has_answered = has_answered || is_its_error || !report.error || report.plan != Plan::Undecided;
    }
    if (one.has_failed || has_answered) news.push_back(std::move(one));
  }
  return news;
}

HostBreakers::Access HostBreakers::access(const std::string& host, MonotonicTime now) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || !found->second.rests_until) return Access::Open;
  return now < *found->second.rests_until || found->second.is_probed ? Access::Denied : Access::Probe;
}

void HostBreakers::take_probe(const std::string& host) {
  hosts_[host].is_probed = true;
}

void HostBreakers::give_back_probe(const std::string& host) {
  if (const auto found = hosts_.find(host); found != hosts_.end()) found->second.is_probed = false;
}

void HostBreakers::remember(Host& host, Outcome outcome) {
  host.last.push_back(std::move(outcome));
  if (host.last.size() > kRemembered) host.last.pop_front();
}

bool HostBreakers::is_too_much(const Host& host, MonotonicTime now) {
  Failures in_a_row;
  Failures of_last;
  bool is_in_a_row = true;
  for (auto outcome = host.last.rbegin(); outcome != host.last.rend(); ++outcome) {
    is_in_a_row = is_in_a_row && outcome->has_failed;
    if (is_in_a_row) in_a_row.add(outcome->repository);
    if (outcome->has_failed && outcome->at > now - kMemory) of_last.add(outcome->repository);
  }
  return in_a_row.are(kFailuresInARow) || of_last.are(kFailuresOfLast);
}

void HostBreakers::rest(Host& host, const HostNews& news, MonotonicTime now) {
  const std::chrono::milliseconds longest = kLongestRest;
  host.rest =
      host.rest.count() == 0 ? std::chrono::milliseconds(kFirstRest) : std::min(host.rest * 2, longest);
  const std::chrono::milliseconds asked = obeyed(news.retry_after.value_or(std::chrono::seconds{0}));
  host.rests_until = now + std::max(host.rest, asked);
  host.last.clear();
}

HostBreakers::Change HostBreakers::note(const HostNews& news, bool is_of_probe, MonotonicTime now) {
  return news.has_failed ? note_failure(news, is_of_probe, now) : note_answer(news, now);
}

HostBreakers::Change HostBreakers::note_answer(const HostNews& news, MonotonicTime now) {
  const auto found = hosts_.find(news.host);
  if (found == hosts_.end()) return Change::None;
  auto& host = found->second;
  const bool was_open = host.rests_until.has_value();
  if (!was_open) remember(host, {now, false, news.repository});
  if (was_open || std::ranges::none_of(host.last, &Outcome::has_failed)) hosts_.erase(found);
  return was_open ? Change::Closed : Change::None;
}

HostBreakers::Change HostBreakers::note_failure(const HostNews& news, bool is_of_probe, MonotonicTime now) {
  auto& host = hosts_[news.host];
  if (host.rests_until) {
    if (!is_of_probe) return Change::None;
    rest(host, news, now);
    return Change::StaysOpen;
  }
  remember(host, {now, true, news.repository});
  if (!is_too_much(host, now)) return Change::None;
  rest(host, news, now);
  return Change::Opened;
}

void HostBreakers::probe_soon(const std::string& host, MonotonicTime now) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || !found->second.rests_until) return;
  found->second.rests_until = std::min(*found->second.rests_until, now);
}

std::optional<MonotonicTime> HostBreakers::next_probe(MonotonicTime now) const {
  std::optional<MonotonicTime> next;
  for (const auto& [unused, host] : hosts_) {
    if (!host.rests_until || *host.rests_until <= now) continue;
    next = std::min(next.value_or(*host.rests_until), *host.rests_until);
  }
  return next;
}

std::vector<std::string> HostBreakers::open() const {
  std::vector<std::string> names;
  for (const auto& [name, host] : hosts_) {
    if (host.rests_until) names.push_back(name);
  }
  return names;
}

std::chrono::milliseconds HostBreakers::rest_of(const std::string& host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() || !found->second.rests_until ? std::chrono::milliseconds{0}
                                                             : found->second.rest;
}

}  // namespace gitferry
