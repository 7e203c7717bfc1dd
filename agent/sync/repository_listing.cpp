#include "agent/sync/repository_listing.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

using Tips = std::unordered_map<std::string_view, const ObjectId*>;

Result<std::vector<RefTip>> list_remote(Engine& engine, const RepositoryBinding& binding,
                                        const Remote& remote, const TimeLimit& limit) {
  auto branches = engine.list_refs(remote, RefScope::Branches, limit.token());
  if (branches || branches.error().code != ErrorCode::Cancelled || !limit.is_over()) return branches;
  const auto what = fmt::format("list the branches of '{}' for '{}'", remote.url.str(), binding.name);
  if (limit.was_stopped()) return fail(ErrorCode::Unavailable, what + ": gitferry is stopping");
  return fail(ErrorCode::Timeout, what + ": the host did not answer in the time that was given",
              "wait longer, or do not wait at all (wait=0) and look at the status later");
}

ListedBranch compared(const RepositoryBinding& binding, const RefTip& branch, const Tips& target) {
  ListedBranch listed{{binding.name, branch.ref, branch.ref}};
  RunReport known;
  known.source_tip = branch.tip;
  if (const auto name = checked_branch(branch_of(branch.ref)); !name) {
    // The caller's request is right: it is the source that has such a name.
    known.error = Error{ErrorCode::GitFailed,
                        fmt::format("sync '{}': {}", binding.name, name.error().message),
                        "rename the branch on the source; the others are synced all the same",
                        {}};
    listed.settled = std::move(known);
    return listed;
  }
  const auto there = target.find(branch.ref);
  if (there != target.end() && *there->second == branch.tip) {
    known.plan = Plan::Nothing;
    known.target_tip_before = branch.tip;
    known.target_tip_after = branch.tip;
    listed.settled = std::move(known);
  }
  return listed;
}

}  // namespace

tl::expected<BothListings, ListingError> list_both(Engine& engine, const RepositoryBinding& binding,
                                                   Direction direction, const CredentialLookup& credentials,
                                                   const TimeLimit& limit) {
  const auto from = source_side(direction);
  BothListings listings;
  for (const auto side : {from, other(from)}) {
    const auto remote = remote_of(binding, side, credentials);
    if (!remote) return tl::unexpected(ListingError{remote.error()});
    auto branches = list_remote(engine, binding, *remote, limit);
    if (!branches) return tl::unexpected(ListingError{std::move(branches.error()), side});
    (side == from ? listings.source : listings.target) = std::move(*branches);
  }
  return listings;
}

Result<std::vector<ListedBranch>> list_repository(Engine& engine, const LaneSelection& selection,
                                                  const CredentialLookup& credentials,
                                                  const TimeLimit& limit) {
  const auto& binding = *selection.binding;
  const auto listings = list_both(engine, binding, selection.direction, credentials, limit);
  if (!listings) return fail(listings.error().error);

  Tips tips;
  for (const auto& branch : listings->target) tips.emplace(branch.ref, &branch.tip);
  std::vector<ListedBranch> branches;
  branches.reserve(listings->source.size());
  for (const auto& branch : listings->source) branches.push_back(compared(binding, branch, tips));
  return branches;
}

}  // namespace gitferry
