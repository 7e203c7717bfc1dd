#include "agent/git/relay_attempt.h"

#include <cstddef>
#include <utility>

#include "agent/git/relay_push.h"

namespace gitferry {
namespace {

/// Haves of a create: a source needs few, and 256 fit into one request of any transport.
constexpr std::size_t kHaveLimit = 256;

}  // namespace

RelayAttempt::RelayAttempt(const RelayContext& context, const SyncRequest& request, BatchItem& item,
                           const RelayOptions& options)
    : request_(request),
      item_(item),
      report_(*item.report),
      options_(options),
      batch_(context, request, {&item, 1}),
      link_(batch_.link()) {}

Status RelayAttempt::run() {
  auto done = run_steps();
  if (!done && !report_.error) report_.error = done.error();
  done = batch_.close(std::move(done));
  return report_.error ? Status(fail(*report_.error)) : done;
}

bool RelayAttempt::is_decided() const {
  return report_.error || report_.plan == Plan::Nothing;
}

Status RelayAttempt::run_steps() {
  if (auto listed = batch_.list(); !listed || is_decided()) return listed;
  if (report_.plan == Plan::Undecided) return update();
  if (request_.dry_run) return {};
  return report_.plan == Plan::Delete ? push(nullptr) : push_what_is_missing();
}

FetchRequest RelayAttempt::fetch_request(std::vector<ObjectId> haves, bool done) const {
  auto request = link_.fetch_request({*report_.source_tip}, std::move(haves), done);
  request.thin_pack = request.thin_pack && options_.thin_pack;
  return request;
}

Status RelayAttempt::push_what_is_missing() {
  const auto& target = link_.target().advertisement();
  if (target.advertises(*report_.source_tip)) return push(nullptr);
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  auto pack = link_.fetch_pack(fetch_request(target.best_tips(kHaveLimit), true));
  if (!pack) return fail(pack.error());
  return push(pack->get());
}

Status RelayAttempt::update() {
  // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
  if (batch_.is_tag(item_)) return rewrite(nullptr);
  auto answer = link_.fetch(fetch_request({*report_.target_tip_before}, false));
  if (!answer) return fail(answer.error());
  if (answer->kind == FetchAnswer::Kind::NoCommon) return rewrite(nullptr);
  if (answer->kind == FetchAnswer::Kind::NotReady) return update_with_plain_pack();
  auto pack = link_.hold(std::move(*answer));
  auto verdict = PackScan::Verdict::Undecided;
  if (auto scanned = prove(*pack, !request_.dry_run, verdict); !scanned) return scanned;
  if (verdict == PackScan::Verdict::Found) return fast_forward(std::move(pack));
  if (verdict == PackScan::Verdict::Undecided && !batch_.may_rewrite(item_)) {
    // Its stream belongs to a connection that may be given up now.
    drop(pack);
    return update_with_plain_pack();
  }
  return rewrite(std::move(pack));
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
  if (commits_alone) drop(*pack);
  if (verdict == PackScan::Verdict::Found) return fast_forward(std::move(*pack));
  if (verdict == PackScan::Verdict::Undecided && !batch_.may_rewrite(item_)) {
    report_.relay_undecided = true;
    return fail(ErrorCode::GitFailed,
                what() + ": whether this is a fast-forward cannot be told from the source's pack",
                "push once with plain git; report this if it repeats");
  }
  return rewrite(std::move(*pack));
}

Status RelayAttempt::fast_forward(std::unique_ptr<HeldPack> pack) {
  batch_.fast_forward(item_);
  if (request_.dry_run) return {};
  if (pack) return push(pack.get());
  if (auto renewed = link_.renew_source(); !renewed) return renewed;
  auto fetched = link_.fetch_pack(fetch_request({*report_.target_tip_before}, true));
  if (!fetched) return fail(fetched.error());
  return push(fetched->get());
}

Status RelayAttempt::rewrite(std::unique_ptr<HeldPack> pack) {
  batch_.rewrite(item_);
  if (report_.error || request_.dry_run) return {};
  return pack ? push(pack.get()) : push_what_is_missing();
}

Status RelayAttempt::prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict) {
  const TipPair tips{*report_.source_tip, *report_.target_tip_before};
  PackScan scan({&tips, 1});
  auto scanned = pack.prove(scan, keep);
  report_.new_commits = scan.commits_seen();
  batch_.note_spooled(pack.bytes_on_disk());
  if (!scanned) {
    report_.relay_undecided = scanned.error().code == ErrorCode::LimitExceeded;
    scanned.error().message = what() + ": " + scanned.error().message;
    return scanned;
  }
  verdict = scan.verdict();
  return {};
}

void RelayAttempt::drop(std::unique_ptr<HeldPack>& pack) {
  batch_.note_pack_dropped(pack->bytes_on_disk());
  pack.reset();
}

Status RelayAttempt::push(HeldPack* pack) {
  return push_pack(batch_, pack, options_, what());
}

}  // namespace gitferry
