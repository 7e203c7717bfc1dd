#include "agent/sync/lane_plans.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

struct Plans {
  Engine& engine;
  const LaneSelection& selection;
  bool force;
  const CredentialLookup& credentials;
};

RunReport plan_of(const Plans& plans, const LaneKey& key, const std::optional<LaneRow>& lane,
                  const TimeLimit& limit) {
  RunReport report;
  const auto direction = plans.selection.direction;
  auto request = request_for(*plans.selection.binding, direction, plans.credentials);
  if (request) {
    request->dry_run = true;
    auto& ref = request->refs.emplace_back(ref_sync_for(*plans.selection.binding, key, direction));
    if (lane) follow_what_was_put(ref, *lane, direction);
    if (plans.force) ref.policy = Policy::Force;
    report = std::move(run_guarded(plans.engine, *request, limit.token()).front());
  } else {
    report.error = request.error();
  }
  report.dry_run = true;
  return report;
}

}  // namespace

Result<std::vector<SyncOutcome>> plan_lanes(Engine& engine, Store& store, const LaneSelection& selection,
                                            bool force, const CredentialLookup& credentials,
                                            const TimeLimit& limit) {
  const auto lanes = store.lanes_of(selection.lanes);
  if (!lanes) return fail(lanes.error());
  const Plans plans{engine, selection, force, credentials};
  std::vector<SyncOutcome> outcomes;
  for (std::size_t i = 0; i < selection.lanes.size(); ++i) {
    SyncOutcome outcome{selection.lanes[i], selection.direction, 0, false, {}};
    if (!limit.is_over()) {
      outcome.report = plan_of(plans, outcome.key, lanes->at(i), limit);
      const auto& error = outcome.report.error;
      const bool was_cut = error && error->code == ErrorCode::Cancelled && limit.is_over();
      outcome.finished = !was_cut;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace gitferry
