#include "agent/git/relay_attempt.h"

#include <chrono>
#include <limits>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "agent/base/crypto.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Haves of a create: a source needs few, and 256 fit into one request of any transport.
constexpr std::size_t kHaveLimit = 256;
/// Up to this size a pack is sent whole with its length, as git does below http.postBuffer.
constexpr std::uint64_t kSmallPack = 1U << 20U;

std::string shown(const std::string& ref) {
  const auto branch = branch_of(ref);
  return branch.empty() ? ref : std::string(branch);
}

/// `refs/gitferry/backup/main/20261125T182120Z-1a2b3c4`
std::string backup_ref(const std::string& ref, const ObjectId& tip, WallTime now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("refs/gitferry/backup/{}/{:%Y%m%dT%H%M%SZ}-{}", shown(ref),
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), tip.short_hex());
}

/// A pack of no objects (gitformat-pack).
std::string empty_pack(ObjectFormat format) {
  std::string pack("PACK\0\0\0\2\0\0\0\0", 12);
  return pack + (format == ObjectFormat::Sha1 ? sha1(pack) : sha256(pack));
}

}  // namespace

RelayAttempt::RelayAttempt(const RelayContext& context, const SyncRequest& request, const RefSync& ref,
                           const RelayOptions& options, RunReport& report)
    : context_(context),
      request_(request),
      ref_(ref),
      options_(options),
      report_(report),
      started_(context.clock.monotonic()) {}

std::string RelayAttempt::what() const {
  return fmt::format("syncing branch '{}' of '{}' to branch '{}' of '{}'", shown(ref_.source_ref),
                     request_.source.url.str(), shown(ref_.target_ref), request_.target.url.str());
}

std::chrono::microseconds RelayAttempt::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.monotonic() - started_);
}

Status RelayAttempt::run() {
  if (auto listed = list(); !listed) return listed;
  if (!report_.source_tip) {
    return fail(ErrorCode::BranchMissing, what() + ": the source has no such branch",
                "push the branch to the source, or correct the binding");
  }
  if (source_->format() != target_->advertisement().format) {
    return fail(ErrorCode::RejectedByRemote,
                fmt::format("{}: the source is a {} repository and the target a {} one", what(),
                            name_of(source_->format()), name_of(target_->advertisement().format)),
                "create the target anew with the source's object format");
  }
  if (!report_.target_tip_before) return create();
  if (*report_.source_tip == *report_.target_tip_before) {
    report_.plan = Plan::Nothing;
    return {};
  }
  return update();
}

Status RelayAttempt::connect_source() {
  const auto& remote = request_.source;
  source_.reset();
  source_connection_.reset();
  has_fetched_ = false;
  auto connection = context_.transport.connect(remote, GitService::UploadPack, 2, context_.waiting);
  if (!connection) return fail(connection.error());
  source_connection_ = std::move(*connection);
  source_.emplace(*source_connection_, remote.url.str(), context_.sources);
  return source_->start(ref_.source_ref);
}

Status RelayAttempt::connect_target() {
  const auto& remote = request_.target;
  auto connection = context_.transport.connect(remote, GitService::ReceivePack, 0, context_.waiting);
  if (!connection) return fail(connection.error());
  target_connection_ = std::move(*connection);
  target_.emplace(*target_connection_, remote.url.str());
  return target_->start();
}

Status RelayAttempt::list() {
  if (request_.progress != nullptr) request_.progress->phase = TransferPhase::Listing;
  report_.plan = Plan::Undecided;
  report_.source_tip.reset();
  report_.target_tip_before.reset();
  report_.target_tip_after.reset();
  report_.backup_ref.clear();
  // Both are asked before either is waited for.
  if (auto asked = connect_source(); !asked) return asked;
  if (auto asked = connect_target(); !asked) return asked;
  auto tip = source_->tip_of(ref_.source_ref);
  if (!tip) return fail(tip.error());
  report_.source_tip = std::move(*tip);
  if (auto listed = target_->list(ref_.target_ref); !listed) return listed;
  report_.target_tip_before = target_->advertisement().tip;
  report_.target_tip_after = report_.target_tip_before;
  report_.listing = elapsed();
  return {};
}

Status RelayAttempt::renew_source() {
  if (!has_fetched_ || source_->can_fetch_again()) return {};
  if (auto asked = connect_source(); !asked) return asked;
  const auto tip = source_->tip_of(ref_.source_ref);
  if (!tip) return fail(tip.error());
  if (*tip == report_.source_tip) return {};
  return fail(ErrorCode::LeaseLost, what() + ": the source's branch moved while the run went on",
              "the next run looks again");
}

FetchRequest RelayAttempt::fetch_request(std::vector<ObjectId> haves, bool done) const {
  return {.want = *report_.source_tip,
          .haves = std::move(haves),
          .done = done,
          .thin_pack = options_.thin_pack && target_->takes_thin_packs(),
          .ofs_delta = target_->takes_ofs_deltas()};
}

Result<FetchAnswer> RelayAttempt::fetch(const FetchRequest& request) {
  has_fetched_ = true;
  return source_->fetch(request);
}

Result<std::unique_ptr<HeldPack>> RelayAttempt::fetch_pack(const FetchRequest& request) {
  auto answer = fetch(request);
  if (!answer) return fail(answer.error());
  if (answer->kind == FetchAnswer::Kind::Pack) {
    return std::make_unique<HeldPack>(std::move(answer->pack), context_.spool_directory, context_.waiting,
                                      request_.progress);
  }
  if (!request.done) return std::unique_ptr<HeldPack>();
  return fail(ErrorCode::ProtocolError, what() + ": the source sent no pack",
              "try a plain git fetch from there");
}

Status RelayAttempt::create() {
  report_.plan = Plan::Create;
  return request_.dry_run ? Status{} : push_what_is_missing();
}

Status RelayAttempt::push_what_is_missing() {
  if (target_->advertisement().advertises(*report_.source_tip)) return push_empty_pack();
  if (auto renewed = renew_source(); !renewed) return renewed;
  auto pack = fetch_pack(fetch_request(target_->advertisement().best_tips(kHaveLimit), true));
  if (!pack) return fail(pack.error());
  return push(**pack);
}

Status RelayAttempt::update() {
  // A tag is not a line of history: one that moved is a rewrite, whatever it points to.
  if (ref_.target_ref.starts_with(kTagsPrefix)) return rewrite(nullptr);
  auto answer = fetch(fetch_request({*report_.target_tip_before}, false));
  if (!answer) return fail(answer.error());
  if (answer->kind == FetchAnswer::Kind::NoCommon) return rewrite(nullptr);
  if (answer->kind == FetchAnswer::Kind::NotReady) return update_with_plain_pack();
  auto pack = std::make_unique<HeldPack>(std::move(answer->pack), context_.spool_directory, context_.waiting,
                                         request_.progress);
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
  if (auto renewed = renew_source(); !renewed) return renewed;
  const bool commits_alone = source_->offers_filter();
  auto request = fetch_request({*report_.target_tip_before}, true);
  request.thin_pack = false;
  request.without_trees = commits_alone;
  auto pack = fetch_pack(request);
  if (!pack) return fail(pack.error());
  auto verdict = PackScan::Verdict::Undecided;
  if (auto scanned = prove(**pack, !commits_alone && !request_.dry_run, verdict); !scanned) return scanned;
  if (commits_alone) pack->reset();
  if (verdict == PackScan::Verdict::Undecided && !may_rewrite()) {
    return fail(ErrorCode::GitFailed,
                what() + ": whether this is a fast-forward cannot be told from the source's pack",
                "push once with plain git; report this if it repeats");
  }
  if (verdict != PackScan::Verdict::Found) return rewrite(std::move(*pack));
  report_.plan = Plan::FastForward;
  if (request_.dry_run) return {};
  if (*pack) return push(**pack);
  if (auto renewed = renew_source(); !renewed) return renewed;
  pack = fetch_pack(fetch_request({*report_.target_tip_before}, true));
  if (!pack) return fail(pack.error());
  return push(**pack);
}

bool RelayAttempt::may_rewrite() const {
  return may_replace(ref_.policy, ref_.put_tip, *report_.target_tip_before);
}

Status RelayAttempt::rewrite(std::unique_ptr<HeldPack> pack) {
  if (!may_rewrite()) return refuse();
  if (options_.seen && options_.seen->tip != report_.target_tip_before) {
    return fail(ErrorCode::LeaseLost,
                what() + ": the target's branch moved while the run went on, and was left as it is",
                "look at what came there before forcing it again");
  }
  report_.plan = Plan::Rewrite;
  if (request_.dry_run) return {};
  if (request_.keep_backup) {
    if (auto kept = keep_backup(); !kept) return kept;
  }
  return pack ? push(*pack) : push_what_is_missing();
}

Status RelayAttempt::refuse() {
  report_.plan = Plan::Refuse;
  const auto tip = report_.target_tip_before->short_hex();
  auto text = fmt::format("{}: the target's tip {} is not an ancestor of the source's tip {}", what(), tip,
                          report_.source_tip->short_hex());
  if (ref_.policy != Policy::Follow) {
    return fail(ErrorCode::Diverged, text + "; the target was left as it is",
                "merge the target's commits into the source, or reset the target's branch to a commit of the "
                "source");
  }
  text += ref_.put_tip ? fmt::format(
                             ", and it is not {}, which gitferry last put there: somebody else moved the "
                             "target's branch",
                             ref_.put_tip->short_hex())
                       : std::string(", and gitferry has no record of having put it there itself");
  return fail(ErrorCode::Diverged, text + "; the target was left as it is",
              "look at what is there; then merge it into the source, or force this sync once");
}

Status RelayAttempt::keep_backup() {
  const auto& tip = *report_.target_tip_before;
  const auto ref = backup_ref(ref_.target_ref, tip, context_.clock.now());
  const auto refused = [&](const Error& error) {
    auto named = error;
    named.message =
        fmt::format("{}: the target's tip {} could not be kept as '{}', so it was not replaced: {}", what(),
                    tip.short_hex(), ref, error.message);
    if (!named.is_transient()) {
      named.hint = "let the target take refs under refs/gitferry/, or set backup_refs: false";
    }
    return fail(std::move(named));
  };
  const auto& remote = request_.target;
  auto connection = context_.transport.connect(remote, GitService::ReceivePack, 0, context_.waiting);
  if (!connection) return refused(connection.error());
  ReceivePack target(**connection, remote.url.str());
  auto done = target.start();
  if (done) done = target.list(ref);
  if (!done) return refused(done.error());
  report_.backup_ref = ref;
  // A run a moment ago kept the very same one.
  if (target.advertisement().tip == tip) return {};
  const auto pack = empty_pack(tip.format());
  done = target.open({ref, ObjectId::null(tip.format()), tip}, pack.size());
  if (done) done = target.write(pack);
  auto outcome = done ? target.finish() : target.explain(done.error());
  if (!outcome.error) return {};
  report_.backup_ref.clear();
  return refused(*outcome.error);
}

Status RelayAttempt::prove(HeldPack& pack, bool keep, PackScan::Verdict& verdict) {
  PackScan scan(*report_.source_tip, *report_.target_tip_before);
  auto scanned = pack.prove(scan, keep);
  report_.new_commits = scan.commits_seen();
  report_.spooled_bytes += pack.bytes_on_disk();
  if (!scanned) {
    scanned.error().message = what() + ": " + scanned.error().message;
    return scanned;
  }
  verdict = scan.verdict();
  return {};
}

RefUpdate RelayAttempt::ref_update() const {
  const auto& new_tip = *report_.source_tip;
  return {ref_.target_ref, report_.target_tip_before.value_or(ObjectId::null(new_tip.format())), new_tip};
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
  auto opened = target_->open(ref_update(), pack.has_ended() ? std::optional(pack.size()) : std::nullopt);
  if (!opened) return take_outcome(target_->explain(opened.error()));
  auto sent = pack.send(*target_, source_->format());
  report_.pack_bytes = pack.bytes_sent();
  if (sent) return take_outcome(target_->finish());
  if (pack.write_failed()) return take_outcome(target_->explain(sent.error()));
  sent.error().message = what() + ": " + sent.error().message;
  return sent;
}

Status RelayAttempt::push_empty_pack() {
  const auto pack = empty_pack(source_->format());
  report_.target_tip_after.reset();
  report_.first_byte = elapsed();
  auto written = target_->open(ref_update(), pack.size());
  if (written) written = target_->write(pack);
  if (!written) return take_outcome(target_->explain(written.error()));
  report_.pack_bytes = pack.size();
  return take_outcome(target_->finish());
}

Status RelayAttempt::take_outcome(PushOutcome outcome) {
  unpack_failed_ = outcome.unpack_failed;
  report_.remote_text = std::move(outcome.remote_text);
  if (outcome.error && outcome.error->code == ErrorCode::Diverged && report_.plan == Plan::Rewrite) {
    // It was not asked for a fast-forward: this is its rule, not a race.
    outcome.error->code = ErrorCode::RejectedByRemote;
    outcome.error->hint =
        "let the target take non-fast-forward pushes of this branch (git: "
        "receive.denyNonFastForwards), or merge its commits into the source";
  }
  if (outcome.error) return fail(std::move(*outcome.error));
  report_.target_tip_after = report_.source_tip;
  return {};
}

}  // namespace gitferry
