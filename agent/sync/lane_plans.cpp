#include "agent/sync/lane_plans.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "agent/sync/lane_request.h"
#include "agent/sync/two_way.h"

namespace gitferry {
namespace {

struct Plans {
  Engine& engine;
  const LaneSelection& selection;
  bool force;
  const CredentialLookup& credentials;
};

RunReport plan_one_way(const Plans& plans, const LaneKey& key, Direction direction,
                       const std::optional<LaneRow>& lane, const TimeLimit& limit) {
  RunReport report;
  const auto& binding = *plans.selection.binding;
  auto request = request_for(binding, direction, plans.credentials);
  if (request) {
    request->dry_run = true;
    request->may_delete_many = plans.force;
    auto& ref = request->refs.emplace_back(ref_sync_for(binding, key, direction));
    if (lane) go_by_what_is_known(ref, binding, *lane, direction);
    if (plans.force) ref.policy = Policy::Force;
    report = std::move(run_guarded(plans.engine, *request, limit.token()).front());
  } else {
    report.error = request.error();
  }
  report.dry_run = true;
  return report;
}

DirectedReport plan_of(const Plans& plans, const SelectedLane& selected, const std::optional<LaneRow>& lane,
                       const TimeLimit& limit) {
  const auto& [key, direction] = selected;
  DirectedReport first{plan_one_way(plans, key, direction, lane, limit), direction};
  const bool is_two_way = plans.selection.binding->is_two_way();
  if (!is_two_way || plans.force || !may_go_the_other_way(first.report)) return first;
  auto second = plan_one_way(plans, key, opposite(direction), lane, limit);
  return ended_both_ways(key, std::move(first), std::move(second));
}

}  // namespace

Result<std::vector<SyncOutcome>> plan_lanes(Engine& engine, Store& store, const LaneSelection& selection,
                                            bool force, const CredentialLookup& credentials,
                                            const TimeLimit& limit) {
  std::vector<LaneKey> keys;
  for (const auto& selected : selection.lanes) keys.push_back(selected.key);
  const auto lanes = store.lanes_of(keys);
  if (!lanes) return fail(lanes.error());
  const Plans plans{engine, selection, force, credentials};
  std::vector<SyncOutcome> outcomes;
  for (std::size_t i = 0; i < selection.lanes.size(); ++i) {
    const auto& selected = selection.lanes[i];
    SyncOutcome outcome{selected.key, selected.direction, 0, false, {}};
    if (!limit.is_over()) {
      auto planned = plan_of(plans, selected, lanes->at(i), limit);
      outcome.direction = planned.direction;
      outcome.report = std::move(planned.report);
      const auto& error = outcome.report.error;
      const bool was_cut = error && error->code == ErrorCode::Cancelled && limit.is_over();
      outcome.finished = !was_cut;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace gitferry
