#include "agent/sync/host_probe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "agent/sync/lane_request.h"
#include "agent/sync/time_limit.h"

namespace gitferry {
namespace {

constexpr std::size_t kMostAsked = 3;
constexpr std::chrono::seconds kLongestListing = kLongestProbe / kMostAsked;

std::optional<Side> side_at(const RepositoryBinding& binding, const std::string& host) {
  if (binding.internal.host_key() == host) return Side::Internal;
  if (binding.external.host_key() == host) return Side::External;
  return std::nullopt;
}

/// `first`, and some others at that host.
std::vector<const RepositoryBinding*> to_ask(const BindingSnapshot& bindings, const std::string& first,
                                             const std::string& host,
                                             const std::function<double()>& fraction) {
  std::vector<const RepositoryBinding*> asked;
  std::vector<const RepositoryBinding*> others;
  for (const auto& [name, binding] : bindings.repositories) {
    if (!side_at(binding, host)) continue;
    if (name == first) {
      asked.push_back(&binding);
    } else if (binding.enabled) {
      others.push_back(&binding);
    }
  }
  if (asked.empty()) return asked;
  while (asked.size() < kMostAsked && !others.empty()) {
    const auto chosen = static_cast<std::size_t>(fraction() * static_cast<double>(others.size()));
    std::swap(others[std::min(chosen, others.size() - 1)], others.back());
    asked.push_back(others.back());
    others.pop_back();
  }
  return asked;
}

}  // namespace

std::optional<HostNews> probe_host(Engine& engine, const BindingSnapshot& bindings,
                                   const std::string& repository, const std::string& host,
                                   const CredentialLookup& credentials,
                                   const std::function<double()>& fraction, const std::stop_token& stop) {
  std::optional<HostNews> news;
  for (const auto* binding : to_ask(bindings, repository, host, fraction)) {
    const auto remote = remote_of(*binding, *side_at(*binding, host), credentials);
    if (!remote) continue;
    const TimeLimit limit(stop, std::chrono::steady_clock::now() + kLongestListing);
    const auto listed = engine.list_refs(*remote, RefScope::Branches, limit.token());
    if (limit.was_stopped()) return std::nullopt;
    // Cancelled: by the limit.
    const bool is_silent =
        !listed && (is_silence(listed.error().code) || listed.error().code == ErrorCode::Cancelled);
    if (!is_silent) return HostNews{host, binding->name};
    const auto asked_pause = listed.error().retry_after;
    if (!news) news = HostNews{host, binding->name, true};
    news->retry_after = std::max(news->retry_after, asked_pause);
    if (listed.error().code != ErrorCode::HostError) return news;
  }
  return news;
}

}  // namespace gitferry
