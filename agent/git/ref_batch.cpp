#include "agent/git/ref_batch.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "agent/base/crash_point.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

std::vector<std::string> names_of(std::span<const BatchItem> items, std::string RefSync::*side) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const auto& item : items) names.push_back(item.ref->*side);
  return names;
}

}  // namespace

std::vector<BatchItem> batch_items(const std::vector<RefSync>& refs, std::vector<RunReport>& reports) {
  std::vector<BatchItem> items(refs.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].ref = &refs[i];
    items[i].report = &reports[i];
    items[i].seen = refs[i].seen;
  }
  return items;
}

void fail_unsettled(std::span<BatchItem> items, const Error& error) {
  for (auto& item : items) {
    if (!item.is_settled()) item.report->error = error;
  }
}

RefBatch::RefBatch(const RelayContext& context, const SyncRequest& request, std::span<BatchItem> items)
    : context_(context),
      request_(request),
      items_(items),
      started_(context.clock.monotonic()),
      link_(context, request, names_of(items, &RefSync::source_ref), names_of(items, &RefSync::target_ref)) {}

std::chrono::microseconds RefBatch::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.monotonic() - started_);
}

std::vector<BatchItem*> RefBatch::planned_as(Plan plan) const {
  std::vector<BatchItem*> planned;
  for (auto& item : items_) {
    if (item.report->plan == plan && !item.report->error && !item.is_alone) planned.push_back(&item);
  }
  return planned;
}

bool RefBatch::is_tag(const BatchItem& item) const {
  return item.ref->target_ref.starts_with(kTagsPrefix);
}

bool RefBatch::may_rewrite(const BatchItem& item) const {
  return may_replace(item.ref->policy, item.ref->put_tip, *item.report->target_tip_before);
}

void RefBatch::refuse(BatchItem& item, Error error) const {
  item.report->plan = Plan::Refuse;
  item.report->error = std::move(error);
}

Status RefBatch::list() {
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
    plan(item);
  }
  plan_deletions();
  check_names();
  crash_point(CrashPoint::PlanMade);
  return {};
}

void RefBatch::plan(BatchItem& item) const {
  auto& report = *item.report;
  if (!report.source_tip) {
    if (!item.ref->propagate_deletion) {
      report.error = source_lacks_ref(what(item));
    } else {
      report.plan = report.target_tip_before ? Plan::Delete : Plan::Nothing;
    }
  } else if (const auto format = link_.target().advertisement().format; link_.source().format() != format) {
    report.error = object_formats_differ(what(item), link_.source().format(), format);
  } else if (!report.target_tip_before) {
    if (item.ref->is_deleted_at_target(*report.source_tip)) {
      refuse(item, target_deleted_ref(what(item)));
    } else {
      report.plan = Plan::Create;
    }
  } else if (report.source_tip == report.target_tip_before) {
    report.plan = Plan::Nothing;
  }
}

void RefBatch::plan_deletions() {
  for (auto* item : planned_as(Plan::Delete)) {
    auto reason = link_.keep_reason(what(*item), *item->ref);
    if (!reason) {
      // What deletions alone need to ask keeps nothing else back.
      item->report->plan = Plan::Undecided;
      item->report->error = std::move(reason.error());
    } else if (*reason) {
      refuse(*item, std::move(**reason));
    } else if (item->seen->tip != item->report->target_tip_before) {
      item->report->plan = Plan::Undecided;
      item->report->error = target_moved(what(*item));
      item->is_alone = true;
    }
  }
  const auto deletions = planned_as(Plan::Delete);
  const auto target_refs = link_.target().advertisement().branches_and_tags;
  if (request_.may_delete_many || deletions.size() <= deletion_limit(target_refs)) return;
  for (auto* item : deletions) {
    refuse(*item, too_many_deletions(what(*item), deletions.size(), target_refs));
  }
}

/// A name that is in the way is none where the same push deletes it: git carries the commands out in order.
void RefBatch::check_names() const {
  std::set<std::string> deleted;
  for (const auto* item : planned_as(Plan::Delete)) deleted.insert(item->ref->target_ref);
  for (auto* item : planned_as(Plan::Create)) {
    auto blockers = link_.in_the_way_of(item->ref->target_ref);
    // Where not all are known, more are there than a push would delete.
    if (blockers.size() < kBlockersKept) {
      std::erase_if(blockers, [&](const auto& blocker) { return deleted.contains(blocker); });
    }
    if (!blockers.empty()) refuse(*item, refs_in_the_way(what(*item), *item->ref, blockers));
  }
}

void RefBatch::rewrite(BatchItem& item) const {
  auto& report = *item.report;
  if (!may_rewrite(item)) {
    refuse(item, target_diverged(what(item), *item.ref, *report.source_tip, *report.target_tip_before));
  } else if (item.seen->tip != report.target_tip_before) {
    report.error = target_moved(what(item));
    item.is_alone = true;
  } else {
    report.plan = Plan::Rewrite;
  }
}

void RefBatch::keep_backups() const {
  if (!request_.keep_backup) return;
  auto going = planned_as(Plan::Rewrite);
  const auto deletions = planned_as(Plan::Delete);
  going.insert(going.end(), deletions.begin(), deletions.end());
  std::vector<Backup> backups;
  backups.reserve(going.size());
  for (const auto* item : going) backups.push_back({item->ref->target_ref, *item->report->target_tip_before});
  link_.keep_backups(backups);
  crash_point(CrashPoint::BackupPushed);
  for (std::size_t i = 0; i < going.size(); ++i) {
    auto& report = *going[i]->report;
    report.backup_ref = backups[i].name;
    if (!backups[i].error) continue;
    report.error =
        backup_refused(what(*going[i]), backups[i].tip,
                       backup_ref(backups[i].ref, backups[i].tip, context_.clock.now()), *backups[i].error);
  }
}

std::vector<RefUpdate> RefBatch::updates() {
  keep_backups();
  pushed_.clear();
  for (const auto plan : {Plan::Delete, Plan::Create, Plan::FastForward, Plan::Rewrite}) {
    const auto planned = planned_as(plan);
    pushed_.insert(pushed_.end(), planned.begin(), planned.end());
  }
  const auto null = ObjectId::null(link_.target().advertisement().format);
  std::vector<RefUpdate> updates;
  updates.reserve(pushed_.size());
  for (const auto* item : pushed_) {
    updates.push_back({item->ref->target_ref, item->report->target_tip_before.value_or(null),
                       item->report->source_tip.value_or(null)});
  }
  return updates;
}

bool RefBatch::only_deletes() const {
  return std::ranges::all_of(pushed_, [](const auto* item) { return item->report->plan == Plan::Delete; });
}

void RefBatch::note_push() const {
  for (auto* item : pushed_) {
    auto& report = *item->report;
    item->is_in_push = true;
    report.target_tip_after.reset();
    report.refs_in_transfer = static_cast<std::uint32_t>(pushed_.size());
    report.first_byte = elapsed();
  }
}

void RefBatch::note_sent(std::uint64_t bytes) const {
  for (auto* item : pushed_) {
    item->report->pack_bytes = bytes;
    item->report->sent = elapsed();
  }
}

void RefBatch::note_spooled(std::uint64_t bytes) const {
  for (auto& item : items_) item.report->spooled_bytes = spooled_before_ + bytes;
}

Status RefBatch::take_outcome(const PushOutcome& outcome) {
  unpack_failed_ = outcome.unpack_failed;
  for (std::size_t i = 0; i < pushed_.size(); ++i) {
    auto& item = *pushed_[i];
    auto& report = *item.report;
    report.remote_text = outcome.remote_text;
    if (auto error = outcome.error_of(i)) {
      // One that lost its race gets another look; the others need not wait for it.
      item.is_alone = !outcome.error && error->code == ErrorCode::LeaseLost;
      item.is_refused = !outcome.error && !item.is_alone;
      report.error = refused_update(report.plan, std::move(*error));
    } else {
      report.target_tip_after = report.source_tip;
      item.is_confirmed = true;
    }
  }
  return outcome.error ? Status(fail(*outcome.error)) : Status{};
}

bool RefBatch::is_refused_whole() const {
  if (items_.size() < 2) return false;
  return unpack_failed_ || (std::ranges::count_if(items_, &BatchItem::is_refused) > 1 &&
                            std::ranges::none_of(items_, &BatchItem::is_confirmed));
}

Status RefBatch::close(Status done) const {
  for (auto& item : items_) {
    if (!done && !item.is_alone && !item.is_settled()) item.report->error = done.error();
    item.report->total = elapsed();
  }
  return done;
}

}  // namespace gitferry
