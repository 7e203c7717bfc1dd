#include "agent/sync/binding_status.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"
#include "agent/store/page_bounds.h"

namespace gitferry {
namespace {

bool is_whole(const RepositoryBinding& binding) {
  return binding.granularity == Granularity::All;
}

/// Bound branches, and after them the tags that were ever synced.
bool has_tags_besides(const RepositoryBinding& binding) {
  return !is_whole(binding) && binding.tags == Tags::All;
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

/// A lane of a repository that is synced as a whole, or of a tag.
BranchStatus status_of(const RepositoryBinding& binding, LaneRow lane) {
  BranchStatus status;
  status.key = lane.key;
  status.branch_id = lane.branch_id;
  status.enabled = binding.enabled && is_synced_unbound(binding, lane.key);
  status.state = state_of(status.enabled, &lane);
  status.lane = std::move(lane);
  return status;
}

/// A stretch of one repository's branches, or of the lanes besides, that is on the page.
struct Stretch {
  const RepositoryBinding* binding = nullptr;
  bool is_of_lanes = false;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

struct Walk {
  std::vector<Stretch> stretches;
  std::int64_t total = 0;
};

/// How many lanes each of the repositories has that `kind` chooses, by name.
template <typename Kind, typename Count>
Result<std::map<std::string_view, std::int64_t>> counts_of(
    const std::vector<const RepositoryBinding*>& bindings, Kind kind, Count count) {
  std::vector<std::string> names;
  std::vector<std::string_view> views;
  for (const auto* binding : bindings) {
    if (!kind(*binding)) continue;
    names.push_back(binding->name);
    views.push_back(binding->name);
  }
  std::map<std::string_view, std::int64_t> counts;
  if (names.empty()) return counts;
  const auto found = count(names);
  if (!found) return fail(found.error());
  for (std::size_t i = 0; i < views.size(); ++i) counts.emplace(views[i], (*found)[i]);
  return counts;
}

/// Which branches and lanes are on the page, by counting alone.
Result<Walk> walk(const std::vector<const RepositoryBinding*>& bindings, Store& store, const Page& page) {
  auto lanes = counts_of(bindings, is_whole, [&](const auto& names) { return store.lane_counts(names); });
  if (!lanes) return fail(lanes.error());
  auto tags =
      counts_of(bindings, has_tags_besides, [&](const auto& names) { return store.tag_lane_counts(names); });
  if (!tags) return fail(tags.error());
  lanes->merge(*tags);
  const auto size = page_limit(page);
  const auto first = page_offset(page);
  Walk found;
  const auto add = [&](const RepositoryBinding* binding, bool is_of_lanes, std::int64_t count) {
    const auto begin = std::max(first, found.total);
    const auto end = std::min(first + size, found.total + count);
    if (begin < end) found.stretches.push_back({binding, is_of_lanes, begin - found.total, end - begin});
    found.total += count;
  };
  for (const auto* binding : bindings) {
    add(binding, false, static_cast<std::int64_t>(binding->branches.size()));
    if (const auto own = lanes->find(binding->name); own != lanes->end()) add(binding, true, own->second);
  }
  return found;
}

using LanesByRepository = std::map<std::string, std::vector<LaneRow>, std::less<>>;

/// The lanes of whole repositories, and those of tags of others, by repository.
Result<LanesByRepository> lanes_besides_bound(const std::vector<const RepositoryBinding*>& bindings,
                                              Store& store) {
  LanesByRepository found;
  std::vector<std::string> names;
  for (const auto* binding : bindings) {
    if (!is_whole(*binding) && !has_tags_besides(*binding)) continue;
    found[binding->name].clear();
    names.push_back(binding->name);
  }
  if (names.empty()) return found;
  auto lanes = store.lanes_of_repositories(names);
  if (!lanes) return fail(lanes.error());
  for (auto& lane : *lanes) found[lane.key.repository].push_back(std::move(lane));
  for (const auto* binding : bindings) {
    if (!has_tags_besides(*binding)) continue;
    std::erase_if(found[binding->name], [](const LaneRow& lane) { return !is_tag(lane.key.internal_ref); });
  }
  return found;
}

/// The lanes of bound branches, in order.
Result<std::vector<std::optional<LaneRow>>> lanes_of_bound(const std::vector<LaneKey>& keys, Store& store) {
  if (keys.empty()) return std::vector<std::optional<LaneRow>>{};
  return store.lanes_of(keys);
}

Result<std::vector<BranchStatus>> statuses_of(const std::vector<Stretch>& stretches, Store& store) {
  std::vector<const RepositoryBinding*> with_lanes;
  std::vector<LaneKey> keys;
  for (const auto& [binding, is_of_lanes, first, count] : stretches) {
    if (is_of_lanes) with_lanes.push_back(binding);
    for (auto i = first; !is_of_lanes && i < first + count; ++i)
      keys.push_back(lane_key(*binding, binding->branches[static_cast<std::size_t>(i)]));
  }
  auto besides = lanes_besides_bound(with_lanes, store);
  if (!besides) return fail(besides.error());
  auto bound = lanes_of_bound(keys, store);
  if (!bound) return fail(bound.error());
  std::vector<BranchStatus> statuses;
  auto next = bound->begin();
  for (const auto& [binding, is_of_lanes, first, count] : stretches) {
    auto* lanes = is_of_lanes ? &(*besides)[binding->name] : nullptr;
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

/// Those of one repository, whose lanes, by internal and external ref, are used up.
void add_statuses(const RepositoryBinding& binding, std::span<LaneRow> lanes,
                  std::vector<BranchStatus>& statuses) {
  for (const auto& branch : binding.branches) {
    const auto key = lane_key(binding, branch);
    const auto found =
        std::lower_bound(lanes.begin(), lanes.end(), key, [](const LaneRow& lane, const LaneKey& wanted) {
          return std::tie(lane.key.internal_ref, lane.key.external_ref) <
                 std::tie(wanted.internal_ref, wanted.external_ref);
        });
    const bool is_there = found != lanes.end() && found->key == key;
    statuses.push_back(status_of(binding, branch, is_there ? std::optional(*found) : std::nullopt));
  }
  for (auto& lane : lanes) {
    const bool is_shown = is_whole(binding) || (has_tags_besides(binding) && is_tag(lane.key.internal_ref));
    if (is_shown) statuses.push_back(status_of(binding, std::move(lane)));
  }
}

/// The one of that name, or all where none is given.
Result<std::vector<const RepositoryBinding*>> bindings_called(const BindingSnapshot& bindings,
                                                              const std::string& repository) {
  std::vector<const RepositoryBinding*> chosen;
  if (!repository.empty()) {
    const auto* binding = bindings.find(repository);
    if (binding == nullptr) {
      return fail(ErrorCode::RepositoryUnknown,
                  fmt::format("show the status of '{}': no repository of that name is bound",
                              shortened(repository, 128)));
    }
    chosen.push_back(binding);
    return chosen;
  }
  chosen.reserve(bindings.repositories.size());
  for (const auto& [name, binding] : bindings.repositories) chosen.push_back(&binding);
  return chosen;
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

SyncState state_of(bool enabled, const LaneRow* lane) {
  if (!enabled) return SyncState::Disabled;
  if (lane == nullptr) return SyncState::Never;
  if (lane->quarantined) return SyncState::Quarantined;
  if (lane->is_pending()) return lane->attempts > 0 ? SyncState::Retrying : SyncState::Pending;
  if (!lane->last_error.empty()) return SyncState::Failed;
  return lane->last_run_at_ms == 0 ? SyncState::Never : SyncState::InSync;
}

bool is_synced_unbound(const RepositoryBinding& binding, const LaneKey& key) {
  // What was bound or synced before is left over: nothing syncs it any more.
  const bool is_synced = is_tag(key.internal_ref) ? binding.tags == Tags::All : is_whole(binding);
  return is_synced && key.internal_ref == key.external_ref;
}

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
  const auto chosen = bindings_called(bindings, repository);
  if (!chosen) return fail(chosen.error());
  const auto found = walk(*chosen, store, page);
  if (!found) return fail(found.error());
  auto rows = statuses_of(found->stretches, store);
  if (!rows) return fail(rows.error());
  return Listing<BranchStatus>{std::move(*rows), found->total};
}

Result<std::vector<BranchStatus>> all_branch_statuses(const BindingSnapshot& bindings, Store& store,
                                                      const std::string& repository) {
  const auto chosen = bindings_called(bindings, repository);
  if (!chosen) return fail(chosen.error());
  auto lanes = repository.empty() ? store.lanes() : store.lanes_of_repositories(std::vector{repository});
  if (!lanes) return fail(lanes.error());
  std::vector<BranchStatus> statuses;
  // Both are ordered by repository.
  auto next = lanes->begin();
  for (const auto* binding : *chosen) {
    while (next != lanes->end() && next->key.repository < binding->name) ++next;
    const auto first = next;
    while (next != lanes->end() && next->key.repository == binding->name) ++next;
    add_statuses(*binding, std::span(first, next), statuses);
  }
  return statuses;
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
  auto besides = lanes_besides_bound(bindings, store);
  if (!besides) return fail(besides.error());
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
    if (const auto lanes = besides->find(binding->name); lanes != besides->end()) {
      for (const auto& lane : lanes->second) add(sum, status_of(*binding, lane));
    }
    // Nothing is bound, or nothing was ever synced: it is not that somebody switched it off.
    if (binding->enabled && sum.branches == 0) sum.state = SyncState::Never;
  }
  return sums;
}

}  // namespace gitferry
