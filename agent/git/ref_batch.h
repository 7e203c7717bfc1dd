#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/plan_errors.h"
#include "agent/git/receive_pack.h"
#include "agent/git/relay_link.h"

namespace gitferry {

/// One ref of a batch.
struct BatchItem {
  const RefSync* ref = nullptr;
  RunReport* report = nullptr;
  /// What the target had when it was first looked at: only that is ever rewritten or deleted.
  std::optional<SeenTip> seen = std::nullopt;
  /// The batch left it: it needs a look of its own.
  bool is_alone = false;
  bool is_in_push = false;    ///< the target was asked to move it
  bool is_refused = false;    ///< and would not
  bool is_confirmed = false;  ///< or said that it did

  /// Whether its report tells what became of it.
  [[nodiscard]] bool is_settled() const {
    return is_confirmed || report->error.has_value() || report->plan == Plan::Nothing;
  }
};

/// One item for each of `refs`, whose report is the one at the same place.
std::vector<BatchItem> batch_items(const std::vector<RefSync>& refs, std::vector<RunReport>& reports);

/// For what ended a run: it is the error of all whose reports do not tell yet what became of them.
void fail_unsettled(std::span<BatchItem> items, const Error& error);

/// The part of a transfer that every engine does alike: both hosts' listings, what they alone decide, the
/// names and deletions that cannot be, backups, the commands of the push and what the target says to them.
/// What lies between, fetching and proving, is the engine's.
///
/// Use: list(); fast_forward(), rewrite() or refuse() for each item that is Undecided then; updates(),
/// note_push() as the request opens, take_outcome(); at last, in any case, close().
class RefBatch {
 public:
  /// At least one item; all that is handed over must outlive it.
  RefBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items);

  /// Afterwards an item is planned as Nothing, Create, Delete or Refuse, or has an error, or is Undecided:
  /// both sides have it, with different tips.
  Status list();
  [[nodiscard]] RelayLink& link() { return link_; }
  [[nodiscard]] const RelayLink& link() const { return link_; }
  [[nodiscard]] std::span<BatchItem> items() const { return items_; }
  /// Those with that plan and without an error, but not those left alone.
  [[nodiscard]] std::vector<BatchItem*> planned_as(Plan plan) const;
  [[nodiscard]] bool is_tag(const BatchItem& item) const;
  [[nodiscard]] bool may_rewrite(const BatchItem& item) const;

  void fast_forward(BatchItem& item) const { item.report->plan = Plan::FastForward; }
  /// What is no fast-forward: a Rewrite or, where the policy or what came to the target meanwhile forbids
  /// that, an error.
  void rewrite(BatchItem& item) const;
  void refuse(BatchItem& item, Error error) const;

  /// The commands, deletions first, since a new branch may need the name of one that goes. Backups are kept
  /// before. Empty: nothing is left to push.
  std::vector<RefUpdate> updates();
  /// With deletions alone no pack follows (gitprotocol-pack).
  [[nodiscard]] bool only_deletes() const;
  /// To be called as the push request opens: from then on only the target's own answer tells what its refs
  /// are.
  void note_push() const;
  void note_sent(std::uint64_t bytes) const;
  /// How much of the pack in use is on the disk.
  void note_spooled(std::uint64_t bytes) const;
  /// That pack is given up, another one is fetched.
  void note_pack_dropped(std::uint64_t spooled_bytes) { spooled_before_ += spooled_bytes; }
  /// What the target said of each. Errors: that of the push as a whole.
  Status take_outcome(const PushOutcome& outcome);
  /// After an error: the target said that it could not take the pack.
  [[nodiscard]] bool unpack_failed() const { return unpack_failed_; }
  /// Of more than one ref none was taken, as hosts do that judge a push as a whole.
  [[nodiscard]] bool is_refused_whole() const;

  /// An error of the transfer as a whole goes to all that it left unsettled.
  Status close(Status done) const;

  [[nodiscard]] std::string what(const BatchItem& item) const { return what_is_done(request_, *item.ref); }
  [[nodiscard]] std::chrono::microseconds elapsed() const;

 private:
  void plan(BatchItem& item) const;
  void plan_deletions();
  void check_names() const;
  void keep_backups() const;

  RelayContext context_;
  const SyncRequest& request_;
  std::span<BatchItem> items_;
  MonotonicTime started_;
  RelayLink link_;
  std::vector<BatchItem*> pushed_;  ///< in the order of their commands
  std::uint64_t spooled_before_ = 0;
  bool unpack_failed_ = false;
};

}  // namespace gitferry
