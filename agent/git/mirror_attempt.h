#pragma once

#include <span>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/mirror_repository.h"
#include "agent/git/ref_batch.h"
#include "agent/git/relay_link.h"
#include "agent/git/spool.h"

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
  Status run() { return batch_.close(run_steps()); }
  [[nodiscard]] bool is_refused_whole() const { return batch_.is_refused_whole(); }

 private:
  Status run_steps();
  /// The mirror's objects are named by SHA-1 alone.
  void refuse_other_formats();
  /// Brings what the items need into the mirror, and looks whether it is whole.
  Status fetch();
  Status fetch_into_mirror(const std::vector<ObjectId>& wants);
  /// Errors of the mirror that came from the source alone: it was empty before.
  Error blame(Error error) const;
  Status plan_updates();
  void count_divergence();
  /// What a target's branch has more, as far as the target lets it be read.
  void fetch_from_target(const std::vector<ObjectId>& wants);
  Status push();
  Status write_pack(Spool& pack);
  Status send(std::vector<RefUpdate> updates, Spool& pack);
  /// That need objects of the source.
  [[nodiscard]] std::vector<BatchItem*> moving() const;

  RelayContext context_;
  const SyncRequest& request_;
  MirrorRepository& mirror_;
  RefBatch batch_;
};

}  // namespace gitferry
