#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/ref_batch.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// Brings refs from source to target without a repository of its own: the source's pack streams into the
/// target's push request.
///
/// A fast-forward is proved from the pack's own commits before the push request opens; what arrives meanwhile
/// is held in memory, and beyond a limit in an unlinked file under `spool_directory`. The target's ref is
/// moved by its own compare-and-swap on the tip that was seen, and the pack's trailer is sent only after the
/// source ended cleanly: a cut or damaged transfer cannot move it.
///
/// What is no fast-forward is replaced where may_replace() says so, by the same compare-and-swap; before it,
/// where it is asked for, the old tip is kept on the target under `refs/gitferry/backup/`.
///
/// Within one run it tries again, each once: with a length where the target wants one, without a thin pack
/// where the target could not unpack, and with new listings where a ref moved meanwhile; what came to the
/// target in between is never rewritten.
class RelayEngine final : public Engine {
 public:
  /// `clock` must outlive it.
  RelayEngine(std::unique_ptr<Transport> transport, const TransferLimits& limits, std::string spool_directory,
              const Clock& clock);

  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override;
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override;

 private:
  [[nodiscard]] Waiting waiting(std::stop_token stop) const;
  /// As one batch and what that leaves alone, with the retries of each. Whether the target refused all of it.
  bool sync_together(const SyncRequest& request, std::span<BatchItem> items, const Waiting& waiting);
  void sync_alone(const SyncRequest& request, BatchItem& item, const Waiting& waiting);

  std::unique_ptr<Transport> transport_;
  TransferLimits limits_;
  std::string spool_directory_;
  const Clock& clock_;
  CapabilityCache sources_;
};

}  // namespace gitferry
