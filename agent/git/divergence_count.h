#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "agent/base/clock.h"
#include "agent/git/engine.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// Counts, in memory, by how many commits two branches went apart, where both hosts can send commits alone
/// (`filter tree:0`).
///
/// Threading, blocking: those of the engine that owns it; a few seconds at most. It has no errors: what it
///                      cannot count within its limits is left uncounted.
class DivergenceCount {
 public:
  /// For one transfer, whatever number of branches diverged.
  static constexpr std::chrono::seconds kTimeLimit{5};
  static constexpr std::uint64_t kBytesLimit = 64U << 20U;  ///< of the commits of one side

  DivergenceCount(std::unique_ptr<Transport> transport, const TransferLimits& limits, const Clock& clock);

  /// Fills in `divergence`, and the text of the error, of the reports that say Diverged. `reports` are those
  /// of `request.refs`.
  void count(const SyncRequest& request, std::span<RunReport> reports, const std::stop_token& stop);

 private:
  void count_one(const SyncRequest& request, const RefSync& ref, RunReport& report, const Waiting& waiting);

  std::unique_ptr<Transport> transport_;
  TransferLimits limits_;
  const Clock& clock_;
  CapabilityCache sources_;
};

}  // namespace gitferry
