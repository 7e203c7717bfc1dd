#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/held_pack.h"
#include "agent/git/relay_attempt.h"
#include "agent/git/relay_link.h"

namespace gitferry {

/// One ref of a batch.
struct BatchItem {
  const RefSync* ref = nullptr;
  RunReport* report = nullptr;
  /// What the target had when it was first looked at: only that is ever rewritten or deleted.
  std::optional<SeenTip> seen = std::nullopt;
  /// The batch left it: it needs a look of its own. Its report is not filled in.
  bool is_alone = false;
  bool is_in_push = false;    ///< the target was asked to move it
  bool is_refused = false;    ///< and would not
  bool is_confirmed = false;  ///< or said that it did

  /// Whether its report tells what became of it.
  [[nodiscard]] bool is_settled() const {
    return is_confirmed || report->error.has_value() || report->plan == Plan::Nothing;
  }
};

/// One pass of the relay for many refs: one listing a side, one pack, one push, a result for each ref.
///
/// It does what needs no second look: refs that are equal, new ones, fast-forwards that the pack's leading
/// commits prove, rewrites that the policy allows, and deletions. For a branch whose fast-forward they do not
/// prove, and which the policy does not let be rewritten, the batch says nothing: it may descend from its old
/// tip by way of another branch that the target has, and only a pack made for it alone tells.
class RelayBatch {
 public:
  /// At least one item. `options.seen` is not used: each item has its own.
  RelayBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items,
             const RelayOptions& options);

  /// Fills in the reports of all items that do not have to be looked at alone. An error is that of the
  /// transfer as a whole; it is in the report of every item that it left unsettled.
  Status run();
  /// After an error: the target said that it could not take the pack.
  [[nodiscard]] bool unpack_failed() const { return unpack_failed_; }

 private:
  Status run_steps();
  Status list();
  /// Settles what the listings alone settle, and sorts the others by what they need.
  Status plan();
  void plan_item(BatchItem& item);
  void check_names();
  void plan_deletions();
  /// Fetches one pack for all that is to be made or moved, and proves the fast-forwards with it.
  Status fetch();
  [[nodiscard]] FetchRequest fetch_request() const;
  Status prove();
  /// Where the proofs take too much: each of them alone, the others together all the same.
  Status fetch_without_updates();
  void settle_unproved(BatchItem& item);
  void keep_backups();
  Status push();
  Status send(std::vector<RefUpdate> updates);
  void take_outcome(const PushOutcome& outcome);
  void refuse(BatchItem& item, Error error) const;
  [[nodiscard]] std::string what(const BatchItem& item) const { return what_is_done(request_, *item.ref); }
  [[nodiscard]] std::chrono::microseconds elapsed() const;

  RelayContext context_;
  const SyncRequest& request_;
  std::span<BatchItem> items_;
  RelayOptions options_;
  MonotonicTime started_;
  bool unpack_failed_ = false;
  RelayLink link_;

  std::vector<BatchItem*> deletions_;
  std::vector<BatchItem*> creations_;
  std::vector<BatchItem*> updates_;  ///< branches whose fast-forward is to be proved
  std::vector<BatchItem*> rewrites_;
  std::vector<BatchItem*> pushed_;  ///< in the order of their commands
  std::unique_ptr<HeldPack> pack_;  ///< null: the target has all objects
};

}  // namespace gitferry
