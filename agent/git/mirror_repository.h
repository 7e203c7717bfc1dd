#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/mirror_files.h"
#include "agent/git/spool.h"
#include "agent/git/transport.h"
#include "agent/model/object_id.h"
#include "agent/model/run_report.h"
#include "agent/model/transfer_progress.h"

namespace gitferry {

struct MirrorPace;

/// The objects of one mirror: SHA-1 only, in packs, read and written through libgit2. It has no refs; the
/// tips of its manifest say what is known to be whole.
///
/// Threading: one thread. The caller holds the MirrorDirectory.
/// Errors:    LocalRepositoryDamaged for whatever is wrong with the objects: the mirror is then to be deleted
///            and fetched anew. Cancelled and Timeout by `waiting`, also in the middle of long work.
class MirrorRepository {
 public:
  /// More packs than that, and the small ones become one.
  static constexpr std::size_t kPackLimit = 20;
  /// Of one pack that a source sends.
  static constexpr std::uint64_t kPackBytesLimit = 16ULL << 30U;

  /// `path`: a directory of our own, empty or a mirror.
  static Result<std::unique_ptr<MirrorRepository>> open(const std::string& path);
  ~MirrorRepository();
  MirrorRepository(const MirrorRepository&) = delete;
  MirrorRepository& operator=(const MirrorRepository&) = delete;

  /// Nothing was here before this run: what is missing now, the source did not send.
  [[nodiscard]] bool was_empty() const { return was_empty_; }
  [[nodiscard]] bool contains(const ObjectId& id) const;
  /// What is here with all that it reaches, the newest first.
  [[nodiscard]] const std::vector<ObjectId>& tips() const { return manifest_.tips; }
  [[nodiscard]] std::size_t pack_count() const { return manifest_.packs.size(); }

  /// Takes a pack in; objects that its deltas lean on may be here instead of in it. `progress` may be null.
  Status add_pack(ByteReader& pack, const Waiting& waiting, TransferProgress* progress);
  /// Whether everything that `tips` reach is here: libgit2 asks for none of it. Looks only at what the tips
  /// already known do not reach.
  Status check_connected(const std::vector<ObjectId>& tips, const Waiting& waiting);
  /// Remembers tips that check_connected() has found whole.
  Status keep_tips(const std::vector<ObjectId>& tips);

  /// Whether `newer` has `older` among its ancestors. False also where `older` is not here, or either is no
  /// commit. Precondition: check_connected(newer).
  Result<bool> descends(const ObjectId& newer, const ObjectId& older, const Waiting& waiting);
  /// Unset where a commit of either is not here, or there is no time left.
  std::optional<Divergence> divergence(const ObjectId& source, const ObjectId& target,
                                       const Waiting& waiting);

  /// A pack of what `wants` reach and `haves` do not; its deltas need nothing else. Haves that are not here
  /// with all that they reach are passed over.
  Status write_pack(const std::vector<ObjectId>& wants, const std::vector<ObjectId>& haves, Spool& out,
                    const Waiting& waiting);
  /// Where there are more than kPackLimit packs, puts the small ones together: afterwards each is at least as
  /// large as all smaller ones together, so that few are left and little is written again.
  Status consolidate(const Waiting& waiting);

 private:
  struct Handles;
  explicit MirrorRepository(const std::string& path);

  Status open_objects();
  [[nodiscard]] bool is_commit(const ObjectId& id) const;
  /// The new pack's name; empty for one of no objects.
  Result<std::string> index_pack(ByteReader& pack, MirrorPace& pace);
  Status take_index(const std::string& name);
  [[nodiscard]] std::vector<ObjectId> whole_ones(const std::vector<ObjectId>& ids, const Waiting& waiting);
  Result<std::string> put_together(std::span<const MirrorManifest::Pack> packs, const Waiting& waiting);

  MirrorFiles files_;
  MirrorManifest manifest_;
  bool was_empty_ = false;
  std::unique_ptr<Handles> handles_;
};

}  // namespace gitferry
