#include "agent/sync/lane_plans.h"

#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

RunReport plan_of(Engine& engine, const LaneSelection& selection, const LaneKey& key, bool force,
                  const CredentialLookup& credentials, const TimeLimit& limit) {
  RunReport report;
  auto request = request_for(*selection.binding, key, selection.direction, credentials);
  if (request) {
    request->dry_run = true;
    if (force) request->policy = Policy::Force;
    report = run_guarded(engine, *request, limit.token());
  } else {
    report.error = request.error();
  }
  report.dry_run = true;
  return report;
}

}  // namespace

std::vector<SyncOutcome> plan_lanes(Engine& engine, const LaneSelection& selection, bool force,
                                    const CredentialLookup& credentials, const TimeLimit& limit) {
  std::vector<SyncOutcome> outcomes;
  for (const auto& key : selection.lanes) {
    SyncOutcome outcome{key, selection.direction, 0, false, {}};
    if (!limit.is_over()) {
      outcome.report = plan_of(engine, selection, key, force, credentials, limit);
      const auto& error = outcome.report.error;
      const bool was_cut = error && error->code == ErrorCode::Cancelled && limit.is_over();
      outcome.finished = !was_cut;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace gitferry
