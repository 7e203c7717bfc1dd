#include "agent/sync/binding_status.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/lane_key.h"
#include "agent/store/page_bounds.h"

namespace gitferry {
namespace {

SyncState state_of(bool enabled, const LaneRow* lane) {
  if (!enabled) return SyncState::Disabled;
  if (lane == nullptr) return SyncState::Never;
  if (lane->quarantined) return SyncState::Quarantined;
  if (lane->is_pending()) return lane->attempts > 0 ? SyncState::Retrying : SyncState::Pending;
  if (!lane->last_error.empty()) return SyncState::Failed;
  return lane->last_run_at_ms == 0 ? SyncState::Never : SyncState::InSync;
}

BranchStatus status_of(const RepositoryBinding& binding, const BranchBinding& branch,
                       std::optional<LaneRow> lane) {
  BranchStatus status;
  status.key = lane_key(binding, branch);
  status.branch_id = branch.id;
  status.enabled = binding.enabled && branch.enabled;
  status.state = state_of(status.enabled, lane ? &*lane : nullptr);
  status.lane = std::move(lane);
  return status;
}

/// A lane of a repository that is synced as a whole.
BranchStatus status_of(const RepositoryBinding& binding, LaneRow lane) {
  BranchStatus status;
  status.key = lane.key;
  status.branch_id = lane.branch_id;
  // Where branches were bound before, lanes of unlike names are left over: nothing syncs them any more.
  status.enabled = binding.enabled && lane.key.internal_ref == lane.key.external_ref;
  status.state = state_of(status.enabled, &lane);
  status.lane = std::move(lane);
  return status;
}

/// A stretch of one repository's branches, or of its lanes, that is on the page.
struct Stretch {
  const RepositoryBinding* binding = nullptr;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

struct Walk {
  std::vector<Stretch> stretches;
  std::int64_t total = 0;
};

bool is_whole(const RepositoryBinding& binding) {
  return binding.granularity == Granularity::All;
}

/// How many lanes each of the whole repositories has, by name.
Result<std::map<std::string_view, std::int64_t>> counts_of_whole(
    const std::vector<const RepositoryBinding*>& bindings, Store& store) {
  std::vector<std::string> names;
  std::vector<std::string_view> views;
  for (const auto* binding : bindings) {
    if (!is_whole(*binding)) continue;
    names.push_back(binding->name);
    views.push_back(binding->name);
  }
  std::map<std::string_view, std::int64_t> counts;
  if (names.empty()) return counts;
  const auto found = store.lane_counts(names);
  if (!found) return fail(found.error());
  for (std::size_t i = 0; i < views.size(); ++i) counts.emplace(views[i], (*found)[i]);
  return counts;
}

/// Which branches are on the page, by counting alone.
Result<Walk> walk(const std::vector<const RepositoryBinding*>& bindings, Store& store, const Page& page) {
  const auto whole = counts_of_whole(bindings, store);
  if (!whole) return fail(whole.error());
  const auto size = page_limit(page);
  const auto first = page_offset(page);
  Walk found;
  for (const auto* binding : bindings) {
    const auto count =
        is_whole(*binding) ? whole->at(binding->name) : static_cast<std::int64_t>(binding->branches.size());
    const auto begin = std::max(first, found.total);
    const auto end = std::min(first + size, found.total + count);
    if (begin < end) found.stretches.push_back({binding, begin - found.total, end - begin});
    found.total += count;
  }
  return found;
}

/// The lanes of whole repositories, by repository.
Result<std::map<std::string, std::vector<LaneRow>, std::less<>>> lanes_of_whole(
    const std::vector<const RepositoryBinding*>& bindings, Store& store) {
  std::map<std::string, std::vector<LaneRow>, std::less<>> found;
  std::vector<std::string> names;
  for (const auto* binding : bindings) {
    if (is_whole(*binding)) names.push_back(binding->name);
  }
  if (names.empty()) return found;
  auto lanes = store.lanes_of_repositories(names);
  if (!lanes) return fail(lanes.error());
  for (auto& lane : *lanes) {
    auto& own = found[lane.key.repository];
    own.push_back(std::move(lane));
  }
  return found;
}

/// The lanes of bound branches, in order.
Result<std::vector<std::optional<LaneRow>>> lanes_of_bound(const std::vector<LaneKey>& keys, Store& store) {
  if (keys.empty()) return std::vector<std::optional<LaneRow>>{};
  return store.lanes_of(keys);
}

Result<std::vector<BranchStatus>> statuses_of(const std::vector<Stretch>& stretches, Store& store) {
  std::vector<const RepositoryBinding*> bindings;
  std::vector<LaneKey> keys;
  for (const auto& [binding, first, count] : stretches) {
    bindings.push_back(binding);
    for (auto i = first; !is_whole(*binding) && i < first + count; ++i)
      keys.push_back(lane_key(*binding, binding->branches[static_cast<std::size_t>(i)]));
  }
  auto whole = lanes_of_whole(bindings, store);
  if (!whole) return fail(whole.error());
  auto bound = lanes_of_bound(keys, store);
  if (!bound) return fail(bound.error());
  std::vector<BranchStatus> statuses;
  auto next = bound->begin();
  for (const auto& [binding, first, count] : stretches) {
    auto* lanes = is_whole(*binding) ? &(*whole)[binding->name] : nullptr;
    for (auto at = first; at < first + count; ++at) {
      const auto i = static_cast<std::size_t>(at);
      if (lanes == nullptr)
        statuses.push_back(status_of(*binding, binding->branches[i], std::move(*next++)));
      else if (i < lanes->size())
        statuses.push_back(status_of(*binding, std::move((*lanes)[i])));
    }
  }
  return statuses;
}

void add(RepositoryStatus& sum, const BranchStatus& branch) {
  ++sum.branches;
  if (branch.enabled) sum.state = std::min(sum.state, branch.state);
  if (!branch.lane) return;
  sum.last_success_at_ms = std::max(sum.last_success_at_ms, branch.lane->last_success_at_ms);
  if (branch.state != SyncState::Retrying) return;
  const auto due = std::max(branch.lane->next_attempt_at_ms, branch.lane->hold_until_ms);
  if (due != 0 && (sum.next_attempt_at_ms == 0 || due < sum.next_attempt_at_ms)) sum.next_attempt_at_ms = due;
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
  return "never_synced";
}

Result<Listing<BranchStatus>> branch_statuses(const BindingSnapshot& bindings, Store& store,
                                              const std::string& repository, const Page& page) {
  std::vector<const RepositoryBinding*> chosen;
  if (!repository.empty()) {
    const auto* binding = bindings.find(repository);
    if (binding == nullptr) {
      return fail(ErrorCode::RepositoryUnknown,
                  fmt::format("show the status of '{}': no repository of that name is bound",
                              shortened(repository, 128)));
    }
    chosen.push_back(binding);
  } else {
    chosen.reserve(bindings.repositories.size());
    for (const auto& [name, binding] : bindings.repositories) chosen.push_back(&binding);
  }
  const auto found = walk(chosen, store, page);
  if (!found) return fail(found.error());
  auto rows = statuses_of(found->stretches, store);
  if (!rows) return fail(rows.error());
  return Listing<BranchStatus>{std::move(*rows), found->total};
}

Result<std::vector<BranchStatus>> branch_statuses_of(const RepositoryBinding& binding,
                                                     const std::vector<BranchBinding>& branches,
                                                     Store& store) {
  std::vector<LaneKey> keys;
  keys.reserve(branches.size());
  for (const auto& branch : branches) keys.push_back(lane_key(binding, branch));
  auto lanes = lanes_of_bound(keys, store);
  if (!lanes) return fail(lanes.error());
  std::vector<BranchStatus> statuses;
  statuses.reserve(branches.size());
  for (std::size_t i = 0; i < branches.size(); ++i)
    statuses.push_back(status_of(binding, branches[i], std::move((*lanes)[i])));
  return statuses;
}

Result<std::vector<RepositoryStatus>> repository_statuses(
    const std::vector<const RepositoryBinding*>& bindings, Store& store) {
  auto whole = lanes_of_whole(bindings, store);
  if (!whole) return fail(whole.error());
  std::vector<LaneKey> keys;
  for (const auto* binding : bindings) {
    for (const auto& branch : binding->branches) keys.push_back(lane_key(*binding, branch));
  }
  auto bound = lanes_of_bound(keys, store);
  if (!bound) return fail(bound.error());
  std::vector<RepositoryStatus> sums;
  sums.reserve(bindings.size());
  auto next = bound->begin();
  for (const auto* binding : bindings) {
    auto& sum = sums.emplace_back();
    sum.state = SyncState::Disabled;
    for (const auto& branch : binding->branches) add(sum, status_of(*binding, branch, std::move(*next++)));
    if (is_whole(*binding)) {
      for (const auto& lane : (*whole)[binding->name]) add(sum, status_of(*binding, lane));
    }
    // Nothing is bound, or nothing was ever synced: it is not that somebody switched it off.
    if (binding->enabled && sum.branches == 0) sum.state = SyncState::Never;
  }
  return sums;
}

}  // namespace gitferry
