#include "agent/git/relay_batch.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "agent/git/plan_errors.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Each is 50 bytes of one request; hosts take a megabyte.
constexpr std::size_t kHaveLimit = 4096;
/// Up to this size a pack is sent whole with its length, as git does below http.postBuffer.
constexpr std::uint64_t kSmallPack = 1U << 20U;

std::vector<std::string> source_refs_of(std::span<const BatchItem> items) {
  std::vector<std::string> refs;
  for (const auto& item : items) refs.push_back(item.ref->source_ref);
  return refs;
}

std::vector<std::string> target_refs_of(std::span<const BatchItem> items) {
  std::vector<std::string> refs;
  for (const auto& item : items) refs.push_back(item.ref->target_ref);
  return refs;
}

/// Leaves out those that have got an error.
void drop_failed(std::vector<BatchItem*>& items) {
  std::erase_if(items, [](const BatchItem* item) { return item->report->error.has_value(); });
}

}  // namespace

RelayBatch::RelayBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items,
                       const RelayOptions& options)
    : context_(context),
      request_(request),
      items_(items),
      options_(options),
      started_(context.clock.monotonic()),
      link_(context, request, source_refs_of(items), target_refs_of(items)) {}

std::chrono::microseconds RelayBatch::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.monotonic() - started_);
}

void RelayBatch::refuse(BatchItem& item, Error error) const {
  item.report->plan = Plan::Refuse;
  item.report->error = std::move(error);
}

Status RelayBatch::run() {
  auto done = run_steps();
  for (auto& item : items_) {
    if (!done && !item.is_alone && !item.is_settled()) item.report->error = done.error();
    if (item.report->total.count() == 0) item.report->total = elapsed();
  }
  return done;
}

Status RelayBatch::run_steps() {
  if (auto listed = list(); !listed) return listed;
  if (auto planned = plan(); !planned) return planned;
  if (auto fetched = fetch(); !fetched) return fetched;
  if (request_.dry_run) return {};
  keep_backups();
  return push();
}

Status RelayBatch::list() {
  note_phase(request_.progress, TransferPhase::Listing);
  for (auto& item : items_) {
    item.is_alone = item.is_in_push = item.is_refused = item.is_confirmed = false;
    *item.report = {};
    item.report->dry_run = request_.dry_run;
  }
  if (auto listed = link_.list(); !listed) return listed;
  for (auto& item : items_) {
    auto& report = *item.report;
    report.source_tip = link_.source_tip(item.ref->source_ref);
    report.target_tip_before = link_.target_tip(item.ref->target_ref);
    report.target_tip_after = report.target_tip_before;
    report.listing = elapsed();
    if (!item.seen) item.seen = SeenTip{report.target_tip_before};
  }
  return {};
}

Status RelayBatch::plan() {
  for (auto& item : items_) plan_item(item);
  plan_deletions();
  check_names();
  return {};
}

void RelayBatch::plan_item(BatchItem& item) {
  auto& report = *item.report;
  if (!report.source_tip) {
    if (!item.ref->propagate_deletion) {
      report.error = source_lacks_ref(what(item));
    } else if (!report.target_tip_before) {
      report.plan = Plan::Nothing;
    } else {
      deletions_.push_back(&item);
    }
  } else if (const auto format = link_.target().advertisement().format; link_.source().format() != format) {
    report.error = object_formats_differ(what(item), link_.source().format(), format);
  } else if (!report.target_tip_before) {
    if (item.ref->is_deleted_at_target(*report.source_tip)) {
      refuse(item, target_deleted_ref(what(item)));
    } else {
      creations_.push_back(&item);
    }
  } else if (report.source_tip == report.target_tip_before) {
    report.plan = Plan::Nothing;
  } else if (item.ref->target_ref.starts_with(kTagsPrefix)) {
    settle_unproved(item);
  } else {
    updates_.push_back(&item);
  }
}

void RelayBatch::plan_deletions() {
  for (auto* item : deletions_) {
    auto reason = link_.keep_reason(what(*item), *item->ref);
    if (!reason) {
      // What deletions alone need to ask keeps nothing else back.
      item->report->error = std::move(reason.error());
    } else if (*reason) {
      refuse(*item, std::move(**reason));
    } else if (item->seen->tip != item->report->target_tip_before) {
      item->is_alone = true;
    }
  }
  drop_failed(deletions_);
  std::erase_if(deletions_, [](const BatchItem* item) { return item->is_alone; });
  const auto target_refs = link_.target().advertisement().branches_and_tags;
  if (!request_.may_delete_many && deletions_.size() > deletion_limit(target_refs)) {
    for (auto* item : deletions_)
      refuse(*item, too_many_deletions(what(*item), deletions_.size(), target_refs));
    deletions_.clear();
  }
  for (auto* item : deletions_) item->report->plan = Plan::Delete;
}

/// A name that is in the way is none where the same push deletes it: git carries the commands out in order.
void RelayBatch::check_names() {
  std::set<std::string> deleted;
  for (const auto* item : deletions_) deleted.insert(item->ref->target_ref);
  for (auto* item : creations_) {
    auto blockers = link_.in_the_way_of(item->ref->target_ref);
    // Where not all are known, more are there than a push would delete.
    if (blockers.size() < kBlockersKept)
      std::erase_if(blockers, [&](const auto& blocker) { return deleted.contains(blocker); });
    if (blockers.empty()) {
      item->report->plan = Plan::Create;
    } else {
      refuse(*item, refs_in_the_way(what(*item), *item->ref, blockers));
    }
  }
  drop_failed(creations_);
}

void RelayBatch::settle_unproved(BatchItem& item) {
  auto& report = *item.report;
  const auto& target_tip = *report.target_tip_before;
  const bool is_as_seen = item.seen->tip == report.target_tip_before;
  if (may_replace(item.ref->policy, item.ref->put_tip, target_tip) && is_as_seen) {
    report.plan = Plan::Rewrite;
    rewrites_.push_back(&item);
  } else if (item.ref->target_ref.starts_with(kTagsPrefix) && is_as_seen) {
    refuse(item, target_diverged(what(item), *item.ref, *report.source_tip, target_tip));
  } else {
    item.is_alone = true;
  }
}

FetchRequest RelayBatch::fetch_request() const {
  const auto& target = link_.target().advertisement();
  std::set<ObjectId> wants;
  std::vector<ObjectId> haves;
  for (const auto* item : updates_) {
    wants.insert(*item->report->source_tip);
    if (haves.size() < kHaveLimit) haves.push_back(*item->report->target_tip_before);
  }
  std::set<ObjectId> missing;
  for (const auto* items : {&creations_, &rewrites_}) {
    for (const auto* item : *items) missing.insert(*item->report->source_tip);
  }
  target.leave_out_advertised(missing);
  wants.merge(missing);
  for (auto& tip : target.best_tips(kHaveLimit)) {
    if (haves.size() < kHaveLimit) haves.push_back(std::move(tip));
  }
  auto request = link_.fetch_request({wants.begin(), wants.end()}, std::move(haves), true);
  request.thin_pack = request.thin_pack && options_.thin_pack;
  return request;
}

Status RelayBatch::fetch() {
  // A dry run needs a pack for its proofs alone.
  if (request_.dry_run && updates_.empty()) return {};
  const auto request = fetch_request();
  if (request.wants.empty()) return {};
  auto pack = link_.fetch_pack(request);
  if (!pack) return fail(pack.error());
  pack_ = std::move(*pack);
  return updates_.empty() ? Status{} : prove();
}

Status RelayBatch::prove() {
  std::vector<TipPair> pairs;
  for (const auto* item : updates_)
    pairs.push_back({*item->report->source_tip, *item->report->target_tip_before});
  PackScan scan(pairs, PackScan::Depth::Commits);
  const auto scanned = pack_->prove(scan, !request_.dry_run);
  if (!scanned && scanned.error().code == ErrorCode::LimitExceeded) return fetch_without_updates();
  if (!scanned) return scanned;
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    auto& report = *updates_[i]->report;
    report.new_commits = scan.commits_seen();
    report.spooled_bytes = pack_->bytes_on_disk();
    if (scan.is_found(i)) {
      report.plan = Plan::FastForward;
    } else {
      settle_unproved(*updates_[i]);
    }
  }
  std::erase_if(updates_, [](const BatchItem* item) { return item->report->plan != Plan::FastForward; });
  return {};
}

Status RelayBatch::fetch_without_updates() {
  for (auto* item : updates_) item->is_alone = true;
  updates_.clear();
  pack_.reset();
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  return fetch();
}

void RelayBatch::keep_backups() {
  if (!request_.keep_backup) return;
  std::vector<BatchItem*> going = rewrites_;
  going.insert(going.end(), deletions_.begin(), deletions_.end());
  std::vector<Backup> backups;
  backups.reserve(going.size());
  for (const auto* item : going) backups.push_back({item->ref->target_ref, *item->report->target_tip_before});
  link_.keep_backups(backups);
  for (std::size_t i = 0; i < going.size(); ++i) {
    auto& report = *going[i]->report;
    report.backup_ref = backups[i].name;
    if (!backups[i].error) continue;
    report.error =
        backup_refused(what(*going[i]), backups[i].tip,
                       backup_ref(backups[i].ref, backups[i].tip, context_.clock.now()), *backups[i].error);
  }
  drop_failed(rewrites_);
  drop_failed(deletions_);
}

Status RelayBatch::push() {
  // Deletions first: a new branch may need the name of one that goes.
  for (const auto* items : {&deletions_, &creations_, &updates_, &rewrites_})
    pushed_.insert(pushed_.end(), items->begin(), items->end());
  if (pushed_.empty()) return {};
  // With deletions alone no pack follows (gitprotocol-pack), also where one was fetched for what did not come
  // to it.
  if (deletions_.size() == pushed_.size()) pack_.reset();
  const auto null = ObjectId::null(link_.target().advertisement().format);
  std::vector<RefUpdate> updates;
  for (auto* item : pushed_) {
    auto& report = *item->report;
    updates.push_back(
        {item->ref->target_ref, report.target_tip_before.value_or(null), report.source_tip.value_or(null)});
    item->is_in_push = true;
    // From here on the target may have moved its refs; only its own answer tells.
    report.target_tip_after.reset();
    report.refs_in_transfer = static_cast<std::uint32_t>(pushed_.size());
    report.first_byte = elapsed();
  }
  return send(std::move(updates));
}

Status RelayBatch::send(std::vector<RefUpdate> updates) {
  auto& target = link_.target();
  const bool only_deletes = deletions_.size() == pushed_.size();
  const auto empty = only_deletes ? std::string() : empty_pack(link_.source().format());
  std::optional<std::uint64_t> size = empty.size();
  if (pack_) {
    auto received =
        pack_->receive(options_.whole_pack ? std::numeric_limits<std::uint64_t>::max() : kSmallPack);
    if (!received) return received;
    size = pack_->has_ended() ? std::optional(pack_->size()) : std::nullopt;
  }
  Status written = target.open(std::move(updates), size);
  bool is_our_fault = false;
  if (written && pack_) {
    written = pack_->send(target, link_.source().format());
    is_our_fault = !written && !pack_->write_failed();
  } else if (written && !empty.empty()) {
    written = target.write(empty);
  }
  for (const auto* item : pushed_) {
    item->report->pack_bytes = pack_ ? pack_->bytes_sent() : empty.size();
    if (pack_) item->report->spooled_bytes = pack_->bytes_on_disk();
  }
  if (is_our_fault) {
    written.error().message =
        fmt::format("syncing {} refs of '{}' to '{}': {}", pushed_.size(), request_.source.url.str(),
                    request_.target.url.str(), written.error().message);
    return written;
  }
  const auto outcome = written ? target.finish() : target.explain(written.error());
  unpack_failed_ = outcome.unpack_failed;
  if (outcome.error) return fail(*outcome.error);
  take_outcome(outcome);
  return {};
}

void RelayBatch::take_outcome(const PushOutcome& outcome) {
  for (std::size_t i = 0; i < pushed_.size(); ++i) {
    auto& item = *pushed_[i];
    auto& report = *item.report;
    report.remote_text = outcome.remote_text;
    if (auto error = outcome.error_of(i)) {
      // One that lost its race gets another look; the others need not wait for it.
      item.is_alone = error->code == ErrorCode::LeaseLost;
      item.is_refused = !item.is_alone;
      report.error = refused_update(report.plan, std::move(*error));
    } else {
      report.target_tip_after = report.source_tip;
      item.is_confirmed = true;
    }
  }
}

}  // namespace gitferry
