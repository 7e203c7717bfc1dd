#include "agent/git/relay.h"

#include <exception>
#include <utility>

#include "agent/git/halved_offers.h"
#include "agent/git/ref_listing.h"
#include "agent/git/relay_attempt.h"
#include "agent/git/relay_batch.h"

namespace gitferry {
namespace {

/// Whether another try, as `options` say then, may do what this one could not.
bool adapt(RelayOptions& options, const Error& error, bool unpack_failed) {
  if (error.code == ErrorCode::LengthRequired && !options.whole_pack) {
    options.whole_pack = true;
  } else if (unpack_failed && options.thin_pack) {
    options.thin_pack = false;
  } else {
    return false;
  }
  return true;
}

}  // namespace

RelayEngine::RelayEngine(std::unique_ptr<Transport> transport, const TransferLimits& limits,
                         std::string spool_directory, const Clock& clock)
    : transport_(std::move(transport)),
      limits_(limits),
      spool_directory_(std::move(spool_directory)),
      clock_(clock) {}

Waiting RelayEngine::waiting(std::stop_token stop) const {
  return {limits_, clock_.monotonic() + limits_.total, std::move(stop)};
}

void RelayEngine::sync_alone(const SyncRequest& request, BatchItem& item, const Waiting& waiting) {
  const auto started = clock_.monotonic();
  RelayOptions options;
  bool has_planned_again = false;
  for (;;) {
    RelayAttempt attempt({*transport_, sources_, spool_directory_, clock_, waiting}, request, item, options);
    const auto done = attempt.run();
    if (done || waiting.stop.stop_requested()) break;
    if (adapt(options, done.error(), attempt.unpack_failed())) continue;
    if (done.error().code != ErrorCode::LeaseLost || has_planned_again) break;
    has_planned_again = true;
  }
  item.report->total = std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic() - started);
}

bool RelayEngine::sync_together(const SyncRequest& request, std::span<BatchItem> items,
                                const Waiting& waiting) {
  RelayOptions options;
  for (;;) {
    RelayBatch batch({*transport_, sources_, spool_directory_, clock_, waiting}, request, items, options);
    const auto done = batch.run();
    const bool is_over = done || waiting.stop.stop_requested();
    if (!is_over && adapt(options, done.error(), batch.unpack_failed())) continue;
    const bool is_refused_whole = batch.is_refused_whole();
    for (auto& item : items) {
      if (!item.is_alone) continue;
      sync_alone(request, item, waiting);
      // It had its turn: nobody offers it again.
      item.is_alone = true;
    }
    return is_refused_whole && !waiting.stop.stop_requested();
  }
}

std::vector<RunReport> RelayEngine::sync(const SyncRequest& request, std::stop_token stop) {
  std::vector<RunReport> reports(request.refs.size());
  if (reports.empty()) return reports;
  auto items = batch_items(request.refs, reports);
  const auto run = waiting(std::move(stop));
  HalvedOffers offers([&](std::span<BatchItem> some) {
    if (some.size() > 1) return sync_together(request, some, run);
    sync_alone(request, some.front(), run);
    return false;
  });
  try {
    offers.make(items);
  } catch (const std::exception& unexpected) {
    fail_unsettled(items, {ErrorCode::Internal,
                           std::string("the relay failed: ") + unexpected.what(),
                           "report this with the log around it",
                           {}});
  }
  return reports;
}

Result<std::vector<RefTip>> RelayEngine::list_refs(const Remote& remote, RefScope scope,
                                                   std::stop_token stop) {
  return list_refs_of(*transport_, sources_, remote, scope, waiting(std::move(stop)));
}

}  // namespace gitferry
