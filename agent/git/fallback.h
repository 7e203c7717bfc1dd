#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/divergence_count.h"
#include "agent/git/engine.h"

namespace gitferry {

/// The relay, and the mirror for the refs that the relay could not decide: `sync.engine: auto`. The report of
/// such a ref is the mirror's. Of a branch that diverged it counts how far, where that is cheap.
class FallbackEngine final : public Engine {
 public:
  FallbackEngine(std::unique_ptr<Engine> relay, std::unique_ptr<Engine> mirror, DivergenceCount count);

  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override;
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override;

 private:
  void count_divergence(const SyncRequest& request, std::vector<RunReport>& reports,
                        const std::stop_token& stop);

  std::unique_ptr<Engine> relay_;
  std::unique_ptr<Engine> mirror_;
  DivergenceCount count_;
};

}  // namespace gitferry
