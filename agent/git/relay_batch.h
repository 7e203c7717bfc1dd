#pragma once

#include <memory>
#include <span>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/held_pack.h"
#include "agent/git/ref_batch.h"
#include "agent/git/relay_options.h"

namespace gitferry {

/// One pass of the relay for many refs: one listing a side, one pack, one push, a result for each ref.
///
/// It does what needs no second look: refs that are equal, new ones, fast-forwards that the pack's leading
/// commits prove, rewrites that the policy allows, and deletions. For a branch whose fast-forward they do not
/// prove, and which the policy does not let be rewritten, the batch says nothing: it may descend from its old
/// tip by way of another branch that the target has, and only a pack made for it alone tells.
class RelayBatch {
 public:
  /// At least one item.
  RelayBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items,
             const RelayOptions& options);

  /// Fills in the reports of all items that do not have to be looked at alone. An error is that of the
  /// transfer as a whole; it is in the report of every item that it left unsettled.
  Status run() { return batch_.close(run_steps()); }
  /// After an error: the target said that it could not take the pack.
  [[nodiscard]] bool unpack_failed() const { return batch_.unpack_failed(); }
  [[nodiscard]] bool is_refused_whole() const { return batch_.is_refused_whole(); }

 private:
  Status run_steps();
  /// Fetches one pack for all that is to be made or moved, and proves the fast-forwards with it.
  Status fetch();
  [[nodiscard]] FetchRequest fetch_request() const;
  Status prove();
  /// Where the proofs take too much: each of them alone, the others together all the same.
  Status fetch_without_updates();
  void settle_unproved(BatchItem& item) const;
  Status push();

  const SyncRequest& request_;
  RelayOptions options_;
  RefBatch batch_;
  std::unique_ptr<HeldPack> pack_;  ///< null: the target has all objects
};

}  // namespace gitferry
