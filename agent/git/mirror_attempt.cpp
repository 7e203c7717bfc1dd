#include "agent/git/mirror_attempt.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crash_point.h"

namespace gitferry {
namespace {

/// Told to a source, and asked of a target's listing: more only makes a request larger.
constexpr std::size_t kHaveLimit = 256;
constexpr std::size_t kSendSize = 65536;

}  // namespace

MirrorAttempt::MirrorAttempt(const RelayContext& context, const SyncRequest& request,
                             std::span<BatchItem> items, MirrorRepository& mirror)
    : context_(context), request_(request), mirror_(mirror), batch_(context, request, items) {}

Status MirrorAttempt::run_steps() {
  if (auto listed = batch_.list(); !listed) return listed;
  refuse_other_formats();
  if (auto fetched = fetch(); !fetched) return fail(blame(fetched.error()));
  if (auto planned = plan_updates(); !planned) return planned;
  count_divergence();
  return request_.dry_run ? Status{} : push();
}

std::vector<BatchItem*> MirrorAttempt::moving() const {
  std::vector<BatchItem*> moving;
  for (const auto plan : {Plan::Create, Plan::Undecided, Plan::FastForward, Plan::Rewrite}) {
    const auto planned = batch_.planned_as(plan);
    moving.insert(moving.end(), planned.begin(), planned.end());
  }
  return moving;
}

void MirrorAttempt::refuse_other_formats() {
  if (batch_.link().source().format() == ObjectFormat::Sha1) return;
  for (auto* item : moving()) {
    item->report->plan = Plan::Undecided;
    item->report->error = Error{ErrorCode::RejectedByRemote,
                                batch_.what(*item) + ": the mirror engine knows repositories of SHA-1 alone",
                                "set sync.engine to relay, which carries SHA-256, too",
                                {}};
  }
}

Status MirrorAttempt::fetch() {
  std::set<ObjectId> wants;
  for (const auto* item : moving()) wants.insert(*item->report->source_tip);
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
  auto request = batch_.link().fetch_request(wants, std::move(haves), true);
  request.thin_pack = true;
  request.ofs_delta = true;
  auto answer = batch_.link().fetch(request);
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
  for (auto* item : batch_.planned_as(Plan::Undecided)) {
    auto& report = *item->report;
    // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
    if (batch_.is_tag(*item)) {
      batch_.rewrite(*item);
      continue;
    }
    const auto descends = mirror_.descends(*report.source_tip, *report.target_tip_before, context_.waiting);
    if (!descends) return fail(descends.error());
    if (!*descends) {
      batch_.rewrite(*item);
      continue;
    }
    batch_.fast_forward(*item);
    const auto counted = mirror_.divergence(*report.source_tip, *report.target_tip_before, context_.waiting);
    if (counted) report.new_commits = counted->ahead;
  }
  return {};
}

void MirrorAttempt::count_divergence() {
  std::vector<BatchItem*> apart;
  for (auto& item : batch_.items()) {
    const auto& report = *item.report;
    const bool has_both = report.source_tip && report.target_tip_before;
    const bool is_apart = report.plan == Plan::Refuse || report.plan == Plan::Rewrite;
    if (has_both && is_apart && !batch_.is_tag(item)) apart.push_back(&item);
  }
  std::vector<ObjectId> unknown;
  for (const auto* item : apart) {
    if (!mirror_.contains(*item->report->target_tip_before))
      unknown.push_back(*item->report->target_tip_before);
  }
  if (!unknown.empty()) fetch_from_target(unknown);
  for (auto* item : apart) {
    auto& report = *item->report;
    report.divergence = mirror_.divergence(*report.source_tip, *report.target_tip_before, context_.waiting);
    if (report.divergence && report.error) add_divergence(*report.error, *report.divergence);
  }
}

void MirrorAttempt::fetch_from_target(const std::vector<ObjectId>& wants) {
  auto connection = context_.transport.connect(request_.target, GitService::UploadPack, 2, context_.waiting);
  if (!connection) return;
  UploadPack target(**connection, request_.target.url.str(), context_.sources);
  std::vector<std::string> refs;
  for (const auto& item : batch_.items()) refs.push_back(item.ref->target_ref);
  if (!target.start(refs) || !target.tips_of(refs)) return;
  auto haves = mirror_.tips();
  if (haves.size() > kHaveLimit) haves.erase(haves.begin() + kHaveLimit, haves.end());
  const auto answer = target.fetch(
      {.wants = wants, .haves = std::move(haves), .done = true, .without_trees = target.offers_filter()});
  // What cannot be had is not counted: no plan depends on it.
  if (!answer || answer->kind != FetchAnswer::Kind::Pack) return;
  static_cast<void>(mirror_.add_pack(*answer->pack, context_.waiting, nullptr));
}

Status MirrorAttempt::push() {
  // Whatever may be wrong with the mirror shows before the target is asked for anything.
  Spool pack(context_.spool_directory, context_.waiting.limits.spool_bytes);
  if (auto written = write_pack(pack); !written) return written;
  crash_point(CrashPoint::MirrorPackBuilt);
  auto updates = batch_.updates();
  return updates.empty() ? Status{} : send(std::move(updates), pack);
}

Status MirrorAttempt::write_pack(Spool& pack) {
  std::vector<ObjectId> wants;
  const auto& target = batch_.link().target().advertisement();
  auto haves = target.best_tips(kHaveLimit);
  for (const auto* item : moving()) {
    const auto& tip = *item->report->source_tip;
    wants.push_back(tip);
    if (item->report->target_tip_before) haves.push_back(*item->report->target_tip_before);
    if (target.advertises(tip)) haves.push_back(tip);
  }
  if (wants.empty()) return {};
  return mirror_.write_pack(wants, haves, pack, context_.waiting);
}

Status MirrorAttempt::send(std::vector<RefUpdate> updates, Spool& pack) {
  note_phase(request_.progress, TransferPhase::Sending);
  batch_.note_push();
  batch_.note_spooled(pack.bytes_on_disk());
  auto& target = batch_.link().target();
  const bool only_deletes = batch_.only_deletes();
  auto written = target.open(std::move(updates), only_deletes ? 0 : pack.size());
  crash_point(CrashPoint::MirrorPushOpened);
  std::array<char, kSendSize> buffer{};
  std::uint64_t sent = 0;
  while (written && !only_deletes) {
    const auto count = pack.read(buffer);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    written = target.write(std::string_view(buffer.data(), *count));
    if (!written) break;
    crash_point(CrashPoint::MirrorPackPartSent);
    sent += *count;
    if (request_.progress != nullptr) request_.progress->bytes_sent = sent;
  }
  batch_.note_sent(sent);
  note_phase(request_.progress, TransferPhase::Waiting);
  return batch_.take_outcome(written ? target.finish() : target.explain(written.error()));
}

}  // namespace gitferry
