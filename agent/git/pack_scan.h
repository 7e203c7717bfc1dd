#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/base/result.h"
#include "agent/git/commit_walk.h"
#include "agent/git/object_inflater.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// Reads a pack (gitformat-pack) as it arrives, to prove that new tips descend from old ones.
///
/// Git writes commits first, so the proof is usually complete long before the pack is. Commits that are
/// deltas of commits in the pack are put together; a delta on an object that the pack lacks may hide a
/// commit, and so may a commit beyond a limit: then, without a proof, the verdict is Undecided.
///
/// Errors: ProtocolError for what is no intact pack; LimitExceeded.
class PackScan {
 public:
  enum class Verdict { Found, NotFound, Undecided };

  static constexpr std::size_t kCommitLimit = 4U
                                              << 20U;  ///< bytes of one commit, or of a delta that makes one
  static constexpr std::size_t kCacheLimit = 64U << 20U;  ///< bytes of commits kept for later deltas
  static constexpr std::uint32_t kObjectLimit = 200'000'000;

  /// How far to read where not everything is found.
  enum class Depth {
    Whole,    ///< to the end: only then is NotFound known
    Commits,  ///< until something else than a commit comes; what is not found by then stays Undecided
  };

  explicit PackScan(std::span<const TipPair> pairs, Depth depth = Depth::Whole,
                    std::size_t cache_limit = kCacheLimit);

  /// Each commit as it comes, its object without the header; an error ends the scan.
  using SeeCommit = std::function<Status(const ObjectId& id, std::string_view content)>;
  void on_commit(SeeCommit see) { see_commit_ = std::move(see); }

  /// The next bytes, cut anywhere. Once it is settled, further bytes are not looked at.
  Status feed(std::string_view bytes);
  /// No more bytes follow. ConnectionFailed where the pack is not complete.
  Status finish();

  /// Nothing that follows can change a verdict.
  [[nodiscard]] bool is_settled() const { return walk_.all_found() || commits_are_over_; }
  [[nodiscard]] bool is_found(std::size_t pair) const { return walk_.is_found(pair); }
  /// Precondition: is_settled(), or finish() succeeded.
  [[nodiscard]] Verdict verdict(std::size_t pair = 0) const;
  /// Why it is Undecided.
  [[nodiscard]] const std::string& undecided_reason() const { return hidden_; }
  [[nodiscard]] std::uint64_t commits_seen() const { return commits_seen_; }

 private:
  enum class State { Header, ObjectHeader, BaseOffset, BaseId, Data, Trailer, End };
  struct CachedCommit {
    std::uint64_t offset;
    std::string raw_id;
    std::string content;
  };

  Status step(std::string_view& bytes);
  /// Collects a field of `size` bytes; true once it is whole.
  bool collect(std::string_view& bytes, std::size_t size);
  Status take_header();
  Status take_object_header(std::uint8_t byte);
  Status take_base_offset(std::uint8_t byte);
  Status inflate_some(std::string_view& bytes);
  void begin_object();
  void begin_data(const CachedCommit* base);
  Status end_object();
  Status take_commit(std::string content);
  void hide(std::string_view reason);
  [[nodiscard]] const CachedCommit* commit_at(std::uint64_t offset) const;
  void keep(CachedCommit commit);

  ObjectFormat format_;
  CommitWalk walk_;
  SeeCommit see_commit_;
  Depth depth_;
  std::size_t cache_limit_;
  bool commits_are_over_ = false;

  State state_ = State::Header;
  std::string field_;
  std::uint64_t offset_ = 0;  ///< in the pack, of the next byte
  std::uint32_t objects_left_ = 0;

  std::uint64_t object_offset_ = 0;
  unsigned object_type_ = 0;
  std::uint64_t object_size_ = 0;
  unsigned size_shift_ = 0;
  std::uint64_t base_distance_ = 0;
  bool keeps_content_ = false;
  std::optional<std::string> base_;  ///< content of the commit that the object is a delta of
  std::string content_;
  std::uint64_t inflated_ = 0;
  ObjectInflater inflater_;

  std::deque<CachedCommit> cache_;  ///< by offset
  std::unordered_map<std::string, std::uint64_t> offset_of_;
  std::size_t cached_bytes_ = 0;
  std::uint64_t evicted_below_ = 0;  ///< commits before this offset may be gone from the cache
  std::uint64_t commits_seen_ = 0;
  std::string hidden_;
};

}  // namespace gitferry
