#include "agent/sync/binding_comparison.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/base/crypto.h"
#include "agent/sync/address_input.h"

namespace gitferry {
namespace {

bool same_secret(const Secret& left, const Secret& right) {
  return equal_in_constant_time(left.reveal(), right.reveal());
}

bool same_secrets(const std::vector<HookSecret>& left, const std::vector<HookSecret>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const HookSecret& a, const HookSecret& b) {
                      return a.not_after == b.not_after && same_secret(a.value, b.value);
                    });
}

bool same_authorization(const std::optional<Secret>& left, const std::optional<Secret>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return same_secret(*left, *right);
}

bool same_source(const std::optional<WebhookSource>& left, const std::optional<WebhookSource>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return left->provider == right->provider && left->scheme == right->scheme &&
         left->allow_sha1 == right->allow_sha1 && left->username == right->username &&
         left->tolerance == right->tolerance && left->allow_addresses == right->allow_addresses &&
         same_authorization(left->authorization, right->authorization) &&
         same_secrets(left->secrets, right->secrets);
}

}  // namespace

bool same_addresses(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.internal == right.internal && left.external == right.external;
}

bool same_tokens(const RepositoryBinding& left, const RepositoryBinding& right) {
  return same_token(left.internal_token, right.internal_token) &&
         same_token(left.external_token, right.external_token);
}

bool same_webhooks(const RepositoryBinding& left, const RepositoryBinding& right) {
  return same_source(left.internal_webhook, right.internal_webhook) &&
         same_source(left.external_webhook, right.external_webhook);
}

bool same_hook(const OrganisationHook& left, const OrganisationHook& right) {
  return left.name == right.name && left.instance == right.instance && left.owners == right.owners &&
         same_source(left.source, right.source);
}

bool same_branches(const RepositoryBinding& left, const RepositoryBinding& right) {
  return std::equal(left.branches.begin(), left.branches.end(), right.branches.begin(), right.branches.end(),
                    [](const BranchBinding& a, const BranchBinding& b) {
                      return a.internal == b.internal && a.external == b.external && a.enabled == b.enabled;
                    });
}

bool same_branch_policies(const RepositoryBinding& left, const RepositoryBinding& right) {
  return std::equal(left.branches.begin(), left.branches.end(), right.branches.begin(), right.branches.end(),
                    [](const BranchBinding& a, const BranchBinding& b) {
                      return a.policy == b.policy && a.deletions == b.deletions;
                    });
}

bool same_policies(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.policy == right.policy && left.deletions == right.deletions &&
         same_branch_policies(left, right);
}

bool runs_alike(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.enabled == right.enabled && left.granularity == right.granularity &&
         left.direction == right.direction && left.tags == right.tags && same_addresses(left, right) &&
         same_tokens(left, right) && same_branches(left, right);
}

bool same_effect(const RepositoryBinding& left, const RepositoryBinding& right) {
  return runs_alike(left, right) && same_policies(left, right) && left.backup_refs == right.backup_refs &&
         left.problem == right.problem && same_webhooks(left, right);
}

}  // namespace gitferry
