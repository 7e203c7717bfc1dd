#include "agent/git/relay_link.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/crypto.h"
#include "agent/git/plan_errors.h"

namespace gitferry {

std::string empty_pack(ObjectFormat format) {
  std::string pack("PACK\0\0\0\2\0\0\0\0", 12);
  return pack + (format == ObjectFormat::Sha1 ? sha1(pack) : sha256(pack));
}

RelayLink::RelayLink(const RelayContext& context, const SyncRequest& request,
                     std::vector<std::string> source_refs, std::vector<std::string> target_refs)
    : context_(context),
      request_(request),
      source_refs_(std::move(source_refs)),
      target_refs_(std::move(target_refs)) {}

Result<std::unique_ptr<Connection>> RelayLink::connect(const Remote& remote, GitService service) const {
  const int version = service == GitService::UploadPack ? 2 : 0;
  return context_.transport.connect(remote, service, version, context_.waiting);
}

Status RelayLink::connect_source() {
  source_.reset();
  source_connection_.reset();
  has_fetched_ = false;
  auto connection = connect(request_.source, GitService::UploadPack);
  if (!connection) return fail(connection.error());
  source_connection_ = std::move(*connection);
  source_.emplace(*source_connection_, request_.source.url.str(), context_.sources);
  return source_->start(source_refs_);
}

Status RelayLink::connect_target() {
  auto connection = connect(request_.target, GitService::ReceivePack);
  if (!connection) return fail(connection.error());
  target_connection_ = std::move(*connection);
  target_.emplace(*target_connection_, request_.target.url.str());
  return target_->start();
}

Status RelayLink::list() {
  if (auto asked = connect_source(); !asked) return asked;
  if (auto asked = connect_target(); !asked) return asked;
  auto tips = source_->tips_of(source_refs_);
  if (!tips) return fail(tips.error());
  source_tips_ = std::move(*tips);
  crash_point(CrashPoint::SourceListed);
  auto listed = target_->list(target_refs_);
  crash_point(CrashPoint::TargetListed);
  return listed;
}

std::optional<ObjectId> RelayLink::source_tip(const std::string& ref) const {
  const auto found = source_tips_.find(ref);
  return found == source_tips_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> RelayLink::in_the_way_of(const std::string& ref) const {
  const auto& blocked = target().advertisement().in_the_way;
  const auto found = blocked.find(ref);
  return found == blocked.end() ? std::vector<std::string>{} : found->second;
}

Result<bool> RelayLink::source_has_branches() {
  if (source_has_branches_) return *source_has_branches_;
  if (!source_tips_.empty()) return true;
  auto connection = connect(request_.source, GitService::UploadPack);
  if (!connection) return fail(connection.error());
  UploadPack source(**connection, request_.source.url.str(), context_.sources);
  const auto branches = source.list_refs(RefScope::Branches);
  if (!branches) return fail(branches.error());
  source_has_branches_ = !branches->empty();
  return *source_has_branches_;
}

Result<std::string> RelayLink::target_head() {
  if (target_head_) return *target_head_;
  auto connection = connect(request_.target, GitService::UploadPack);
  if (!connection) {
    target_head_ = fail(connection.error());
    return *target_head_;
  }
  UploadPack target(**connection, request_.target.url.str(), context_.sources);
  auto head = target.head_branch();
  if (!head) {
    target_head_ = fail(head.error());
    return *target_head_;
  }
  target_head_ = std::move(*head);
  return *target_head_;
}

Result<std::optional<Error>> RelayLink::keep_reason(const std::string& what, const RefSync& ref) {
  using Reason = std::optional<Error>;
  const auto tip = target_tip(ref.target_ref);
  if (!tip) return Reason{};
  if (!may_delete(ref.policy, ref.put_tip, ref.common_tip, *tip)) {
    return Reason{deletion_not_ours(what, ref, *tip)};
  }
  if (!target().takes_deletions()) return Reason{deletion_not_offered(what)};
  const auto has_branches = source_has_branches();
  if (!has_branches) return fail(has_branches.error());
  if (!*has_branches) return Reason{deletion_by_empty_source(what)};
  const auto head = target_head();
  if (!head) return fail(head.error());
  // Where the host keeps to itself which one it is, any may be.
  if (*head == ref.target_ref || *head == "HEAD") return Reason{deletion_of_default_branch(what)};
  return Reason{};
}

Status RelayLink::renew_source() {
  if (!has_fetched_ || source_->can_fetch_again()) return {};
  if (auto asked = connect_source(); !asked) return asked;
  const auto tips = source_->tips_of(source_refs_);
  if (!tips) return fail(tips.error());
  if (*tips == source_tips_) return {};
  return fail(ErrorCode::LeaseLost,
              fmt::format("reading from the source '{}': its refs moved while the run went on",
                          request_.source.url.str()),
              "the next run looks again");
}

FetchRequest RelayLink::fetch_request(std::vector<ObjectId> wants, std::vector<ObjectId> haves,
                                      bool done) const {
  return {.wants = std::move(wants),
          .haves = std::move(haves),
          .done = done,
          .thin_pack = target().takes_thin_packs(),
          .ofs_delta = target().takes_ofs_deltas()};
}

Result<FetchAnswer> RelayLink::fetch(const FetchRequest& request) {
  has_fetched_ = true;
  return source_->fetch(request);
}

std::unique_ptr<HeldPack> RelayLink::hold(FetchAnswer answer) const {
  return std::make_unique<HeldPack>(std::move(answer.pack), context_.spool_directory, context_.waiting,
                                    request_.progress);
}

Result<std::unique_ptr<HeldPack>> RelayLink::fetch_pack(const FetchRequest& request) {
  auto answer = fetch(request);
  if (!answer) return fail(answer.error());
  if (answer->kind == FetchAnswer::Kind::Pack) return hold(std::move(*answer));
  if (!request.done) return std::unique_ptr<HeldPack>();
  return fail(ErrorCode::ProtocolError,
              fmt::format("reading from the source '{}': it sent no pack", request_.source.url.str()),
              "try a plain git fetch from there");
}

void RelayLink::keep_backups(std::span<Backup> backups) const {
  if (backups.empty()) return;
  const auto pushed = push_backups(backups);
  for (auto& backup : backups) {
    if (!pushed && !backup.error) backup.error = pushed.error();
    if (backup.error) backup.name.clear();
  }
}

Status RelayLink::push_backups(std::span<Backup> backups) const {
  std::vector<std::string> names;
  for (auto& backup : backups) {
    backup.name = backup_ref(backup.ref, backup.tip, context_.clock.now());
    names.push_back(backup.name);
  }
  const auto connection = connect(request_.target, GitService::ReceivePack);
  if (!connection) return fail(connection.error());
  ReceivePack target(**connection, request_.target.url.str());
  if (auto started = target.start(); !started) return started;
  if (auto listed = target.list(names); !listed) return listed;
  std::vector<RefUpdate> updates;
  std::vector<Backup*> waiting;
  for (auto& backup : backups) {
    // A run a moment ago kept the very same one.
    if (target.advertisement().tip_of(backup.name) == backup.tip) continue;
    updates.push_back({backup.name, ObjectId::null(backup.tip.format()), backup.tip});
    waiting.push_back(&backup);
  }
  if (updates.empty()) return {};
  const auto pack = empty_pack(backups.front().tip.format());
  auto done = target.open(std::move(updates), pack.size());
  if (done) done = target.write(pack);
  const auto outcome = done ? target.finish() : target.explain(done.error());
  for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->error = outcome.error_of(i);
  return {};
}

}  // namespace gitferry
