#include "agent/git/relay_attempt.h"

#include <chrono>
#include <limits>

#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Haves of a create: a source needs few, and 256 fit into one request of any transport.
constexpr std::size_t kHaveLimit = 256;
/// Up to this size a pack is sent whole with its length, as git does below http.postBuffer.
constexpr std::uint64_t kSmallPack = 1U << 20U;

}  // namespace

RelayAttempt::RelayAttempt(const RelayContext& context, const SyncRequest& request, const RefSync& ref,
                           const RelayOptions& options, RunReport& report)
    : context_(context),
      request_(request),
      ref_(ref),
      options_(options),
      report_(report),
      started_(context.clock.monotonic()),
      link_(context, request, {ref.source_ref}, {ref.target_ref}) {}

std::chrono::microseconds RelayAttempt::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.monotonic() - started_);
}

Status RelayAttempt::run() {
  if (auto listed = list(); !listed) return listed;
  if (!report_.source_tip) {
    return ref_.propagate_deletion ? remove() : fail(source_lacks_ref(what()));
  }
  const auto target_format = link_.target().advertisement().format;
  if (link_.source().format() != target_format) {
    return fail(object_formats_differ(what(), link_.source().format(), target_format));
  }
  if (!report_.target_tip_before) return create();
  if (*report_.source_tip == *report_.target_tip_before) {
    report_.plan = Plan::Nothing;
    return {};
  }
  return update();
}

Status RelayAttempt::list() {
  note_phase(request_.progress, TransferPhase::Listing);
  report_.plan = Plan::Undecided;
  report_.source_tip.reset();
  report_.target_tip_before.reset();
  report_.target_tip_after.reset();
  report_.backup_ref.clear();
  if (auto listed = link_.list(); !listed) return listed;
  report_.source_tip = link_.source_tip(ref_.source_ref);
  report_.target_tip_before = link_.target_tip(ref_.target_ref);
  report_.target_tip_after = report_.target_tip_before;
  report_.listing = elapsed();
  return {};
}

FetchRequest RelayAttempt::fetch_request(std::vector<ObjectId> haves, bool done) const {
  auto request = link_.fetch_request({*report_.source_tip}, std::move(haves), done);
  request.thin_pack = request.thin_pack && options_.thin_pack;
  return request;
}

Status RelayAttempt::create() {
  if (ref_.is_deleted_at_target(*report_.source_tip)) {
    report_.plan = Plan::Refuse;
    return fail(target_deleted_ref(what()));
  }
  if (const auto blockers = link_.in_the_way_of(ref_.target_ref); !blockers.empty()) {
    report_.plan = Plan::Refuse;
    return fail(refs_in_the_way(what(), ref_, blockers));
  }
  report_.plan = Plan::Create;
  return request_.dry_run ? Status{} : push_what_is_missing();
}

Status RelayAttempt::remove() {
  if (!report_.target_tip_before) {
    report_.plan = Plan::Nothing;
    return {};
  }
  const auto reason = link_.keep_reason(what(), ref_);
  if (!reason) return fail(reason.error());
  if (*reason) {
    report_.plan = Plan::Refuse;
    return fail(**reason);
  }
  if (auto unchanged = check_seen(); !unchanged) return unchanged;
  report_.plan = Plan::Delete;
  if (request_.dry_run) return {};
  if (request_.keep_backup) {
    if (auto kept = keep_backup(); !kept) return kept;
  }
  return push_bytes({});
}

Status RelayAttempt::push_what_is_missing() {
  const auto& target = link_.target().advertisement();
  if (target.advertises(*report_.source_tip)) return push_bytes(empty_pack(link_.source().format()));
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  auto pack = link_.fetch_pack(fetch_request(target.best_tips(kHaveLimit), true));
  if (!pack) return fail(pack.error());
  return push(**pack);
}

Status RelayAttempt::update() {
  // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
  if (ref_.target_ref.starts_with(kTagsPrefix)) return rewrite(nullptr);
  auto answer = link_.fetch(fetch_request({*report_.target_tip_before}, false));
  if (!answer) return fail(answer.error());
  if (answer->kind == FetchAnswer::Kind::NoCommon) return rewrite(nullptr);
  if (answer->kind == FetchAnswer::Kind::NotReady) return update_with_plain_pack();
  auto pack = link_.hold(std::move(*answer));
  auto verdict = PackScan::Verdict::Undecided;
  if (auto scanned = prove(*pack, !request_.dry_run, verdict); !scanned) return scanned;
  if (verdict == PackScan::Verdict::Undecided && !may_rewrite()) {
    // Its stream belongs to a connection that may be given up now.
    pack.reset();
    return update_with_plain_pack();
  }
  if (verdict != PackScan::Verdict::Found) return rewrite(std::move(pack));
  report_.plan = Plan::FastForward;
  return request_.dry_run ? Status{} : push(*pack);
}

Status RelayAttempt::update_with_plain_pack() {
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  const bool commits_alone = link_.source().offers_filter();
  auto request = fetch_request({*report_.target_tip_before}, true);
  request.thin_pack = false;
  request.without_trees = commits_alone;
  auto pack = link_.fetch_pack(request);
  if (!pack) return fail(pack.error());
  auto verdict = PackScan::Verdict::Undecided;
  if (auto scanned = prove(**pack, !commits_alone && !request_.dry_run, verdict); !scanned) return scanned;
  if (commits_alone) pack->reset();
  if (verdict == PackScan::Verdict::Undecided && !may_rewrite()) {
    report_.relay_undecided = true;
    return fail(ErrorCode::GitFailed,
                what() + ": whether this is a fast-forward cannot be told from the source's pack",
                "push once with plain git; report this if it repeats");
  }
  if (verdict != PackScan::Verdict::Found) return rewrite(std::move(*pack));
  report_.plan = Plan::FastForward;
  if (request_.dry_run) return {};
  if (*pack) return push(**pack);
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  pack = link_.fetch_pack(fetch_request({*report_.target_tip_before}, true));
  if (!pack) return fail(pack.error());
  return push(**pack);
}

bool RelayAttempt::may_rewrite() const {
  return may_replace(ref_.policy, ref_.put_tip, *report_.target_tip_before);
}

Status RelayAttempt::check_seen() const {
  if (!options_.seen || options_.seen->tip == report_.target_tip_before) return {};
  return fail(target_moved(what()));
}

Status RelayAttempt::rewrite(std::unique_ptr<HeldPack> pack) {
  if (!may_rewrite()) return refuse();
  if (auto unchanged = check_seen(); !unchanged) return unchanged;
  report_.plan = Plan::Rewrite;
  if (request_.dry_run) return {};
  if (request_.keep_backup) {
    if (auto kept = keep_backup(); !kept) return kept;
  }
  return pack ? push(*pack) : push_what_is_missing();
}

Status RelayAttempt::refuse() {
  report_.plan = Plan::Refuse;
  return fail(target_diverged(what(), ref_, *report_.source_tip, *report_.target_tip_before));
}

Status RelayAttempt::keep_backup() {
  const auto& tip = *report_.target_tip_before;
  Backup backup{ref_.target_ref, tip};
  link_.keep_backups({&backup, 1});
  report_.backup_ref = backup.name;
  if (!backup.error) return {};
  return fail(
      backup_refused(what(), tip, backup_ref(ref_.target_ref, tip, context_.clock.now()), *backup.error));
}

Status RelayAttempt::prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict) {
  const TipPair tips{*report_.source_tip, *report_.target_tip_before};
  PackScan scan({&tips, 1});
  auto scanned = pack.prove(scan, keep);
  report_.new_commits = scan.commits_seen();
  report_.spooled_bytes += pack.bytes_on_disk();
  if (!scanned) {
    report_.relay_undecided = scanned.error().code == ErrorCode::LimitExceeded;
    scanned.error().message = what() + ": " + scanned.error().message;
    return scanned;
  }
  verdict = scan.verdict();
  return {};
}

RefUpdate RelayAttempt::ref_update() const {
  const auto null = ObjectId::null(link_.target().advertisement().format);
  return {ref_.target_ref, report_.target_tip_before.value_or(null), report_.source_tip.value_or(null)};
}

Status RelayAttempt::push(HeldPack& pack) {
  const auto held_before = pack.bytes_on_disk();
  auto pushed = receive_and_send(pack);
  report_.spooled_bytes += pack.bytes_on_disk() - held_before;
  return pushed;
}

Status RelayAttempt::receive_and_send(HeldPack& pack) {
  auto received = pack.receive(options_.whole_pack ? std::numeric_limits<std::uint64_t>::max() : kSmallPack);
  if (!received) return received;

  // From here on the target may have moved its ref; only its own answer tells.
  report_.target_tip_after.reset();
  report_.first_byte = elapsed();
  auto& target = link_.target();
  auto opened = target.open({ref_update()}, pack.has_ended() ? std::optional(pack.size()) : std::nullopt);
  if (!opened) return take_outcome(target.explain(opened.error()));
  auto sent = pack.send(target, link_.source().format());
  report_.pack_bytes = pack.bytes_sent();
  if (sent) return take_outcome(target.finish());
  if (pack.write_failed()) return take_outcome(target.explain(sent.error()));
  sent.error().message = what() + ": " + sent.error().message;
  return sent;
}

Status RelayAttempt::push_bytes(const std::string& pack) {
  report_.target_tip_after.reset();
  report_.first_byte = elapsed();
  auto& target = link_.target();
  auto written = target.open({ref_update()}, pack.size());
  if (written && !pack.empty()) written = target.write(pack);
  if (!written) return take_outcome(target.explain(written.error()));
  report_.pack_bytes = pack.size();
  return take_outcome(target.finish());
}

Status RelayAttempt::take_outcome(PushOutcome outcome) {
  unpack_failed_ = outcome.unpack_failed;
  report_.remote_text = std::move(outcome.remote_text);
  if (auto error = outcome.error_of(0)) return fail(refused_update(report_.plan, std::move(*error)));
  report_.target_tip_after = report_.source_tip;
  return {};
}

}  // namespace gitferry
