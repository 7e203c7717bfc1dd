#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/held_pack.h"
#include "agent/git/plan_errors.h"
#include "agent/git/relay_link.h"

namespace gitferry {

/// How an attempt differs from the first one of its run.
struct RelayOptions {
  bool thin_pack = true;    ///< false: the target could not unpack a thin one
  bool whole_pack = false;  ///< the target wants the request's length: hold the pack until it is complete
  /// What the first attempt saw: only that is ever rewritten, nothing that came later.
  std::optional<SeenTip> seen = std::nullopt;
};

/// One pass of the relay's decision tree for one ref: list both sides, decide, fetch, prove, push.
class RelayAttempt {
 public:
  /// Fills `report` in as far as it comes.
  RelayAttempt(const RelayContext& context, const SyncRequest& request, const RefSync& ref,
               const RelayOptions& options, RunReport& report);

  Status run();
  /// After an error: the target said that it could not take the pack.
  [[nodiscard]] bool unpack_failed() const { return unpack_failed_; }

 private:
  Status list();
  Status create();
  Status update();
  /// For what the first pack did not decide: asks for a pack whose deltas all lie within it.
  Status update_with_plain_pack();
  /// What is no fast-forward: as the policy wants it. `pack` has what the target lacks; null: not fetched
  /// yet.
  Status rewrite(std::unique_ptr<HeldPack> pack);
  Status refuse();
  /// For a ref that the source has deleted.
  Status remove();
  /// Whether the policy lets the target's tip be replaced.
  [[nodiscard]] bool may_rewrite() const;
  /// What came to the target while the run went on is neither replaced nor deleted.
  [[nodiscard]] Status check_seen() const;
  /// Keeps the target's tip under a name of its own, before it goes.
  Status keep_backup();
  Status prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict);
  [[nodiscard]] FetchRequest fetch_request(std::vector<ObjectId> haves, bool done) const;
  Status push_what_is_missing();
  Status push(HeldPack& pack);
  Status receive_and_send(HeldPack& pack);
  Status push_bytes(const std::string& pack);
  Status take_outcome(PushOutcome outcome);
  /// Null: the ref is to be deleted.
  [[nodiscard]] RefUpdate ref_update() const;
  [[nodiscard]] std::string what() const { return what_is_done(request_, ref_); }
  [[nodiscard]] std::chrono::microseconds elapsed() const;

  RelayContext context_;
  const SyncRequest& request_;
  const RefSync& ref_;
  RelayOptions options_;
  RunReport& report_;
  MonotonicTime started_;
  bool unpack_failed_ = false;
  RelayLink link_;
};

}  // namespace gitferry
