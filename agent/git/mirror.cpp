#include "agent/git/mirror.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/base/crash_point.h"
#include "agent/git/halved_offers.h"
#include "agent/git/mirror_attempt.h"
#include "agent/git/ref_listing.h"

namespace gitferry {
namespace {

bool has_lost_a_race(const BatchItem& item) {
  return item.report->error && item.report->error->code == ErrorCode::LeaseLost;
}

}  // namespace

MirrorEngine::MirrorEngine(std::unique_ptr<Transport> transport, const TransferLimits& limits,
                           MirrorOptions options, const Clock& clock)
    : transport_(std::move(transport)), limits_(limits), options_(std::move(options)), clock_(clock) {}

std::vector<RunReport> MirrorEngine::sync(const SyncRequest& request, std::stop_token stop) {
  std::vector<RunReport> reports(request.refs.size());
  if (reports.empty()) return reports;
  auto items = batch_items(request.refs, reports);
  const Waiting waiting{limits_, clock_.monotonic() + limits_.total, std::move(stop)};
  try {
    sync_held(request, items, waiting);
  } catch (const std::exception& unexpected) {
    fail_unsettled(items, {ErrorCode::Internal,
                           std::string("the mirror engine failed: ") + unexpected.what(),
                           "report this with the log around it",
                           {}});
  }
  for (auto& report : reports) report.engine = EngineKind::Mirror;
  return reports;
}

void MirrorEngine::sync_held(const SyncRequest& request, std::span<BatchItem> items, const Waiting& waiting) {
  auto directory =
      MirrorDirectory::lock(options_.directory, request.source.url.str(), request.target.url.str(), waiting);
  if (!directory) return fail_unsettled(items, directory.error());
  Run run{.request = request, .waiting = waiting, .directory = *directory};
  if (auto opened = open(run); opened) {
    HalvedOffers([&](std::span<BatchItem> some) { return sync_items(run, some); }).make(items);
    tidy(run);
  } else {
    fail_unsettled(items, opened.error());
  }
  for (auto& item : items) item.report->mirror_renewed = run.has_renewed;
  run.mirror.reset();
  if (options_.delete_after) static_cast<void>(directory->remove());
}

Status MirrorEngine::open(Run& run) {
  if (auto ensured = run.directory.ensure(); !ensured) return ensured;
  auto mirror = MirrorRepository::open(run.directory.path());
  if (!mirror) {
    const bool is_curable = mirror.error().code == ErrorCode::LocalRepositoryDamaged && !run.has_renewed;
    return is_curable ? renew(run) : fail(mirror.error());
  }
  run.mirror = std::move(*mirror);
  return {};
}

Status MirrorEngine::renew(Run& run) {
  run.has_renewed = true;
  run.mirror.reset();
  crash_point(CrashPoint::MirrorDamageFound);
  if (auto cleared = run.directory.clear(); !cleared) return cleared;
  crash_point(CrashPoint::MirrorCleared);
  return open(run);
}

bool MirrorEngine::attempt(Run& run, std::span<BatchItem> items) const {
  const RelayContext context{*transport_, sources_, options_.directory, clock_, run.waiting};
  for (;;) {
    MirrorAttempt attempt(context, run.request, items, *run.mirror);
    const auto done = attempt.run();
    if (done || done.error().code != ErrorCode::LocalRepositoryDamaged || run.has_renewed) {
      return attempt.is_refused_whole();
    }
    if (auto renewed = renew(run); !renewed) {
      fail_unsettled(items, renewed.error());
      return false;
    }
  }
}

bool MirrorEngine::sync_items(Run& run, std::span<BatchItem> items) const {
  // Lost while another part was pushed: the reports tell what the target said to the whole.
  if (!run.mirror) return false;
  const bool is_refused_whole = attempt(run, items);
  if (run.waiting.stop.stop_requested() || !run.mirror) return false;
  // What lost a race is looked at once more: all of it where the source's refs moved.
  const auto lost = std::partition(items.begin(), items.end(),
                                   [](const BatchItem& item) { return !has_lost_a_race(item); });
  if (const std::span<BatchItem> again(lost, items.end()); !again.empty()) {
    attempt(run, again);
    // It had its turn: nobody offers it again.
    for (auto& item : again) item.is_alone = true;
  }
  return is_refused_whole;
}

void MirrorEngine::tidy(Run& run) {
  if (!run.mirror) return;
  // Packs of a run in which nothing was found whole help no later one.
  if (run.mirror->tips().empty() && run.mirror->pack_count() > 0) {
    run.mirror.reset();
    static_cast<void>(run.directory.clear());
    return;
  }
  const auto done = run.mirror->consolidate(run.waiting);
  // The run is over and was good; the next one begins anew.
  if (!done && done.error().code == ErrorCode::LocalRepositoryDamaged) {
    run.mirror.reset();
    static_cast<void>(run.directory.clear());
  }
}

Result<std::vector<RefTip>> MirrorEngine::list_refs(const Remote& remote, RefScope scope,
                                                    std::stop_token stop) {
  const Waiting waiting{limits_, clock_.monotonic() + limits_.total, std::move(stop)};
  return list_refs_of(*transport_, sources_, remote, scope, waiting);
}

}  // namespace gitferry
