#include "agent/sync/binding_comparison.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/base/crypto.h"
#include "agent/sync/address_input.h"

namespace gitferry {
namespace {

bool same_secrets(const std::vector<Secret>& left, const std::vector<Secret>& right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(),
      [](const Secret& a, const Secret& b) { return equal_in_constant_time(a.reveal(), b.reveal()); });
}

bool same_webhook(const std::optional<WebhookSource>& left, const std::optional<WebhookSource>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return left->provider == right->provider && left->scheme == right->scheme &&
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
  return same_webhook(left.internal_webhook, right.internal_webhook) &&
         same_webhook(left.external_webhook, right.external_webhook);
}

bool same_branches(const RepositoryBinding& left, const RepositoryBinding& right) {
  return std::equal(left.branches.begin(), left.branches.end(), right.branches.begin(), right.branches.end(),
                    [](const BranchBinding& a, const BranchBinding& b) {
                      return a.internal == b.internal && a.external == b.external && a.enabled == b.enabled;
                    });
}

bool runs_alike(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.enabled == right.enabled && left.granularity == right.granularity &&
         left.direction == right.direction && same_addresses(left, right) && same_tokens(left, right) &&
         same_branches(left, right);
}

bool same_effect(const RepositoryBinding& left, const RepositoryBinding& right) {
  return runs_alike(left, right) && left.policy == right.policy && left.problem == right.problem &&
         same_webhooks(left, right);
}

}  // namespace gitferry
