#include "api/sync_answer.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include <json/value.h>

#include "api/envelope.h"
#include "api/json.h"
#include "api/rows.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

constexpr Json::ArrayIndex kRunsLimit = 1000;

struct Sorted {
  std::vector<const SyncOutcome*> failed;
  std::vector<const SyncOutcome*> pending;
  std::vector<const SyncOutcome*> good;
  std::size_t unchanged = 0;  ///< of the good ones
};

Sorted sorted(const std::vector<SyncOutcome>& outcomes) {
  Sorted result;
  for (const auto& outcome : outcomes) {
    if (!outcome.finished) {
      result.pending.push_back(&outcome);
    } else if (outcome.report.error) {
      result.failed.push_back(&outcome);
    } else {
      result.good.push_back(&outcome);
      if (outcome.report.plan == Plan::Nothing) ++result.unchanged;
    }
  }
  return result;
}

Json::Value members_of(const Sorted& sorted) {
  Json::Value runs(Json::arrayValue);
  for (const auto* group : {&sorted.failed, &sorted.pending, &sorted.good}) {
    for (const auto* outcome : *group) {
      if (runs.size() < kRunsLimit) runs.append(outcome_json(*outcome));
    }
  }
  const auto count = [](std::size_t value) { return number(static_cast<std::int64_t>(value)); };
  Json::Value summary(Json::objectValue);
  summary["total"] = count(sorted.failed.size() + sorted.pending.size() + sorted.good.size());
  summary["succeeded"] = count(sorted.good.size() - sorted.unchanged);
  summary["unchanged"] = count(sorted.unchanged);
  summary["failed"] = count(sorted.failed.size());
  summary["pending"] = count(sorted.pending.size());
  Json::Value members(Json::objectValue);
  members["runs"] = std::move(runs);
  members["summary"] = std::move(summary);
  return members;
}

Error pending_error(bool dry_run) {
  if (dry_run) {
    return {ErrorCode::RunPending, "the plan was not complete in time", "give `wait` more seconds", {}};
  }
  return {ErrorCode::RunPending,
          "a run is still pending or running",
          "look at GET /cerobot/sync/status, or wait longer",
          {}};
}

}  // namespace

Response sync_answer(const Request& request, const std::vector<SyncOutcome>& outcomes,
                     const SyncAnswerOptions& options) {
  const auto groups = sorted(outcomes);
  auto members = members_of(groups);
  if (!groups.failed.empty()) {
    return failure_with(request, *groups.failed.front()->report.error, std::move(members));
  }
  if (!groups.pending.empty() || options.goes_on) {
    return failure_with(request, pending_error(options.dry_run), std::move(members));
  }
  return success_with(request, std::move(members));
}

std::string outcome_text(const SyncOutcome& outcome) {
  return to_text(outcome_json(outcome));
}

}  // namespace gitferry::api
