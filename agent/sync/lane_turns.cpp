#include "agent/sync/lane_turns.h"

#include <algorithm>
#include <utility>

namespace gitferry {
namespace {

bool has_last_chance(const LaneRow& lane) {
  return lane.crash_count >= kCrashLimit - 1;
}

}  // namespace

bool LaneTurns::must_wait(const LaneRow& lane, Search& search) const {
  const auto found = repositories_.find(lane.key.repository);
  if (found == repositories_.end()) return false;
  const auto& repository = found->second;
  // It is a moment, and what waits for it may well be among those lanes.
  if (repository.is_gathering) return true;
  if (repository.full_since_ms) {
    return lane.marked_at_ms <= *repository.full_since_ms || repository.transfers > 1;
  }
  if (!repository.queues_since_ms || lane.marked_at_ms > *repository.queues_since_ms) return false;
  search.next_turn_ms =
      std::min(search.next_turn_ms.value_or(*repository.queues_since_ms), *repository.queues_since_ms);
  return true;
}

bool LaneTurns::may_ask(const std::vector<std::string>& hosts, MonotonicTime now,
                        std::vector<std::string>& probes) const {
  for (const auto& host : hosts) {
    const auto access = breakers_.access(host, now);
    if (access == HostBreakers::Access::Denied) return false;
    if (access == HostBreakers::Access::Probe) probes.push_back(host);
  }
  return true;
}

HostBreakers::Change LaneTurns::note(const Share& share, const HostNews& news, MonotonicTime now) {
  const bool is_of_probe = std::ranges::find(share.probes, news.host) != share.probes.end();
  return breakers_.note(news, is_of_probe, now);
}

Offer LaneTurns::offer(const LaneRow& lane, const std::vector<std::string>& hosts, Search& search,
                       Share& share) {
  if (search.next_turn_ms && lane.marked_at_ms > *search.next_turn_ms) return Offer::EndOfSearch;
  // With a lane that runs go those that were marked together with it: there may be thousands.
  if (must_wait(lane, search) || running_.contains(lane.id)) return Offer::RepositoryRefused;
  if (has_last_chance(lane) && last_chance_runs_) return Offer::LaneRefused;
  std::vector<std::string> probes;
  if (!may_ask(hosts, search.now, probes) || !hosts_.try_acquire(hosts)) return Offer::RepositoryRefused;
  for (const auto& host : probes) breakers_.take_probe(host);
  share = {lane.key.repository, hosts, {lane.id}, std::move(probes), false, false, has_last_chance(lane)};
  running_.insert(lane.id);
  auto& repository = repositories_[share.repository];
  ++repository.transfers;
  ++repository.lanes;
  repository.is_gathering = true;
  if (share.is_last_chance) last_chance_runs_ = true;
  return Offer::Taken;
}

bool LaneTurns::let_next_in(const Search& search) {
  if (!search.next_turn_ms) return false;
  bool has_any = false;
  for (auto it = repositories_.begin(); it != repositories_.end();) {
    auto& [unused, repository] = *it;
    if (repository.queues_since_ms && *repository.queues_since_ms <= *search.next_turn_ms) {
      repository.queues_since_ms.reset();
      has_any = true;
    }
    it = repository.transfers == 0 && !repository.queues_since_ms ? repositories_.erase(it) : std::next(it);
  }
  return has_any;
}

std::vector<std::int64_t> LaneTurns::join(Share& share, std::span<const std::int64_t> lanes, std::size_t most,
                                          std::int64_t now_ms) {
  gathered(share);
  auto& repository = repositories_[share.repository];
  std::vector<std::int64_t> joined;
  for (const auto lane : lanes) {
    if (running_.contains(lane)) continue;
    if (share.lanes.size() >= most) {
      // Beside a full one it is no second: nobody would know then whose end to wait for.
      if (repository.full_since_ms) break;
      share.is_full = true;
      repository.full_since_ms = now_ms;
      break;
    }
    running_.insert(lane);
    share.lanes.insert(lane);
    ++repository.lanes;
    joined.push_back(lane);
  }
  return joined;
}

void LaneTurns::gathered(Share& share) {
  share.is_gathered = true;
  repositories_[share.repository].is_gathering = false;
}

void LaneTurns::leave(Share& share, std::int64_t lane) {
  share.lanes.erase(lane);
  running_.erase(lane);
  --repositories_[share.repository].lanes;
}

void LaneTurns::give_back(const Share& share, std::int64_t now_ms) {
  for (const auto lane : share.lanes) running_.erase(lane);
  hosts_.release(share.hosts);
  for (const auto& host : share.probes) breakers_.give_back_probe(host);
  if (share.is_last_chance) last_chance_runs_ = false;
  const auto found = repositories_.find(share.repository);
  auto& repository = found->second;
  --repository.transfers;
  repository.lanes -= share.lanes.size();
  if (!share.is_gathered) repository.is_gathering = false;
  if (share.is_full) {
    repository.full_since_ms.reset();
    repository.queues_since_ms = now_ms;
  }
  if (repository.transfers == 0 && !repository.queues_since_ms) repositories_.erase(found);
}

std::size_t LaneTurns::running_of(const std::string& repository) const {
  const auto found = repositories_.find(repository);
  return found == repositories_.end() ? 0 : found->second.lanes;
}

std::int64_t LaneTurns::full_since_ms(const std::string& repository) const {
  const auto found = repositories_.find(repository);
  return found == repositories_.end() ? -1 : found->second.full_since_ms.value_or(-1);
}

}  // namespace gitferry
