#include "agent/git/relay_batch.h"

#include <cstddef>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "agent/git/relay_push.h"

namespace gitferry {
namespace {

/// Each is 50 bytes of one request; hosts take a megabyte.
constexpr std::size_t kHaveLimit = 4096;

}  // namespace

RelayBatch::RelayBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items,
                       const RelayOptions& options)
    : request_(request), options_(options), batch_(context, request, items) {}

Status RelayBatch::run_steps() {
  if (auto listed = batch_.list(); !listed) return listed;
  for (auto* item : batch_.planned_as(Plan::Undecided)) {
    // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
    if (batch_.is_tag(*item)) batch_.rewrite(*item);
  }
  if (auto fetched = fetch(); !fetched) return fetched;
  return request_.dry_run ? Status{} : push();
}

/// Only a pack made for it alone tells of a branch that may not be replaced.
void RelayBatch::settle_unproved(BatchItem& item) const {
  if (batch_.may_rewrite(item)) {
    batch_.rewrite(item);
  } else {
    item.is_alone = true;
  }
}

FetchRequest RelayBatch::fetch_request() const {
  const auto& target = batch_.link().target().advertisement();
  std::set<ObjectId> wants;
  std::vector<ObjectId> haves;
  for (const auto* item : batch_.planned_as(Plan::Undecided)) {
    wants.insert(*item->report->source_tip);
    if (haves.size() < kHaveLimit) haves.push_back(*item->report->target_tip_before);
  }
  std::set<ObjectId> missing;
  for (const auto plan : {Plan::Create, Plan::Rewrite}) {
    for (const auto* item : batch_.planned_as(plan)) missing.insert(*item->report->source_tip);
  }
  target.leave_out_advertised(missing);
  wants.merge(missing);
  for (auto& tip : target.best_tips(kHaveLimit)) {
    if (haves.size() < kHaveLimit) haves.push_back(std::move(tip));
  }
  auto request = batch_.link().fetch_request({wants.begin(), wants.end()}, std::move(haves), true);
  request.thin_pack = request.thin_pack && options_.thin_pack;
  return request;
}

Status RelayBatch::fetch() {
  const bool has_updates = !batch_.planned_as(Plan::Undecided).empty();
  // A dry run needs a pack for its proofs alone.
  if (request_.dry_run && !has_updates) return {};
  const auto request = fetch_request();
  if (request.wants.empty()) return {};
  auto pack = batch_.link().fetch_pack(request);
  if (!pack) return fail(pack.error());
  pack_ = std::move(*pack);
  return has_updates ? prove() : Status{};
}

Status RelayBatch::prove() {
  const auto updates = batch_.planned_as(Plan::Undecided);
  std::vector<TipPair> pairs;
  pairs.reserve(updates.size());
  for (const auto* item : updates)
    pairs.push_back({*item->report->source_tip, *item->report->target_tip_before});
  PackScan scan(pairs, PackScan::Depth::Commits);
  const auto scanned = pack_->prove(scan, !request_.dry_run);
  batch_.note_spooled(pack_->bytes_on_disk());
  if (!scanned && scanned.error().code == ErrorCode::LimitExceeded) return fetch_without_updates();
  if (!scanned) return scanned;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    auto& report = *updates[i]->report;
    report.new_commits = scan.commits_seen();
    if (scan.is_found(i)) {
      batch_.fast_forward(*updates[i]);
    } else {
      settle_unproved(*updates[i]);
    }
  }
  return {};
}

Status RelayBatch::fetch_without_updates() {
  for (auto* item : batch_.planned_as(Plan::Undecided)) item->is_alone = true;
  batch_.note_pack_dropped(pack_->bytes_on_disk());
  pack_.reset();
  if (auto renewed = batch_.link().renew_source(); !renewed) return renewed;
  return fetch();
}

Status RelayBatch::push() {
  return push_pack(
      batch_, pack_.get(), options_,
      fmt::format("syncing refs of '{}' to '{}'", request_.source.url.str(), request_.target.url.str()));
}

}  // namespace gitferry
