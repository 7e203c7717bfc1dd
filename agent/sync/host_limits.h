#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gitferry {

/// The hosts of one run, each once: a repository synced within one host counts there once.
inline std::vector<std::string> distinct_hosts(std::string one, std::string two) {
  if (one == two) return {std::move(one)};
  return {std::move(one), std::move(two)};
}

/// Counts the runs that talk to each host, so that one slow host does not take every worker.
///
/// Threading: one thread at a time.
class HostLimits {
 public:
  explicit HostLimits(int per_host) : per_host_(std::max(per_host, 1)) {}

  /// Takes a place at every one of `hosts`, or at none.
  bool try_acquire(const std::vector<std::string>& hosts) {
    const bool has_room = std::all_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
      const auto found = running_.find(host);
      return found == running_.end() || found->second < per_host_;
    });
    if (has_room) {
      for (const auto& host : hosts) ++running_[host];
    }
    return has_room;
  }

  void release(const std::vector<std::string>& hosts) {
    for (const auto& host : hosts) {
      const auto found = running_.find(host);
      if (found != running_.end() && --found->second == 0) running_.erase(found);
    }
  }

 private:
  int per_host_;
  std::map<std::string, int> running_;
};

}  // namespace gitferry
