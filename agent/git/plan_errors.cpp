#include "agent/git/plan_errors.h"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

std::string named_ref(const std::string& ref) {
  return fmt::format("{} '{}'", ref.starts_with(kTagsPrefix) ? "tag" : "branch", shown_ref(ref));
}

}  // namespace

std::string shown_ref(const std::string& ref) {
  const auto branch = branch_of(ref);
  if (!branch.empty()) return std::string(branch);
  return ref.starts_with(kTagsPrefix) ? ref.substr(kTagsPrefix.size()) : ref;
}

std::string what_is_done(const SyncRequest& request, const RefSync& ref) {
  return fmt::format("syncing {} of '{}' to {} of '{}'", named_ref(ref.source_ref), request.source.url.str(),
                     named_ref(ref.target_ref), request.target.url.str());
}

Error source_lacks_ref(const std::string& what) {
  return {ErrorCode::BranchMissing,
          what + ": the source has no such branch",
          "push the branch to the source, or correct the binding",
          {}};
}

Error object_formats_differ(const std::string& what, ObjectFormat source, ObjectFormat target) {
  return {ErrorCode::RejectedByRemote,
          fmt::format("{}: the source is a {} repository and the target a {} one", what, name_of(source),
                      name_of(target)),
          "create the target anew with the source's object format",
          {}};
}

Error target_diverged(const std::string& what, const RefSync& ref, const ObjectId& source_tip,
                      const ObjectId& target_tip) {
  if (ref.target_ref.starts_with(kTagsPrefix) && ref.policy == Policy::FfOnly) {
    return {
        ErrorCode::Diverged,
        fmt::format("{}: the target's tag is {} and the source's is {}: a tag that moved is replaced only "
                    "where the policy allows it; the target was left as it is",
                    what, target_tip.short_hex(), source_tip.short_hex()),
        "move the tag back, delete it at the target, or force this sync once",
        {}};
  }
  auto text = fmt::format("{}: the target's tip {} is not an ancestor of the source's tip {}", what,
                          target_tip.short_hex(), source_tip.short_hex());
  if (ref.policy != Policy::Follow) {
    return {ErrorCode::Diverged,
            text + "; the target was left as it is",
            "merge the target's commits into the source, or reset the target's branch to a commit of the "
            "source",
            {}};
  }
  text += ref.put_tip ? fmt::format(
                            ", and it is not {}, which gitferry last put there: somebody else moved the "
                            "target's branch",
                            ref.put_tip->short_hex())
                      : std::string(", and gitferry has no record of having put it there itself");
  return {ErrorCode::Diverged,
          text + "; the target was left as it is",
          "look at what is there; then merge it into the source, or force this sync once",
          {}};
}

Error target_moved(const std::string& what) {
  return {ErrorCode::LeaseLost,
          what + ": the target's branch moved while the run went on, and was left as it is",
          "look at what came there before forcing it again",
          {}};
}

void add_divergence(Error& error, const Divergence& apart) {
  error.message +=
      fmt::format("; the source has {} commits that the target lacks, the target has {} of its own",
                  apart.ahead, apart.behind);
}

Error refs_in_the_way(const std::string& what, const RefSync& ref, const std::vector<std::string>& blockers) {
  return {ErrorCode::RejectedByRemote,
          fmt::format("{}: the target has {}{}, and git keeps no {} beside that", what,
                      named_ref(blockers.front()), blockers.size() > 1 ? " and others like it" : "",
                      named_ref(ref.target_ref)),
          "delete what is in the way at the target, or bind to another name",
          {}};
}

Error target_deleted_ref(const std::string& what) {
  return {ErrorCode::BranchMissing,
          what + ": the target has deleted it since both sides had it, so it is not made there anew",
          "delete it at the source as well, or force this sync once in the direction whose side is right",
          {}};
}

Error deletion_not_ours(const std::string& what, const RefSync& ref, const ObjectId& target_tip) {
  const auto& known = ref.put_tip ? ref.put_tip : ref.common_tip;
  return {
      ErrorCode::Diverged,
      fmt::format("{}: the source has deleted it, but the target's tip {} is not {}; the target was left as "
                  "it is",
                  what, target_tip.short_hex(),
                  known ? fmt::format("{}, which both sides last had", known->short_hex())
                        : std::string("known to have been on the source")),
      known ? "look at what is there; then delete it at the target, push it to the source, or force this "
              "sync once"
            : "look at what is there; then delete it at the target, or push it to the source",
      {}};
}

Error deletion_of_default_branch(const std::string& what) {
  return {ErrorCode::ProtectedBranch,
          what + ": the source has deleted it, but it is the target's default branch, which is never deleted",
          "choose another default branch at the target first",
          {}};
}

Error deletion_by_empty_source(const std::string& what) {
  return {
      ErrorCode::BranchMissing,
      what +
          ": the source has no branch at all, as if it had been made anew; nothing is deleted at the target",
      "push to the source again, or unbind the repository",
      {}};
}

Error deletion_not_offered(const std::string& what) {
  return {ErrorCode::RejectedByRemote,
          what + ": the source has deleted it, but the target lets nobody delete refs (no delete-refs)",
          "delete it at the target by hand",
          {}};
}

Error too_many_deletions(const std::string& what, std::size_t deletions, std::size_t target_refs) {
  return {ErrorCode::LimitExceeded,
          fmt::format(
              "{}: the source has deleted it and others: that would delete {} of the target's {} branches "
              "and tags at once, and at most {} are",
              what, deletions, target_refs, deletion_limit(target_refs)),
          "see whether the source is what it should be; then force the sync of the repository once",
          {}};
}

Error refused_update(Plan plan, Error error) {
  if (error.code != ErrorCode::Diverged || plan != Plan::Rewrite) return error;
  // It was not asked for a fast-forward: this is its rule, not a race.
  error.code = ErrorCode::RejectedByRemote;
  error.hint =
      "let the target take non-fast-forward pushes of this branch (git: "
      "receive.denyNonFastForwards), or merge its commits into the source";
  return error;
}

std::string backup_ref(const std::string& ref, const ObjectId& tip, WallTime now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  // A tag's begins with its kind: a branch may have the same name.
  const auto name = branch_of(ref).empty() ? ref.substr(ref.find('/') + 1) : shown_ref(ref);
  return fmt::format("refs/gitferry/backup/{}/{:%Y%m%dT%H%M%SZ}-{}", name,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), tip.short_hex());
}

Error backup_refused(const std::string& what, const ObjectId& tip, const std::string& backup,
                     const Error& error) {
  auto named = error;
  named.message = fmt::format("{}: the target's tip {} could not be kept as '{}', so it was not touched: {}",
                              what, tip.short_hex(), backup, error.message);
  if (!named.is_transient()) {
    named.hint = "let the target take refs under refs/gitferry/, or set backup_refs: false";
  }
  return named;
}

}  // namespace gitferry
