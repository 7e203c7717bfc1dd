#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "agent/base/result.h"
#include "agent/model/object_id.h"
#include "agent/model/run_report.h"

namespace gitferry {

/// Two histories in memory, of commits that come in any order, to count by how many they went apart.
class CommitGraph {
 public:
  /// Commits kept at most; about 150 bytes each.
  static constexpr std::size_t kCommitLimit = 100'000;
  /// Parents kept at most, of all of them: a commit may name very many.
  static constexpr std::size_t kParentLimit = 400'000;

  /// `content`: the commit object without its header. Errors: LimitExceeded.
  Status add(const ObjectId& id, std::string_view content);
  /// How far `source` and `target` went apart. Commits may be missing only where `cut`, an ancestor of both,
  /// was told to the hosts as a have; unset where others are, or `cut` is none.
  [[nodiscard]] std::optional<Divergence> divergence(const ObjectId& source, const ObjectId& target,
                                                     const std::optional<ObjectId>& cut) const;

 private:
  struct RawHash {
    std::size_t operator()(const std::string& raw) const;
  };
  using Ids = std::unordered_set<std::string, RawHash>;
  struct History {
    Ids commits;               ///< that are here
    bool is_complete = true;   ///< nothing that it reaches is missing
    bool reaches_cut = false;  ///< the cut is among what it reaches, here or not
  };

  [[nodiscard]] History history_of(const ObjectId& tip, const std::string& cut) const;

  std::size_t parent_count_ = 0;
  std::unordered_map<std::string, std::string, RawHash> parents_;  ///< raw ids, one behind the other
};

}  // namespace gitferry
