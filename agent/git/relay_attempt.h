#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/held_pack.h"
#include "agent/git/receive_pack.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// What an attempt works with; all of it outlives the attempt.
struct RelayContext {
  Transport& transport;
  CapabilityCache& sources;
  const std::string& spool_directory;
  const Clock& clock;
  const Waiting& waiting;
};

/// The target's tip, unset where it had no such ref.
struct SeenTip {
  std::optional<ObjectId> tip;
};

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
  Status connect_source();
  Status connect_target();
  Status list();
  Status create();
  Status update();
  /// For what the first pack did not decide: asks for a pack whose deltas all lie within it.
  Status update_with_plain_pack();
  /// What is no fast-forward: as the policy wants it. `pack` has what the target lacks; null: not fetched
  /// yet.
  Status rewrite(std::unique_ptr<HeldPack> pack);
  Status refuse();
  /// Whether the policy lets the target's tip be replaced.
  [[nodiscard]] bool may_rewrite() const;
  /// Keeps the target's tip under a name of its own, before it is replaced. A push of its own, confirmed
  /// first: where one ref is hidden (receive.hideRefs), git lets the others of an atomic push through.
  Status keep_backup();
  Status prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict);
  /// A source that spoke its one answer on a pipe has to be asked anew.
  Status renew_source();
  [[nodiscard]] FetchRequest fetch_request(std::vector<ObjectId> haves, bool done) const;
  Result<FetchAnswer> fetch(const FetchRequest& request);
  Result<std::unique_ptr<HeldPack>> fetch_pack(const FetchRequest& request);
  Status push_what_is_missing();
  Status push(HeldPack& pack);
  Status receive_and_send(HeldPack& pack);
  Status push_empty_pack();
  Status take_outcome(PushOutcome outcome);
  [[nodiscard]] RefUpdate ref_update() const;
  [[nodiscard]] std::string what() const;
  [[nodiscard]] std::chrono::microseconds elapsed() const;

  RelayContext context_;
  const SyncRequest& request_;
  const RefSync& ref_;
  RelayOptions options_;
  RunReport& report_;
  MonotonicTime started_;
  bool unpack_failed_ = false;
  bool has_fetched_ = false;  ///< from the source's present connection

  // The clients refer to their connections: they come later, and so go earlier.
  std::unique_ptr<Connection> source_connection_;
  std::unique_ptr<Connection> target_connection_;
  std::optional<UploadPack> source_;
  std::optional<ReceivePack> target_;
};

}  // namespace gitferry
