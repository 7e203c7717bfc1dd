#include "agent/sync/binding_audit.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/sync/binding_comparison.h"

namespace gitferry {
namespace {

constexpr std::size_t kBranchesShown = 100;
constexpr std::size_t kPairLimit = 400;

std::string_view json_bool(bool value) {
  return value ? "true" : "false";
}

std::string token_text(const RepositoryBinding& binding) {
  return fmt::format(R"({{"internal":{},"external":{}}})", json_bool(binding.internal_token.has_value()),
                     json_bool(binding.external_token.has_value()));
}

std::string webhook_text(const RepositoryBinding& binding) {
  const auto provider = [](const std::optional<WebhookSource>& hook) {
    return hook ? json_string(hook->provider) : std::string("null");
  };
  return fmt::format(R"({{"internal":{},"external":{}}})", provider(binding.internal_webhook),
                     provider(binding.external_webhook));
}

std::vector<std::string> branch_lines(const RepositoryBinding& binding) {
  std::vector<std::string> lines;
  lines.reserve(binding.branches.size());
  for (const auto& branch : binding.branches)
    lines.push_back(shortened(pair_text(branch), kPairLimit) +
                    (branch.policy ? fmt::format(" ({})", name_of(*branch.policy)) : std::string()) +
                    (branch.deletions ? fmt::format(" (deletions: {})", name_of(*branch.deletions)) : "") +
                    (branch.enabled ? "" : " (disabled)"));
  return lines;
}

std::string json_list(const std::vector<std::string>& lines) {
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(lines.size(), kBranchesShown); ++i)
    text += (i == 0 ? "" : ",") + json_string(lines[i]);
  if (lines.size() > kBranchesShown)
    text += "," + json_string(fmt::format("and {} more", lines.size() - kBranchesShown));
  return text + "]";
}

/// The lines that only one of the two has; in another order alone, all of both.
void keep_differing(std::vector<std::string>& left, std::vector<std::string>& right) {
  auto sorted_left = left;
  auto sorted_right = right;
  std::sort(sorted_left.begin(), sorted_left.end());
  std::sort(sorted_right.begin(), sorted_right.end());
  if (sorted_left == sorted_right) return;
  const auto drop_common = [](std::vector<std::string>& lines, const std::vector<std::string>& others) {
    lines.erase(std::remove_if(lines.begin(), lines.end(),
                               [&](const std::string& line) {
                                 return std::binary_search(others.begin(), others.end(), line);
                               }),
                lines.end());
  };
  drop_common(left, sorted_right);
  drop_common(right, sorted_left);
}

using Fields = std::vector<std::pair<std::string_view, std::string>>;

Fields plain_fields(const RepositoryBinding& binding) {
  return {{"enable", std::string(json_bool(binding.enabled))},
          {"internal_repo_address", json_string(binding.internal.str())},
          {"external_repo_address", json_string(binding.external.str())},
          {"sync_granularity", json_string(name_of(binding.granularity))},
          {"sync_direction", json_string(name_of(binding.direction))},
          {"policy", json_string(name_of(binding.policy))},
          {"deletions", json_string(name_of(binding.deletions))},
          {"tags", json_string(name_of(binding.tags))},
          {"backup_refs", std::string(json_bool(binding.backup_refs))},
          {"problem", binding.problem.empty() ? "null" : json_string(binding.problem)}};
}

std::string json_object(const Fields& fields) {
  std::string text = "{";
  for (const auto& [name, value] : fields)
    text += (text.size() == 1 ? "" : ",") + json_string(name) + ":" + value;
  return text + "}";
}

std::string whole_text(const RepositoryBinding& binding) {
  auto fields = plain_fields(binding);
  if (binding.problem.empty()) fields.pop_back();
  fields.emplace_back("token_present", token_text(binding));
  if (binding.internal_webhook || binding.external_webhook)
    fields.emplace_back("webhook", webhook_text(binding));
  if (!binding.branches.empty()) fields.emplace_back("branches", json_list(branch_lines(binding)));
  return json_object(fields);
}

AuditTexts difference_texts(const RepositoryBinding& before, const RepositoryBinding& after) {
  Fields old_fields;
  Fields new_fields;
  const auto add = [&](std::string_view name, std::string old_text, std::string new_text) {
    old_fields.emplace_back(name, std::move(old_text));
    new_fields.emplace_back(name, std::move(new_text));
  };
  auto old_plain = plain_fields(before);
  auto new_plain = plain_fields(after);
  for (std::size_t i = 0; i < old_plain.size(); ++i) {
    if (old_plain[i].second != new_plain[i].second)
      add(old_plain[i].first, std::move(old_plain[i].second), std::move(new_plain[i].second));
  }
  // Another token or secret in the place of one shows as the same text twice: that it changed, and not to
  // what.
  if (!same_tokens(before, after)) add("token_present", token_text(before), token_text(after));
  if (!same_webhooks(before, after)) add("webhook", webhook_text(before), webhook_text(after));
  if (!same_branches(before, after) || !same_branch_policies(before, after)) {
    auto old_lines = branch_lines(before);
    auto new_lines = branch_lines(after);
    keep_differing(old_lines, new_lines);
    add("branches", json_list(old_lines), json_list(new_lines));
  }
  return {json_object(old_fields), json_object(new_fields)};
}

/// `group-a: gitlab at https://gitlab.corp of group-a`
std::string hook_text(const OrganisationHook& hook) {
  std::string owners;
  for (const auto& owner : hook.owners) owners += (owners.empty() ? " of " : ", ") + owner;
  return shortened(hook.name + ": " + hook.source.provider + " at " + hook.instance.str() + owners,
                   kPairLimit);
}

/// Those of `hooks` that `others` has not; empty where there is none.
std::string hooks_text(const std::vector<OrganisationHook>& hooks,
                       const std::vector<OrganisationHook>& others) {
  std::vector<std::string> lines;
  for (const auto& hook : hooks) {
    const bool is_in_both = std::any_of(
        others.begin(), others.end(), [&](const OrganisationHook& other) { return same_hook(hook, other); });
    if (!is_in_both) lines.push_back(hook_text(hook));
  }
  return lines.empty() ? "" : json_object({{"webhooks", json_list(lines)}});
}

}  // namespace

AuditTexts audit_texts(const std::vector<OrganisationHook>& before,
                       const std::vector<OrganisationHook>& after) {
  return {hooks_text(before, after), hooks_text(after, before)};
}

AuditTexts audit_texts(const RepositoryBinding* before, const RepositoryBinding* after) {
  if (before != nullptr && after != nullptr) return difference_texts(*before, *after);
  return {before == nullptr ? "" : whole_text(*before), after == nullptr ? "" : whole_text(*after)};
}

std::string enable_text(bool enabled) {
  return fmt::format(R"({{"enable":{}}})", json_bool(enabled));
}

std::string pair_text(const BranchBinding& branch) {
  return branch.internal + " -> " + branch.external;
}

}  // namespace gitferry
