#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <malloc.h>

#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/model/webhook_source.h"
#include "agent/sync/branch_census.h"
#include "api/management_routes.h"
#include "api/metrics_text.h"

namespace gitferry::api {
namespace {

constexpr std::size_t kManyBranches = 1000;

class Reading {
 public:
  explicit Reading(ApiContext& context) : context_(context) {}

  Response text() {
    // One at a time: each takes megabytes where very many branches are bound. Only who reads waits here.
    const std::lock_guard one_at_a_time(mutex_);
    forget_unbound();
    auto census = branch_census(*context_.sync.snapshot(), context_.store, CensusLimits{},
                                to_epoch_ms(context_.clock.now()));
    if (!census)
      log::warn("metrics without branches", {{"reason", census.error().text()}});
    else
      warn_of_limit(census->left_out);
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text(context_, census ? &*census : nullptr);
    const bool was_large = census && census->branches.size() > kManyBranches;
    if (was_large) {
      *census = {};
      ::malloc_trim(0);  // what it took in small pieces would stay with the process
    }
    return response;
  }

 private:
  /// Series of what is bound no longer end here.
  void forget_unbound() {
    const auto bindings = context_.sync.snapshot();
    metrics().runs.keep_if([&](std::string_view name) { return bindings->find(name) != nullptr; });
  }

  void warn_of_limit(std::int64_t left_out) {
    const bool is_over = left_out > 0;
    if (is_over && !std::exchange(was_over_, true))
      log::warn(
          "some branches have no metrics of their own: there are too many; their repositories count them",
          {{"branches", left_out}});
    else if (!is_over)
      was_over_ = false;
  }

  ApiContext& context_;
  std::mutex mutex_;
  bool was_over_ = false;
};

/// Series that alerts look at are there before the first of their kind happens, or its increase would not be
/// seen.
void begin_at_zero() {
  for (const auto& kind : webhook_kinds()) {
    for (const auto outcome :
         {name_of(Verdict::Accepted), name_of(Verdict::Ignored), name_of(Verdict::Duplicate),
          name_of(Verdict::Refused), unrecorded::kUnauthenticated, unrecorded::kRateLimited,
          unrecorded::kUnavailable}) {
      metrics().deliveries.add({kind.provider, outcome}, 0);
    }
  }
}

}  // namespace

std::vector<Route> metrics_routes(ApiContext& context) {
  begin_at_zero();
  const auto reading = std::make_shared<Reading>(context);
  return {{"GET", "/metrics", Role::Read, kNoBody, [reading](const Call&) { return reading->text(); }}};
}

}  // namespace gitferry::api
