#include "agent/sync/branch_census.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"
#include "agent/sync/binding_status.h"

namespace gitferry {
namespace {

constexpr std::size_t kLanesAtOnce = 512;

std::string label_of(const LaneKey& key) {
  auto internal = branch_or_ref(key.internal_ref);
  if (key.internal_ref == key.external_ref) return internal;
  // No ref has a colon in its name.
  return internal + ":" + branch_or_ref(key.external_ref);
}

/// The branches that a repository binds, to be found by lane.
class BoundBranches {
 public:
  explicit BoundBranches(const RepositoryBinding& binding) {
    for (const auto& branch : binding.branches) entries_.push_back({lane_key(binding, branch), &branch});
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& left, const Entry& right) { return left.key < right.key; });
  }

  /// Null: not bound. It counts as met from now on.
  const BranchBinding* meet(const LaneKey& key) {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), key,
                         [](const Entry& entry, const LaneKey& wanted) { return entry.key < wanted; });
    if (found == entries_.end() || found->key != key) return nullptr;
    return std::exchange(found->unmet, nullptr);
  }
  template <typename Visit>
  void for_each_unmet(Visit visit) const {
    for (const auto& entry : entries_) {
      if (entry.unmet != nullptr) visit(*entry.unmet);
    }
  }

 private:
  struct Entry {
    LaneKey key;
    const BranchBinding* unmet;
  };
  std::vector<Entry> entries_;
};

class Census {
 public:
  Census(const CensusLimits& limits, std::int64_t now_ms) : limits_(limits), now_ms_(now_ms) {}

  void count_queue(const LaneRow& lane) {
    if (lane.quarantined)
      ++result_.quarantined;
    else if (lane.is_due(now_ms_))
      ++result_.due;
    else if (lane.is_pending())
      ++result_.backing_off;
  }

  /// Begins a repository: what is counted from now on is of its branches.
  void begin(const RepositoryBinding& binding) {
    binding_ = &binding;
    bound_.emplace(binding);
    named_ = 0;
    if (binding.enabled) result_.repositories.push_back({binding.name, 0});
  }

  void count(const LaneRow& lane) {
    const auto* branch = bound_->meet(lane.key);
    const bool is_shown = branch != nullptr || is_kept(lane.key);
    if (!is_shown) return;
    const bool is_on = branch != nullptr ? branch->enabled : is_synced_unbound(*binding_, lane.key);
    add(state_of(binding_->enabled && is_on, &lane), lane);
  }

  void end() {
    bound_->for_each_unmet([&](const BranchBinding& branch) {
      const auto state = state_of(binding_->enabled && branch.enabled, nullptr);
      ++result_.standings.at(static_cast<std::size_t>(standing_of(state, nullptr)));
    });
  }

  BranchCensus take() { return std::move(result_); }

 private:
  /// As the status shows lanes of which there is no branch binding.
  [[nodiscard]] bool is_kept(const LaneKey& key) const {
    if (binding_->granularity == Granularity::All) return true;
    return binding_->tags == Tags::All && is_tag(key.internal_ref);
  }

  void add(SyncState state, const LaneRow& lane) {
    ++result_.standings.at(static_cast<std::size_t>(standing_of(state, &lane)));
    if (state == SyncState::Disabled || state == SyncState::Never) return;
    const bool is_in_sync = state == SyncState::InSync;
    if (!is_in_sync) ++result_.repositories.back().out_of_sync;
    if (named_ >= limits_.branches_of_repository || result_.branches.size() >= limits_.branches) {
      ++result_.left_out;
      return;
    }
    ++named_;
    result_.branches.push_back(
        {lane.key.repository, label_of(lane.key), is_in_sync, lane.last_success_at_ms});
  }

  const CensusLimits limits_;
  const std::int64_t now_ms_;
  BranchCensus result_;
  const RepositoryBinding* binding_ = nullptr;
  std::optional<BoundBranches> bound_;
  std::size_t named_ = 0;
};

/// All lanes in order, as if they were one list.
class Lanes {
 public:
  explicit Lanes(Store& store) : store_(store) {}

  /// Null at the end.
  Result<const LaneRow*> next() {
    if (at_ == few_.size()) {
      if (is_at_end_) return nullptr;
      auto few = store_.lanes_behind(last_, kLanesAtOnce);
      if (!few) return fail(std::move(few.error()));
      few_ = std::move(*few);
      at_ = 0;
      is_at_end_ = few_.size() < kLanesAtOnce;
      if (few_.empty()) return nullptr;
      last_ = few_.back().key;
    }
    return &few_[at_++];
  }

 private:
  Store& store_;
  LaneKey last_;
  std::vector<LaneRow> few_;
  std::size_t at_ = 0;
  bool is_at_end_ = false;
};

}  // namespace

Result<BranchCensus> branch_census(const BindingSnapshot& bindings, Store& store, const CensusLimits& limits,
                                   std::int64_t now_ms) {
  Census census(limits, now_ms);
  Lanes lanes(store);
  auto lane = lanes.next();
  // Both are ordered by repository.
  for (const auto& [name, binding] : bindings.repositories) {
    for (; lane && *lane != nullptr && (*lane)->key.repository < name; lane = lanes.next()) {
      census.count_queue(**lane);
    }
    census.begin(binding);
    for (; lane && *lane != nullptr && (*lane)->key.repository == name; lane = lanes.next()) {
      census.count_queue(**lane);
      census.count(**lane);
    }
    census.end();
  }
  for (; lane && *lane != nullptr; lane = lanes.next()) census.count_queue(**lane);
  if (!lane) return fail(std::move(lane.error()));
  return census.take();
}

}  // namespace gitferry
