#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/credential.h"
#include "agent/model/binding.h"
#include "agent/model/object_id.h"
#include "agent/model/remote_url.h"
#include "agent/model/run_report.h"
#include "agent/model/transfer_progress.h"

namespace gitferry {

/// One side of a sync as the engine sees it: an address that passed the validator, and what to show there.
struct Remote {
  RemoteUrl url;
  std::optional<Credential> credential;
};

/// The target's tip, unset where it had no such ref.
struct SeenTip {
  std::optional<ObjectId> tip;
};

/// Bring `target_ref` at the target to what `source_ref` is at the source. Refs are full names.
struct RefSync {
  std::string source_ref;
  std::string target_ref;
  Policy policy = Policy::FfOnly;
  /// For Policy::Follow: what gitferry last put on `target_ref`; unset: not known, so nothing is replaced.
  std::optional<ObjectId> put_tip = std::nullopt;
  /// A ref that the source does not have any more is deleted at the target, as may_delete() says; never the
  /// target's default branch. Without it, a source without the ref is BranchMissing.
  bool propagate_deletion = false;
  /// For deletions: the tip that both sides were last known to have. Unset: not known.
  std::optional<ObjectId> common_tip = std::nullopt;
  /// A target that lacks the ref while the source still has `common_tip` has deleted it, and it is not made
  /// anew: BranchMissing. For bindings that go both ways, whose run goes the other way then.
  bool may_be_deleted_at_target = false;
  /// What another engine saw there before: nothing that came to the target since is rewritten or deleted.
  std::optional<SeenTip> seen = std::nullopt;

  [[nodiscard]] bool is_deleted_at_target(const ObjectId& source_tip) const {
    return may_be_deleted_at_target && common_tip == source_tip;
  }
};

/// What one transfer is to do: one listing a side, one pack and one push for all of `refs`, as far as the
/// hosts allow it. Target refs are different from each other.
struct SyncRequest {
  Remote source;
  Remote target;
  std::vector<RefSync> refs;
  bool dry_run = false;  ///< make the plan, write nothing anywhere on the target
  /// A tip that is replaced or deleted is first kept on the target under `refs/gitferry/backup/`. Where the
  /// target does not take that, the tip stays.
  bool keep_backup = false;
  /// Deletes as many refs as are asked for; otherwise not more than deletion_limit() at a time.
  bool may_delete_many = false;
  /// Is told how far the transfer is; may be null. Must outlive the call.
  TransferProgress* progress = nullptr;
};

/// How long one run may wait, and what it may hold meanwhile. Each is enforced by our own transports, not by
/// a library's goodwill.
struct TransferLimits {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds stall{30'000};  ///< without a byte on the stream that is waited for
  std::chrono::milliseconds total{900'000};
  /// However slow the target is, the source is read on after that time, because servers cut clients that take
  /// nothing (nginx's send_timeout: a minute).
  std::chrono::milliseconds hold{5'000};
  std::uint64_t spool_bytes = 16ULL << 30U;  ///< of a pack that may wait on the disk
};

struct RefTip {
  std::string ref;
  ObjectId tip;
};

/// Which refs of a host a listing asks for.
enum class RefScope { Branches, BranchesAndTags };

/// Plans and transfers. One object a worker: it keeps connections open between runs.
///
/// Threading: one thread at a time; `stop` may be requested from any.
/// Blocking:  until the run ends, within TransferLimits.
/// Errors:    in the reports; never throws. A report without an error means that the target itself confirmed
///            the ref (or that nothing had to be done). What one ref ends with does not hold back the others.
class Engine {
 public:
  virtual ~Engine() = default;
  /// One report for each of `request.refs`, in order.
  virtual std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) = 0;
  /// The branches (`refs/heads/…`), and tags (`refs/tags/…`) where they are asked for, that `remote`
  /// advertises, by name.
  virtual Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope,
                                                std::stop_token stop) = 0;
};

using EngineFactory = std::function<std::unique_ptr<Engine>()>;

}  // namespace gitferry
