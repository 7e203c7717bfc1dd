#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// The binding that a lane belongs to, as long as it is to be synced at all.
/// Errors: RepositoryUnknown, BranchUnknown where it is gone; NotEnabled where it is switched off.
Result<const RepositoryBinding*> binding_of(const BindingSnapshot& snapshot, const LaneKey& key);

/// One side of a binding as the engine sees it. A token that the API was given for the address's very host is
/// shown there; everything else is looked up.
Result<Remote> remote_of(const RepositoryBinding& binding, Side side, const CredentialLookup& credentials);

/// The policy of a lane: its branch's own, otherwise the repository's. Tags have the repository's.
Policy policy_of(const RepositoryBinding& binding, const LaneKey& key);
/// The same for deletions.
Deletions deletions_of(const RepositoryBinding& binding, const LaneKey& key);

/// Tells the engine what is known of the lane: what was last put on the target, for Policy::Follow, and what
/// both sides had, for deletions. Of a two-way binding a ref is deleted at its common tip alone, so that
/// whatever was pushed or reset since comes back.
void go_by_what_is_known(RefSync& ref, const RepositoryBinding& binding, const LaneRow& lane,
                         Direction direction);

/// What the engine is asked to do for a lane, with the lane's policy; nothing is known of what was put there.
/// Deletions go only where the binding itself goes.
RefSync ref_sync_for(const RepositoryBinding& binding, const LaneKey& key, Direction direction);

/// A transfer between the hosts of a binding, without refs yet. Looks the credentials up.
Result<SyncRequest> request_for(const RepositoryBinding& binding, Direction direction,
                                const CredentialLookup& credentials);

/// How many refs one transfer may have: bounds what it holds in memory for each.
constexpr std::size_t kMostRefsInTransfer = 4096;

/// Divides lanes (by their index) into transfers: at most kMostRefsInTransfer each, none of which writes a
/// ref twice.
std::vector<std::vector<std::size_t>> transfers_of(std::span<const LaneKey> lanes, Direction direction);

/// Engine::sync() behind a barrier: whatever is thrown in it becomes an Internal error of the refs that it is
/// about, as far as asking for ever fewer of them tells which these are; so that they fail and neither the
/// others nor the process. Fills in `total` where the engine did not come to it.
std::vector<RunReport> run_guarded(Engine& engine, const SyncRequest& request, const std::stop_token& stop);

}  // namespace gitferry
