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
#include "agent/git/receive_pack.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// What a transfer works with; all of it outlives the transfer.
struct RelayContext {
  Transport& transport;
  CapabilityCache& sources;
  const std::string& spool_directory;
  const Clock& clock;
  const Waiting& waiting;
};

/// A tip that is to be kept on the target before its ref is replaced or deleted.
struct Backup {
  std::string ref;  ///< whose tip it is
  ObjectId tip;
  std::string name = {};  ///< under which the target keeps it; empty: it does not
  std::optional<Error> error = std::nullopt;
};

/// Both ends of one transfer: the hosts' listings of some refs, fetches from the source, the push to the
/// target.
///
/// Use: list() first. Errors: those of UploadPack and ReceivePack.
class RelayLink {
 public:
  /// `request` must outlive it.
  RelayLink(const RelayContext& context, const SyncRequest& request, std::vector<std::string> source_refs,
            std::vector<std::string> target_refs);

  /// Asks both hosts, before either is waited for.
  Status list();
  [[nodiscard]] std::optional<ObjectId> source_tip(const std::string& ref) const;
  [[nodiscard]] std::optional<ObjectId> target_tip(const std::string& ref) const {
    return target().advertisement().tip_of(ref);
  }
  /// The target's refs beside which `ref` cannot be made.
  [[nodiscard]] std::vector<std::string> in_the_way_of(const std::string& ref) const;
  [[nodiscard]] ReceivePack& target() { return *target_; }
  [[nodiscard]] const ReceivePack& target() const { return *target_; }
  [[nodiscard]] const UploadPack& source() const { return *source_; }

  /// What `ref`, which the source lacks, is kept for at the target; unset: it may be deleted. Asks both hosts
  /// once more, but only where everything else allows it, and only the first time.
  Result<std::optional<Error>> keep_reason(const std::string& what, const RefSync& ref);

  [[nodiscard]] FetchRequest fetch_request(std::vector<ObjectId> wants, std::vector<ObjectId> haves,
                                           bool done) const;
  Result<FetchAnswer> fetch(const FetchRequest& request);
  /// Null where the source has no common history with `request.haves`, and `request` was not `done`.
  Result<std::unique_ptr<HeldPack>> fetch_pack(const FetchRequest& request);
  [[nodiscard]] std::unique_ptr<HeldPack> hold(FetchAnswer answer) const;
  /// A source that spoke its one answer on a pipe has to be asked anew. Errors besides: LeaseLost where its
  /// refs moved meanwhile.
  Status renew_source();

  /// Keeps tips of the target under names of their own, by a push of its own, confirmed first: where one ref
  /// is hidden (receive.hideRefs), git lets the others of a push through. What became of each stands there.
  void keep_backups(std::span<Backup> backups) const;

 private:
  Status connect_source();
  Status connect_target();
  Status push_backups(std::span<Backup> backups) const;
  Result<bool> source_has_branches();
  Result<std::string> target_head();
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service) const;

  RelayContext context_;
  const SyncRequest& request_;
  std::vector<std::string> source_refs_;
  std::vector<std::string> target_refs_;
  RefTips source_tips_;
  bool has_fetched_ = false;  ///< from the source's present connection
  std::optional<bool> source_has_branches_;
  std::optional<Result<std::string>> target_head_;  ///< asked once, also where that failed

  // The clients refer to their connections: they come later, and so go earlier.
  std::unique_ptr<Connection> source_connection_;
  std::unique_ptr<Connection> target_connection_;
  std::optional<UploadPack> source_;
  std::optional<ReceivePack> target_;
};

inline void note_phase(TransferProgress* progress, TransferPhase phase) {
  if (progress != nullptr) progress->phase = phase;
}

/// A pack of no objects (gitformat-pack): for tips that the target has already.
std::string empty_pack(ObjectFormat format);

}  // namespace gitferry
