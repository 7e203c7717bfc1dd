#include "agent/git/mirror.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/git/mirror_attempt.h"
#include "agent/git/ref_listing.h"

namespace gitferry {
namespace {

/// Finding k refused refs among n by halves takes about 2 k log2(n) pushes. More than this is a target that
/// takes nothing.
constexpr int kPushLimit = 256;

void fail_all(std::span<BatchItem> items, const Error& error) {
  for (auto& item : items) {
    if (item.is_settled()) continue;
    item.report->engine = EngineKind::Mirror;
    item.report->error = error;
  }
}

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
  std::vector<BatchItem> items(reports.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].ref = &request.refs[i];
    items[i].report = &reports[i];
    items[i].seen = request.refs[i].seen;
  }
  const Waiting waiting{limits_, clock_.monotonic() + limits_.total, std::move(stop)};
  try {
    sync_held(request, items, waiting);
  } catch (const std::exception& unexpected) {
    fail_all(items, {ErrorCode::Internal,
                     std::string("the mirror engine failed: ") + unexpected.what(),
                     "report this with the log around it",
                     {}});
  }
  return reports;
}

void MirrorEngine::sync_held(const SyncRequest& request, std::span<BatchItem> items, const Waiting& waiting) {
  auto directory =
      MirrorDirectory::lock(options_.directory, request.source.url.str(), request.target.url.str(), waiting);
  if (!directory) return fail_all(items, directory.error());
  Run run{.request = request, .waiting = waiting, .directory = *directory, .pushes_left = kPushLimit};
  if (auto opened = open(run); opened) {
    sync_items(run, items);
    tidy(run);
  } else {
    fail_all(items, opened.error());
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
  if (auto cleared = run.directory.clear(); !cleared) return cleared;
  return open(run);
}

Status MirrorEngine::attempt(Run& run, std::span<BatchItem> items) const {
  const RelayContext context{*transport_, sources_, options_.directory, clock_, run.waiting};
  for (;;) {
    auto done = MirrorAttempt(context, run.request, items, *run.mirror).run();
    if (done || done.error().code != ErrorCode::LocalRepositoryDamaged || run.has_renewed) return done;
    if (auto renewed = renew(run); !renewed) {
      fail_all(items, renewed.error());
      return renewed;
    }
  }
}

void MirrorEngine::sync_items(Run& run, std::span<BatchItem> items) const {
  // Lost while another part was pushed: the reports tell what the target said to the whole.
  if (!run.mirror) return;
  --run.pushes_left;
  auto done = attempt(run, items);
  if (run.waiting.stop.stop_requested() || !run.mirror) return;
  // What lost a race is looked at once more: all of it where the source's refs moved.
  const auto lost = std::partition(items.begin(), items.end(),
                                   [](const BatchItem& item) { return !has_lost_a_race(item); });
  if (lost != items.end()) {
    const auto again = std::span<BatchItem>(lost, items.end());
    static_cast<void>(attempt(run, again));
  }
  if (!run.mirror) return;
  const auto is_refused = [](const BatchItem& item) { return item.is_refused; };
  const bool is_refused_whole =
      std::ranges::count_if(items, is_refused) > 1 && std::ranges::none_of(items, &BatchItem::is_confirmed);
  if (!is_refused_whole || run.pushes_left <= 0) return;
  const auto rest =
      std::partition(items.begin(), items.end(), [&](const BatchItem& item) { return !is_refused(item); });
  const auto refused = std::span<BatchItem>(rest, items.end());
  sync_items(run, refused.first(refused.size() / 2));
  sync_items(run, refused.subspan(refused.size() / 2));
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
