#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// Answers whether a new tip descends from an old one, from commits that come in any order.
///
/// It walks from the new tip through the commits it was given; that some commit names the old tip proves
/// nothing. Since ids are hashes of the content, what it finds is true whoever sent the commits.
class CommitWalk {
 public:
  /// Ids kept at most; about 100 bytes each.
  static constexpr std::size_t kIdLimit = 1'000'000;

  CommitWalk(const ObjectId& new_tip, const ObjectId& old_tip);

  /// `content`: the commit object without its header. Errors: LimitExceeded.
  Status add(const ObjectId& id, std::string_view content);
  [[nodiscard]] bool is_found() const { return is_found_; }

 private:
  struct RawHash {
    std::size_t operator()(const std::string& raw) const;
  };
  using Parents = std::string;  ///< raw ids, one behind the other

  [[nodiscard]] Parents parents_of(std::string_view content) const;
  void reach(const Parents& parents);

  std::string old_tip_;
  std::size_t width_;
  std::size_t ids_ = 0;
  bool is_found_ = false;
  std::unordered_set<std::string, RawHash> reached_;             ///< from the new tip, whether seen or not
  std::unordered_map<std::string, Parents, RawHash> unreached_;  ///< seen, but not reached so far
};

}  // namespace gitferry
