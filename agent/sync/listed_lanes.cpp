#include "agent/sync/listed_lanes.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

using Tips = std::unordered_map<std::string_view, const ObjectId*>;

Tips tips_of(const std::vector<RefTip>& refs) {
  Tips tips;
  for (const auto& ref : refs) tips.emplace(ref.ref, &ref.tip);
  return tips;
}

std::optional<ObjectId> common_tip(const LaneRow* row) {
  return row == nullptr ? std::nullopt : ObjectId::from_hex(row->common_tip);
}

/// Puts the lanes of one binding together.
class LaneLister {
 public:
  LaneLister(const RepositoryBinding& binding, const BothListings& listings, std::span<const LaneRow> rows,
             const SelectionWish& wish)
      : binding_(binding),
        listings_(listings),
        wish_(wish),
        internal_(tips_of(listings.internal)),
        external_(tips_of(listings.external)) {
    for (const auto& row : rows) rows_.emplace(row.key, &row);
  }

  std::vector<ListedLane> list() {
    if (binding_.granularity == Granularity::All) {
      add_all(kHeadsPrefix);
    } else {
      for (const auto& branch : binding_.branches) {
        if (branch.enabled) add(lane_key(binding_, branch));
      }
    }
    if (binding_.tags == Tags::All) add_all(kTagsPrefix);
    return std::move(lanes_);
  }

 private:
  [[nodiscard]] bool is_source(Side side) const {
    return wish_.direction ? source_side(*wish_.direction) == side : binding_.is_source(side);
  }
  [[nodiscard]] const ObjectId* tip(Side side, const std::string& ref) const {
    const auto& tips = side == Side::Internal ? internal_ : external_;
    const auto found = tips.find(ref);
    return found == tips.end() ? nullptr : found->second;
  }

  /// Every ref of one kind under its own name.
  void add_all(std::string_view prefix) {
    std::set<std::string_view> refs;
    for (const auto side : {Side::Internal, Side::External}) {
      if (!is_source(side)) continue;
      for (const auto& ref : listings_.of(side)) {
        if (ref.ref.starts_with(prefix)) refs.insert(ref.ref);
      }
    }
    for (const auto& [key, row] : rows_) {
      const bool is_of_kind = key.internal_ref == key.external_ref && key.internal_ref.starts_with(prefix);
      const bool was_synced =
          !row->common_tip.empty() || !row->put_to_outer.empty() || !row->put_to_inter.empty();
      if (is_of_kind && was_synced && binding_.deletions == Deletions::Propagate)
        refs.insert(key.internal_ref);
    }
    for (const auto ref : refs) add({binding_.name, std::string(ref), std::string(ref)});
  }

  void add(LaneKey key) {
    ListedLane lane;
    const auto row = rows_.find(key);
    if (row != rows_.end()) lane.row = row->second;
    lane.key = std::move(key);
    lane.direction = direction_of(lane);
    const auto from = source_side(lane.direction);
    lane.source = tip(from, lane.key.ref(from));
    lane.target = tip(other(from), lane.key.ref(other(from)));
    lane.policy = wish_.force ? Policy::Force : policy_of(binding_, lane.key);
    lane.is_deletion = is_deletion(lane);
    if (const auto taken = checked_synced_ref(lane.key.internal_ref); !taken) lane.refused = taken.error();
    lanes_.push_back(std::move(lane));
  }

  [[nodiscard]] Direction direction_of(const ListedLane& lane) const {
    if (wish_.direction) return *wish_.direction;
    if (!binding_.is_two_way()) return first_direction(binding_.direction);
    const auto* internal = tip(Side::Internal, lane.key.internal_ref);
    const auto* external = tip(Side::External, lane.key.external_ref);
    const auto common = common_tip(lane.row);
    if (internal != nullptr && external != nullptr) {
      return common && *internal == *common && *external != *common ? Direction::ToInter : Direction::ToOuter;
    }
    if (internal == nullptr && external == nullptr) return Direction::ToOuter;
    const auto has_it = internal != nullptr ? Side::Internal : Side::External;
    const bool is_gone = common && *(internal != nullptr ? internal : external) == *common &&
                         deletions_of(binding_, lane.key) == Deletions::Propagate &&
                         !listings_.of(other(has_it)).empty();
    return direction_from_side(is_gone ? other(has_it) : has_it);
  }

  [[nodiscard]] bool is_deletion(const ListedLane& lane) const {
    if (lane.source != nullptr || lane.target == nullptr) return false;
    if (listings_.of(source_side(lane.direction)).empty()) return false;
    auto ref = ref_sync_for(binding_, lane.key, lane.direction);
    if (lane.row != nullptr) go_by_what_is_known(ref, binding_, *lane.row, lane.direction);
    return ref.propagate_deletion && may_delete(lane.policy, ref.put_tip, ref.common_tip, *lane.target);
  }

  const RepositoryBinding& binding_;
  const BothListings& listings_;
  const SelectionWish wish_;
  const Tips internal_;
  const Tips external_;
  std::map<LaneKey, const LaneRow*> rows_;
  std::vector<ListedLane> lanes_;
};

}  // namespace

std::vector<ListedLane> listed_lanes(const RepositoryBinding& binding, const BothListings& listings,
                                     std::span<const LaneRow> rows, const SelectionWish& wish) {
  return LaneLister(binding, listings, rows, wish).list();
}

}  // namespace gitferry
