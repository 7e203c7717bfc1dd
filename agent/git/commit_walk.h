#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// What is to be proved: that `new_tip` descends from `old_tip`.
struct TipPair {
  ObjectId new_tip;
  ObjectId old_tip;
};

/// Answers which new tips descend from their old ones, from commits that come in any order.
///
/// It walks from the new tips through the commits it was given; that some commit names an old tip proves
/// nothing. Since ids are hashes of the content, what it finds is true whoever sent the commits.
class CommitWalk {
 public:
  /// Ids kept at most; about 100 bytes each.
  static constexpr std::size_t kIdLimit = 1'000'000;
  /// Numbers of pairs kept at most, in all sets of them.
  static constexpr std::size_t kSetLimit = 4'000'000;
  /// Steps from a commit to a parent, and numbers of pairs looked at on the way: a history made for it would
  /// have us walk the same commits again for each tip.
  static constexpr std::size_t kStepLimit = 50'000'000;

  /// All ids are of one format. Precondition: at least one pair.
  explicit CommitWalk(std::span<const TipPair> pairs);

  /// `content`: the commit object without its header. Errors: LimitExceeded.
  Status add(const ObjectId& id, std::string_view content);
  [[nodiscard]] bool is_found(std::size_t pair) const { return is_found_.at(pair); }
  [[nodiscard]] bool all_found() const { return left_ == 0; }

 private:
  struct RawHash {
    std::size_t operator()(const std::string& raw) const;
  };
  using Parents = std::string;               ///< raw ids, one behind the other
  using Pairs = std::vector<std::uint32_t>;  ///< sorted
  /// Many commits are reached from the same new tips, so each set of those stands in one place.
  using PairsId = std::uint32_t;

  PairsId id_of(Pairs pairs);
  PairsId united(PairsId left, PairsId right);
  Status reach(const std::string& from, PairsId pairs);
  void find(const std::string& id, PairsId pairs);

  std::size_t width_;
  std::size_t ids_ = 0;
  std::size_t in_sets_ = 0;
  std::size_t steps_ = 0;
  std::size_t left_;
  std::vector<bool> is_found_;
  std::unordered_map<std::string, Pairs, RawHash> old_tips_;
  std::vector<Pairs> sets_;
  std::map<Pairs, PairsId> set_ids_;
  /// From which new tips an id is reached, whether its commit was seen or not.
  std::unordered_map<std::string, PairsId, RawHash> reached_;
  /// Of the commits that were seen; with a single pair, only of those that were not reached so far.
  std::unordered_map<std::string, Parents, RawHash> seen_;
};

}  // namespace gitferry
