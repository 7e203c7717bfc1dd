#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/held_pack.h"
#include "agent/git/ref_batch.h"
#include "agent/git/relay_options.h"

namespace gitferry {

/// One pass of the relay's decision tree for one ref: list both sides, decide, fetch, prove, push.
class RelayAttempt {
 public:
  RelayAttempt(const RelayContext& context, const SyncRequest& request, BatchItem& item,
               const RelayOptions& options);

  /// Fills the item's report in as far as it comes, its error included.
  Status run();
  /// After an error: the target said that it could not take the pack.
  [[nodiscard]] bool unpack_failed() const { return batch_.unpack_failed(); }

 private:
  Status run_steps();
  Status update();
  /// For what the first pack did not decide: asks for a pack whose deltas all lie within it.
  Status update_with_plain_pack();
  Status fast_forward(std::unique_ptr<HeldPack> pack);
  /// What is no fast-forward: as the policy wants it. `pack` has what the target lacks; null: not fetched
  /// yet.
  Status rewrite(std::unique_ptr<HeldPack> pack);
  Status prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict);
  void drop(std::unique_ptr<HeldPack>& pack);
  [[nodiscard]] FetchRequest fetch_request(std::vector<ObjectId> haves, bool done) const;
  Status push_what_is_missing();
  Status push(HeldPack* pack);
  [[nodiscard]] bool is_decided() const;
  [[nodiscard]] std::string what() const { return batch_.what(item_); }

  const SyncRequest& request_;
  BatchItem& item_;
  RunReport& report_;
  RelayOptions options_;
  RefBatch batch_;
  RelayLink& link_;
};

}  // namespace gitferry
