#include "agent/git/relay.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/git/ref_listing.h"
#include "agent/git/relay_attempt.h"

namespace gitferry {
namespace {

/// Finding k refused refs among n by halves takes about 2 k log2(n) pushes. More than this is a target that
/// takes nothing.
constexpr int kPushLimit = 256;

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

Status RelayEngine::sync_with_retries(const SyncRequest& request, const BatchItem& item,
                                      const Waiting& waiting) {
  RelayOptions options;
  options.seen = item.seen;
  bool has_planned_again = false;
  for (;;) {
    RelayAttempt attempt({*transport_, sources_, spool_directory_, clock_, waiting}, request, *item.ref,
                         options, *item.report);
    auto done = attempt.run();
    if (done || waiting.stop.stop_requested()) return done;
    if (!options.seen) options.seen = SeenTip{item.report->target_tip_before};
    if (done.error().code == ErrorCode::LengthRequired && !options.whole_pack) {
      options.whole_pack = true;
    } else if (attempt.unpack_failed() && options.thin_pack) {
      options.thin_pack = false;
    } else if (done.error().code == ErrorCode::LeaseLost && !has_planned_again) {
      has_planned_again = true;
    } else {
      return done;
    }
  }
}

void RelayEngine::sync_alone(const SyncRequest& request, BatchItem& item, const Waiting& waiting) {
  const auto started = clock_.monotonic();
  auto& report = *item.report;
  report = {};
  report.dry_run = request.dry_run;
  auto done = sync_with_retries(request, item, waiting);
  item.is_confirmed = done.has_value();
  if (!done) report.error = std::move(done.error());
  report.total = std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic() - started);
}

bool RelayEngine::sync_together(const SyncRequest& request, std::span<BatchItem> items,
                                const Waiting& waiting) {
  RelayOptions options;
  for (;;) {
    RelayBatch batch({*transport_, sources_, spool_directory_, clock_, waiting}, request, items, options);
    const auto done = batch.run();
    if (done) break;
    if (waiting.stop.stop_requested()) return false;
    if (done.error().code == ErrorCode::LengthRequired && !options.whole_pack) {
      options.whole_pack = true;
    } else if (batch.unpack_failed() && options.thin_pack) {
      options.thin_pack = false;
    } else {
      return batch.unpack_failed();
    }
  }
  const auto refused = std::ranges::count_if(items, &BatchItem::is_refused);
  return refused > 1 && std::ranges::none_of(items, &BatchItem::is_confirmed);
}

void RelayEngine::sync_items(const SyncRequest& request, std::span<BatchItem> items, const Waiting& waiting,
                             int& pushes_left) {
  if (items.size() == 1) return sync_alone(request, items.front(), waiting);
  --pushes_left;
  const bool is_refused_whole = sync_together(request, items, waiting);
  for (auto& item : items) {
    if (item.is_alone) sync_alone(request, item, waiting);
  }
  if (!is_refused_whole || pushes_left <= 0) return;
  const auto rest = std::partition(items.begin(), items.end(),
                                   [](const BatchItem& item) { return !item.is_in_push || item.is_alone; });
  const auto pushed = std::span<BatchItem>(rest, items.end());
  if (pushed.size() < 2) return;
  sync_items(request, pushed.first(pushed.size() / 2), waiting, pushes_left);
  sync_items(request, pushed.subspan(pushed.size() / 2), waiting, pushes_left);
}

std::vector<RunReport> RelayEngine::sync(const SyncRequest& request, std::stop_token stop) {
  std::vector<RunReport> reports(request.refs.size());
  if (reports.empty()) return reports;
  std::vector<BatchItem> items(reports.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].ref = &request.refs[i];
    items[i].report = &reports[i];
    items[i].seen = request.refs[i].seen;
  }
  try {
    int pushes_left = kPushLimit;
    sync_items(request, items, waiting(std::move(stop)), pushes_left);
  } catch (const std::exception& unexpected) {
    for (auto& item : items) {
      if (item.is_settled()) continue;
      item.report->error = Error{ErrorCode::Internal,
                                 std::string("the relay failed: ") + unexpected.what(),
                                 "report this with the log around it",
                                 {}};
    }
  }
  return reports;
}

Result<std::vector<RefTip>> RelayEngine::list_refs(const Remote& remote, RefScope scope,
                                                   std::stop_token stop) {
  return list_refs_of(*transport_, sources_, remote, scope, waiting(std::move(stop)));
}

}  // namespace gitferry
