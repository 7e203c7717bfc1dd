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
  const std::vector<std::optional<LaneRow>>& lanes;
};

/// One report for each of `transfer`, which are indices of the selection's lanes.
std::vector<RunReport> plans_of(const Plans& plans, const std::vector<std::size_t>& transfer,
                                const TimeLimit& limit) {
  const auto& binding = *plans.selection.binding;
  const auto direction = plans.selection.direction;
  auto request = request_for(binding, direction, plans.credentials);
  if (!request) {
    RunReport report;
    report.error = request.error();
    return std::vector(transfer.size(), report);
  }
  request->dry_run = true;
  for (const auto i : transfer) {
    auto& ref = request->refs.emplace_back(ref_sync_for(binding, plans.selection.lanes[i], direction));
    if (plans.lanes[i]) follow_what_was_put(ref, *plans.lanes[i], direction);
    if (plans.force) ref.policy = Policy::Force;
  }
  return run_guarded(plans.engine, *request, limit.token());
}

}  // namespace

Result<std::vector<SyncOutcome>> plan_lanes(Engine& engine, Store& store, const LaneSelection& selection,
                                            bool force, const CredentialLookup& credentials,
                                            const TimeLimit& limit) {
  const auto lanes = store.lanes_of(selection.lanes);
  if (!lanes) return fail(lanes.error());
  const Plans plans{engine, selection, force, credentials, *lanes};
  std::vector<SyncOutcome> outcomes;
  for (const auto& key : selection.lanes) outcomes.push_back({key, selection.direction, 0, false, {}});
  for (const auto& transfer : transfers_of(selection.lanes, selection.direction)) {
    if (limit.is_over()) break;
    auto reports = plans_of(plans, transfer, limit);
    for (std::size_t i = 0; i < transfer.size(); ++i) {
      auto& outcome = outcomes[transfer[i]];
      outcome.report = std::move(reports[i]);
      outcome.report.dry_run = true;
      const auto& error = outcome.report.error;
      const bool was_cut = error && error->code == ErrorCode::Cancelled && limit.is_over();
      outcome.finished = !was_cut;
    }
  }
  return outcomes;
}

}  // namespace gitferry
