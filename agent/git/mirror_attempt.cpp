#include "agent/git/mirror_attempt.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/git/plan_errors.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Told to a source, and asked of a target's listing: more only makes a request larger.
constexpr std::size_t kHaveLimit = 256;
constexpr std::size_t kSendSize = 65536;

std::vector<std::string> source_refs_of(std::span<const BatchItem> items) {
  std::vector<std::string> refs;
  refs.reserve(items.size());
  for (const auto& item : items) refs.push_back(item.ref->source_ref);
  return refs;
}

std::vector<std::string> target_refs_of(std::span<const BatchItem> items) {
  std::vector<std::string> refs;
  refs.reserve(items.size());
  for (const auto& item : items) refs.push_back(item.ref->target_ref);
  return refs;
}

/// Leaves out those that have got an error.
void drop_failed(std::vector<BatchItem*>& items) {
  std::erase_if(items, [](const BatchItem* item) { return item->report->error.has_value(); });
}

}  // namespace

MirrorAttempt::MirrorAttempt(const RelayContext& context, const SyncRequest& request,
                             std::span<BatchItem> items, MirrorRepository& mirror)
    : context_(context),
      request_(request),
      items_(items),
      mirror_(mirror),
      started_(context.clock.monotonic()),
      link_(context, request, source_refs_of(items), target_refs_of(items)) {}

std::chrono::microseconds MirrorAttempt::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.monotonic() - started_);
}

void MirrorAttempt::refuse(BatchItem& item, Error error) const {
  item.report->plan = Plan::Refuse;
  item.report->error = std::move(error);
}

Status MirrorAttempt::run() {
  auto done = run_steps();
  for (auto& item : items_) {
    if (!done && !item.is_settled()) item.report->error = done.error();
    item.report->total = elapsed();
  }
  return done;
}

Status MirrorAttempt::run_steps() {
  if (auto listed = list(); !listed) return listed;
  plan_by_listings();
  plan_deletions();
  check_names();
  if (auto fetched = fetch(); !fetched) return fail(blame(fetched.error()));
  if (auto planned = plan_updates(); !planned) return planned;
  count_divergence();
  return request_.dry_run ? Status{} : push();
}

Status MirrorAttempt::list() {
  note_phase(request_.progress, TransferPhase::Listing);
  for (auto& item : items_) {
    item.is_alone = item.is_in_push = item.is_refused = item.is_confirmed = false;
    *item.report = {};
    item.report->engine = EngineKind::Mirror;
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

void MirrorAttempt::plan_by_listings() {
  for (auto& item : items_) plan_by_listings(item);
}

void MirrorAttempt::plan_by_listings(BatchItem& item) {
  auto& report = *item.report;
  const auto format = link_.target().advertisement().format;
  if (!report.source_tip) {
    if (!item.ref->propagate_deletion) {
      report.error = source_lacks_ref(what(item));
    } else if (!report.target_tip_before) {
      report.plan = Plan::Nothing;
    } else {
      deletions_.push_back(&item);
    }
  } else if (link_.source().format() != format) {
    report.error = object_formats_differ(what(item), link_.source().format(), format);
  } else if (report.source_tip == report.target_tip_before) {
    report.plan = Plan::Nothing;
  } else if (format != ObjectFormat::Sha1) {
    report.error = Error{ErrorCode::RejectedByRemote,
                         what(item) + ": the mirror engine knows repositories of SHA-1 alone",
                         "set sync.engine to relay, which carries SHA-256, too",
                         {}};
  } else if (!report.target_tip_before) {
    if (item.ref->is_deleted_at_target(*report.source_tip)) {
      refuse(item, target_deleted_ref(what(item)));
    } else {
      creations_.push_back(&item);
    }
  } else {
    updates_.push_back(&item);
  }
}

void MirrorAttempt::plan_deletions() {
  for (auto* item : deletions_) {
    auto reason = link_.keep_reason(what(*item), *item->ref);
    if (!reason) {
      item->report->error = std::move(reason.error());
    } else if (*reason) {
      refuse(*item, std::move(**reason));
    } else if (item->seen->tip != item->report->target_tip_before) {
      item->report->error = target_moved(what(*item));
    }
  }
  drop_failed(deletions_);
  const auto target_refs = link_.target().advertisement().branches_and_tags;
  if (!request_.may_delete_many && deletions_.size() > deletion_limit(target_refs)) {
    for (auto* item : deletions_) {
      refuse(*item, too_many_deletions(what(*item), deletions_.size(), target_refs));
    }
    deletions_.clear();
  }
  for (auto* item : deletions_) item->report->plan = Plan::Delete;
}

/// A name that is in the way is none where the same push deletes it: git carries the commands out in order.
void MirrorAttempt::check_names() {
  std::set<std::string> deleted;
  for (const auto* item : deletions_) deleted.insert(item->ref->target_ref);
  for (auto* item : creations_) {
    auto blockers = link_.in_the_way_of(item->ref->target_ref);
    // Where not all are known, more are there than a push would delete.
    if (blockers.size() < kBlockersKept) {
      std::erase_if(blockers, [&](const auto& blocker) { return deleted.contains(blocker); });
    }
    if (blockers.empty()) {
      item->report->plan = Plan::Create;
    } else {
      refuse(*item, refs_in_the_way(what(*item), *item->ref, blockers));
    }
  }
  drop_failed(creations_);
}

Status MirrorAttempt::fetch() {
  std::set<ObjectId> wants;
  for (const auto* items : {&creations_, &updates_}) {
    for (const auto* item : *items) wants.insert(*item->report->source_tip);
  }
  if (wants.empty()) return {};
  const std::vector<ObjectId> tips(wants.begin(), wants.end());
  std::vector<ObjectId> missing;
  for (const auto& tip : tips) {
    if (!mirror_.contains(tip) || !mirror_.check_connected({tip}, context_.waiting)) missing.push_back(tip);
  }
  if (!missing.empty()) {
    if (auto fetched = fetch_into_mirror(missing); !fetched) return fetched;
    if (auto whole = mirror_.check_connected(missing, context_.waiting); !whole) return whole;
  }
  return mirror_.keep_tips(tips);
}

Status MirrorAttempt::fetch_into_mirror(const std::vector<ObjectId>& wants) {
  note_phase(request_.progress, TransferPhase::Proving);
  auto haves = mirror_.tips();
  if (haves.size() > kHaveLimit) haves.erase(haves.begin() + kHaveLimit, haves.end());
  auto request = link_.fetch_request(wants, std::move(haves), true);
  request.thin_pack = true;
  request.ofs_delta = true;
  auto answer = link_.fetch(request);
  if (!answer) return fail(answer.error());
  if (answer->kind != FetchAnswer::Kind::Pack) {
    return fail(ErrorCode::ProtocolError,
                fmt::format("reading from the source '{}': it sent no pack", request_.source.url.str()),
                "try a plain git fetch from there");
  }
  auto added = mirror_.add_pack(*answer->pack, context_.waiting, request_.progress);
  if (added) return {};
  added.error().message =
      fmt::format("reading from the source '{}': {}", request_.source.url.str(), added.error().message);
  return added;
}

Error MirrorAttempt::blame(Error error) const {
  if (error.code != ErrorCode::LocalRepositoryDamaged || !mirror_.was_empty()) return error;
  return {ErrorCode::ProtocolError,
          fmt::format("the source '{}' did not send a whole history, and no ref was moved: {}",
                      request_.source.url.str(), error.message),
          "look at the source with git fsck",
          {}};
}

Status MirrorAttempt::plan_updates() {
  for (auto* item : updates_) {
    auto& report = *item->report;
    // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
    if (item->ref->target_ref.starts_with(kTagsPrefix)) {
      settle_rewrite(*item);
      continue;
    }
    const auto descends = mirror_.descends(*report.source_tip, *report.target_tip_before);
    if (!descends) return fail(descends.error());
    if (!*descends) {
      settle_rewrite(*item);
      continue;
    }
    report.plan = Plan::FastForward;
    const auto counted = mirror_.divergence(*report.source_tip, *report.target_tip_before);
    if (counted) report.new_commits = counted->ahead;
  }
  drop_failed(updates_);
  return {};
}

void MirrorAttempt::settle_rewrite(BatchItem& item) {
  auto& report = *item.report;
  if (!may_replace(item.ref->policy, item.ref->put_tip, *report.target_tip_before)) {
    refuse(item, target_diverged(what(item), *item.ref, *report.source_tip, *report.target_tip_before));
  } else if (item.seen->tip != report.target_tip_before) {
    report.error = target_moved(what(item));
  } else {
    report.plan = Plan::Rewrite;
  }
}

std::vector<BatchItem*> MirrorAttempt::planned_as(Plan plan) const {
  std::vector<BatchItem*> planned;
  for (auto& item : items_) {
    if (item.report->plan == plan) planned.push_back(&item);
  }
  return planned;
}

void MirrorAttempt::count_divergence() {
  auto apart = planned_as(Plan::Refuse);
  const auto rewrites = planned_as(Plan::Rewrite);
  apart.insert(apart.end(), rewrites.begin(), rewrites.end());
  std::erase_if(apart, [](const BatchItem* item) {
    return !item->report->source_tip || !item->report->target_tip_before ||
           item->ref->target_ref.starts_with(kTagsPrefix);
  });
  std::vector<ObjectId> unknown;
  for (const auto* item : apart) {
    if (!mirror_.contains(*item->report->target_tip_before))
      unknown.push_back(*item->report->target_tip_before);
  }
  if (!unknown.empty()) fetch_from_target(unknown);
  for (auto* item : apart) {
    auto& report = *item->report;
    report.divergence = mirror_.divergence(*report.source_tip, *report.target_tip_before);
    if (report.divergence && report.error) add_divergence(*report.error, *report.divergence);
  }
}

void MirrorAttempt::fetch_from_target(const std::vector<ObjectId>& wants) {
  auto connection = context_.transport.connect(request_.target, GitService::UploadPack, 2, context_.waiting);
  if (!connection) return;
  UploadPack target(**connection, request_.target.url.str(), context_.sources);
  const auto refs = target_refs_of(items_);
  if (!target.start(refs) || !target.tips_of(refs)) return;
  auto haves = mirror_.tips();
  if (haves.size() > kHaveLimit) haves.erase(haves.begin() + kHaveLimit, haves.end());
  const auto answer = target.fetch(
      {.wants = wants, .haves = std::move(haves), .done = true, .without_trees = target.offers_filter()});
  // What cannot be had is not counted: no plan depends on it.
  if (!answer || answer->kind != FetchAnswer::Kind::Pack) return;
  static_cast<void>(mirror_.add_pack(*answer->pack, context_.waiting, nullptr));
}

void MirrorAttempt::keep_backups() {
  if (!request_.keep_backup) return;
  auto going = planned_as(Plan::Rewrite);
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
  drop_failed(updates_);
  drop_failed(deletions_);
}

Status MirrorAttempt::push() {
  // Whatever may be wrong with the mirror shows before the target is asked for anything.
  Spool pack(context_.spool_directory, context_.waiting.limits.spool_bytes);
  if (auto written = write_pack(pack); !written) return written;
  keep_backups();
  // Deletions first: a new branch may need the name of one that goes.
  for (const auto* items : {&deletions_, &creations_, &updates_}) {
    pushed_.insert(pushed_.end(), items->begin(), items->end());
  }
  if (pushed_.empty()) return {};
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
    report.spooled_bytes = pack.bytes_on_disk();
  }
  return send(std::move(updates), pack);
}

Status MirrorAttempt::write_pack(Spool& pack) {
  std::vector<ObjectId> wants;
  for (const auto* items : {&creations_, &updates_}) {
    for (const auto* item : *items) wants.push_back(*item->report->source_tip);
  }
  if (wants.empty()) return {};
  auto haves = link_.target().advertisement().best_tips(kHaveLimit);
  for (const auto* item : updates_) haves.push_back(*item->report->target_tip_before);
  for (const auto& tip : wants) {
    if (link_.target().advertisement().advertises(tip)) haves.push_back(tip);
  }
  return mirror_.write_pack(wants, haves, pack, context_.waiting);
}

Status MirrorAttempt::send(std::vector<RefUpdate> updates, Spool& pack) {
  note_phase(request_.progress, TransferPhase::Sending);
  auto& target = link_.target();
  // With deletions alone no pack follows (gitprotocol-pack).
  const bool only_deletes = deletions_.size() == pushed_.size();
  auto written = target.open(std::move(updates), only_deletes ? 0 : pack.size());
  std::array<char, kSendSize> buffer{};
  std::uint64_t sent = 0;
  while (written && !only_deletes) {
    const auto count = pack.read(buffer);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    written = target.write(std::string_view(buffer.data(), *count));
    if (!written) break;
    sent += *count;
    if (request_.progress != nullptr) request_.progress->bytes_sent = sent;
  }
  for (const auto* item : pushed_) item->report->pack_bytes = sent;
  note_phase(request_.progress, TransferPhase::Waiting);
  const auto outcome = written ? target.finish() : target.explain(written.error());
  if (outcome.error) return fail(*outcome.error);
  take_outcome(outcome);
  return {};
}

void MirrorAttempt::take_outcome(const PushOutcome& outcome) {
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
