#pragma once

#include "agent/model/binding.h"

namespace gitferry {

// What two states of one repository binding have in common. Where a binding comes from and since when is left
// out everywhere; secrets are compared in constant time.

bool same_addresses(const RepositoryBinding& left, const RepositoryBinding& right);
/// Of both sides: token, user name and the host it is for.
bool same_tokens(const RepositoryBinding& left, const RepositoryBinding& right);
/// Providers, schemes and secrets of both sides.
bool same_webhooks(const RepositoryBinding& left, const RepositoryBinding& right);
/// Name, instance, owners, provider, scheme and secrets.
bool same_hook(const OrganisationHook& left, const OrganisationHook& right);
/// The same pairs in the same order, each as enabled as before.
bool same_branches(const RepositoryBinding& left, const RepositoryBinding& right);

/// Branches that are the same in the same order: whether each has the policy of its own that it had.
bool same_branch_policies(const RepositoryBinding& left, const RepositoryBinding& right);
/// The same for the repository's policy and those of its branches.
bool same_policies(const RepositoryBinding& left, const RepositoryBinding& right);

/// Whether its lanes run alike: addresses, tokens, branches, granularity, direction, and enabled or not. The
/// policies are not among them: they matter to lanes whose sides diverged, and to no other.
bool runs_alike(const RepositoryBinding& left, const RepositoryBinding& right);
/// Whether all that is in force is the same: besides, policies, backups, webhooks and what is wrong
/// with it.
bool same_effect(const RepositoryBinding& left, const RepositoryBinding& right);

}  // namespace gitferry
