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
  const CredentialLookup& credentials;
  const std::vector<std::optional<LaneRow>>& lanes;
};

/// One report for each of `transfer`, which are indices of the selection's lanes.
std::vector<RunReport> plans_of(const Plans& plans, const std::vector<std::size_t>& transfer,
                                Direction direction, bool may_turn, const TimeLimit& limit) {
  const auto& binding = *plans.selection.binding;
  auto request = request_for(binding, direction, plans.credentials);
  if (!request) {
    RunReport report;
    report.error = request.error();
    return std::vector(transfer.size(), report);
  }
  request->dry_run = true;
  request->may_delete_many = plans.selection.wish.force;
  for (const auto i : transfer) {
    auto& ref = request->refs.emplace_back(ref_sync_for(binding, plans.selection.lanes[i].key, direction));
    if (plans.lanes[i]) go_by_what_is_known(ref, binding, *plans.lanes[i], direction);
    if (plans.selection.wish.force) ref.policy = Policy::Force;
    ref.may_be_deleted_at_target = ref.propagate_deletion && may_turn;
  }
  return run_guarded(plans.engine, *request, limit.token());
}

std::vector<LaneKey> keys_of(const std::vector<SelectedLane>& lanes) {
  std::vector<LaneKey> keys;
  keys.reserve(lanes.size());
  for (const auto& lane : lanes) keys.push_back(lane.key);
  return keys;
}

}  // namespace

Result<std::vector<SyncOutcome>> plan_lanes(Engine& engine, Store& store, const LaneSelection& selection,
                                            const CredentialLookup& credentials, const TimeLimit& limit) {
  const auto keys = keys_of(selection.lanes);
  const auto lanes = store.lanes_of(keys);
  if (!lanes) return fail(lanes.error());
  const Plans plans{engine, selection, credentials, *lanes};
  const bool may_turn = selection.binding->is_two_way() && !selection.wish.force;
  std::vector<SyncOutcome> outcomes;
  for (const auto& lane : selection.lanes) outcomes.push_back({lane.key, lane.direction, 0, false, {}});
  for (const auto& [direction, transfer] : transfers_of(selection.lanes)) {
    if (limit.is_over()) break;
    auto ran = run_either_way(keys, transfer, direction, may_turn,
                              [&, asked = direction](const auto& some, Direction way) {
                                return plans_of(plans, some, way, may_turn && way == asked, limit);
                              });
    for (std::size_t i = 0; i < transfer.size(); ++i) {
      auto& outcome = outcomes[transfer[i]];
      outcome.direction = ran[i].direction;
      outcome.report = std::move(ran[i].report);
      outcome.report.dry_run = true;
      const auto& error = outcome.report.error;
      const bool was_cut = error && error->code == ErrorCode::Cancelled && limit.is_over();
      outcome.finished = !was_cut;
    }
  }
  return outcomes;
}

}  // namespace gitferry
