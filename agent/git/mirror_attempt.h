#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/mirror_repository.h"
#include "agent/git/relay_batch.h"
#include "agent/git/relay_link.h"

namespace gitferry {

/// One pass of the mirror for many refs: one listing a side, one fetch into the mirror, one push, a result
/// for each ref. Every plan is made with all objects of the source's tips at hand.
class MirrorAttempt {
 public:
  /// At least one item; all that is handed over must outlive it.
  MirrorAttempt(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items,
                MirrorRepository& mirror);

  /// Fills in the reports of all items; one with `is_alone` lost a race and wants another look. An error is
  /// that of the transfer as a whole, and in the report of every item that it left unsettled; with
  /// LocalRepositoryDamaged no ref has moved, and the mirror is to be made anew.
  Status run();

 private:
  Status run_steps();
  Status list();
  void plan_by_listings();
  void plan_by_listings(BatchItem& item);
  void plan_deletions();
  void check_names();
  /// Brings what the items need into the mirror, and looks whether it is whole.
  Status fetch();
  Status fetch_into_mirror(const std::vector<ObjectId>& wants);
  /// Errors of the mirror that came from the source alone: it was empty before.
  Error blame(Error error) const;
  Status plan_updates();
  void settle_rewrite(BatchItem& item);
  void count_divergence();
  /// What a target's branch has more, as far as the target lets it be read.
  void fetch_from_target(const std::vector<ObjectId>& wants);
  void keep_backups();
  Status push();
  Status write_pack(Spool& pack);
  Status send(std::vector<RefUpdate> updates, Spool& pack);
  void take_outcome(const PushOutcome& outcome);
  void refuse(BatchItem& item, Error error) const;
  [[nodiscard]] std::vector<BatchItem*> planned_as(Plan plan) const;
  [[nodiscard]] std::string what(const BatchItem& item) const { return what_is_done(request_, *item.ref); }
  [[nodiscard]] std::chrono::microseconds elapsed() const;

  RelayContext context_;
  const SyncRequest& request_;
  std::span<BatchItem> items_;
  MirrorRepository& mirror_;
  MonotonicTime started_;
  RelayLink link_;

  std::vector<BatchItem*> deletions_;
  std::vector<BatchItem*> creations_;
  std::vector<BatchItem*> updates_;
  std::vector<BatchItem*> pushed_;  ///< in the order of their commands
};

}  // namespace gitferry
