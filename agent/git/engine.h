#pragma once

#include <chrono>
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

namespace gitferry {

/// One side of a sync as the engine sees it: an address that passed the validator, and what to show there.
struct Remote {
  RemoteUrl url;
  std::optional<Credential> credential;
};

/// Bring `target_ref` at `target` to what `source_ref` is at `source`. Refs are full names.
struct SyncRequest {
  Remote source;
  Remote target;
  std::string source_ref;
  std::string target_ref;
  Policy policy = Policy::FfOnly;
  bool dry_run = false;  ///< make the plan, write nothing anywhere on the target
  /// For Policy::Follow: what gitferry last put on `target_ref`; unset: not known, so nothing is replaced.
  std::optional<ObjectId> put_tip = std::nullopt;
  /// A tip that is replaced is first kept on the target under `refs/gitferry/backup/`. Where the target does
  /// not take that, nothing is replaced.
  bool keep_backup = false;
};

/// How long one run may wait. Each is enforced by our own transports, not by a library's goodwill.
struct TransferLimits {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds stall{30'000};  ///< without a byte on the stream that is waited for
  std::chrono::milliseconds total{900'000};
};

struct BranchTip {
  std::string ref;
  ObjectId tip;
};

/// Plans and transfers. One object a worker: it keeps connections open between runs.
///
/// Threading: one thread at a time; `stop` may be requested from any.
/// Blocking:  until the run ends, within TransferLimits.
/// Errors:    in the report; never throws. A report without an error means that the target itself confirmed
///            the ref (or that nothing had to be done).
class Engine {
 public:
  virtual ~Engine() = default;
  virtual RunReport sync(const SyncRequest& request, std::stop_token stop) = 0;
  /// The branches (`refs/heads/…`) that `remote` advertises, by name.
  virtual Result<std::vector<BranchTip>> list_branches(const Remote& remote, std::stop_token stop) = 0;
};

using EngineFactory = std::function<std::unique_ptr<Engine>()>;

}  // namespace gitferry
