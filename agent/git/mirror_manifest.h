#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// What a mirror is made of, as it last was whole: written anew, and exchanged by a rename, after each
/// change. What is in the directory and not in here is left over from a run that died.
struct MirrorManifest {
  /// More tips than that are forgotten, the oldest first: that only makes a later fetch larger.
  static constexpr std::size_t kTipLimit = 1024;

  struct Pack {
    std::string name;  ///< 40 hexadecimal digits, as in `pack-<name>.pack`
    std::uint64_t pack_bytes = 0;
    std::uint64_t index_bytes = 0;
  };
  std::vector<Pack> packs;
  /// Commits that are here with all that they reach, the newest first.
  std::vector<ObjectId> tips;

  /// `tips` become the newest.
  void add_tips(const std::vector<ObjectId>& added);
  /// Replaces the one of the same name.
  void add_pack(Pack pack);

  [[nodiscard]] std::string text() const;
  /// Errors: LocalRepositoryDamaged for what text() did not write.
  static Result<MirrorManifest> parse(const std::string& text);
};

}  // namespace gitferry
