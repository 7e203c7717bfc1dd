#include "agent/sync/binding_status.h"

#include <algorithm>

#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

SyncState state_of(bool enabled, const std::optional<LaneRow>& lane) {
  if (!enabled) return SyncState::Disabled;
  if (!lane) return SyncState::Never;
  if (lane->quarantined) return SyncState::Quarantined;
  if (lane->is_pending()) return lane->attempts > 0 ? SyncState::Retrying : SyncState::Pending;
  if (lane->last_code_status != 0) return SyncState::Failed;
  return lane->last_success_at_ms != 0 ? SyncState::InSync : SyncState::Never;
}

}  // namespace

std::string_view name_of(SyncState state) {
  switch (state) {
    case SyncState::Quarantined:
      return "quarantined";
    case SyncState::Failed:
      return "failed";
    case SyncState::Retrying:
      return "retrying";
    case SyncState::Pending:
      return "pending";
    case SyncState::Never:
      return "never_synced";
    case SyncState::InSync:
      return "in_sync";
    case SyncState::Disabled:
      return "disabled";
  }
  return "disabled";
}

Result<std::vector<BranchStatus>> branch_statuses_of(const RepositoryBinding& binding,
                                                     const std::vector<BranchBinding>& branches,
                                                     Store& store) {
  std::vector<LaneKey> keys;
  for (const auto& branch : branches) {
    keys.push_back({binding.name, branch_ref(branch.internal), branch_ref(branch.external)});
  }
  auto lanes = store.lanes_of(keys);
  if (!lanes) return fail(std::move(lanes.error()));
  std::vector<BranchStatus> statuses;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool enabled = binding.enabled && branches[i].enabled;
    statuses.push_back(
        {keys[i], branches[i].id, state_of(enabled, lanes->at(i)), enabled, std::move(lanes->at(i))});
  }
  return statuses;
}

namespace {

Result<std::vector<BranchStatus>> statuses_of(const RepositoryBinding& binding, Store& store) {
  if (binding.granularity == Granularity::One) return branch_statuses_of(binding, binding.branches, store);
  auto lanes = store.lanes_of_repositories(std::vector<std::string>{binding.name});
  if (!lanes) return fail(std::move(lanes.error()));
  std::vector<BranchStatus> statuses;
  for (const auto& lane : *lanes) {
    statuses.push_back(
        {lane.key, lane.branch_id, state_of(binding.enabled, lane), binding.enabled, lane});
  }
  return statuses;
}

}  // namespace

Result<Listing<BranchStatus>> branch_statuses(const BindingSnapshot& bindings, Store& store,
                                              const std::string& repository, const Page& page) {
  Listing<BranchStatus> listing;
  std::vector<BranchStatus> all;
  for (const auto& [name, binding] : bindings.repositories) {
    if (!repository.empty() && name != repository) continue;
    auto some = statuses_of(binding, store);
    if (!some) return fail(std::move(some.error()));
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
  listing.total = static_cast<std::int64_t>(all.size());
  const auto first = std::min(listing.total, (page.number - 1) * page.size);
  const auto last = std::min(listing.total, first + page.size);
  std::move(all.begin() + first, all.begin() + last, std::back_inserter(listing.rows));
  return listing;
}

Result<std::vector<RepositoryStatus>> repository_statuses(
    const std::vector<const RepositoryBinding*>& bindings, Store& store) {
  std::vector<RepositoryStatus> all;
  for (const auto* binding : bindings) {
    const auto branches = statuses_of(*binding, store);
    if (!branches) return fail(branches.error());
    RepositoryStatus status;
    status.branches = static_cast<std::int64_t>(branches->size());
    if (!binding->enabled) status.state = SyncState::Disabled;
    bool is_first = true;
    for (const auto& branch : *branches) {
      if (branch.enabled && (is_first || branch.state < status.state)) status.state = branch.state;
      is_first = is_first && !branch.enabled;
      if (branch.lane)
        status.last_success_at_ms = std::max(status.last_success_at_ms, branch.lane->last_success_at_ms);
    }
    all.push_back(status);
  }
  return all;
}

}  // namespace gitferry
