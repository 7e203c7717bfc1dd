#include "agent/git/fallback.h"

#include <cstddef>
#include <exception>
#include <utility>

#include "agent/base/log.h"

namespace gitferry {

FallbackEngine::FallbackEngine(std::unique_ptr<Engine> relay, std::unique_ptr<Engine> mirror,
                               DivergenceCount count)
    : relay_(std::move(relay)), mirror_(std::move(mirror)), count_(std::move(count)) {}

std::vector<RunReport> FallbackEngine::sync(const SyncRequest& request, std::stop_token stop) {
  auto reports = relay_->sync(request, stop);
  count_divergence(request, reports, stop);
  auto undecided = request;
  undecided.refs.clear();
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    if (!reports[i].relay_undecided) continue;
    undecided.refs.push_back(request.refs[i]);
    // The relay may have read for minutes: what came to the target meanwhile is nobody's to replace.
    undecided.refs.back().seen = SeenTip{reports[i].target_tip_before};
    places.push_back(i);
  }
  if (places.empty() || stop.stop_requested()) return reports;
  auto decided = mirror_->sync(undecided, std::move(stop));
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& report = reports[places[i]];
    // The mirror began when the relay had given up.
    for (auto* time : {&decided[i].first_byte, &decided[i].sent}) {
      if (time->count() != 0) *time += report.total;
    }
    decided[i].listing = report.listing;
    decided[i].total += report.total;
    decided[i].relay_undecided = true;
    report = std::move(decided[i]);
  }
  return reports;
}

/// What it tells is for people: a failure of it must not cost the reports.
void FallbackEngine::count_divergence(const SyncRequest& request, std::vector<RunReport>& reports,
                                      const std::stop_token& stop) {
  try {
    count_.count(request, reports, stop);
  } catch (const std::exception& failure) {
    log::warn("cannot count how far branches went apart", {{"error", failure.what()}});
  }
}

Result<std::vector<RefTip>> FallbackEngine::list_refs(const Remote& remote, RefScope scope,
                                                      std::stop_token stop) {
  return relay_->list_refs(remote, scope, std::move(stop));
}

}  // namespace gitferry
