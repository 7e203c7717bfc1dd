#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace gitferry {

constexpr std::string_view kHeadsPrefix = "refs/heads/";
constexpr std::string_view kTagsPrefix = "refs/tags/";

/// Longest ref or branch name taken, in bytes. Hosts stop at 255 a component; this bounds what we store.
constexpr std::size_t kRefNameLimit = 1024;

/// Whether `name` is a full ref name (`refs/…`) by the rules of git-check-ref-format(1), and besides: no
/// component begins with '-' (it could be taken for an option somewhere) and it is valid UTF-8.
bool is_valid_ref(std::string_view name);

/// Checks a branch name (without `refs/heads/`) for a binding. The error names the rule that it breaks.
Result<std::string> checked_branch(std::string_view name);

/// The same for a tag's name (without `refs/tags/`).
Result<std::string> checked_tag(std::string_view name);

/// Checks a full ref name for being synced: of a branch or a tag, whose name can be taken.
Status checked_synced_ref(std::string_view ref);

inline std::string branch_ref(std::string_view branch) {
  return std::string(kHeadsPrefix) + std::string(branch);
}
/// The branch name of `refs/heads/…`; empty for any other ref.
inline std::string_view branch_of(std::string_view ref) {
  return ref.starts_with(kHeadsPrefix) ? ref.substr(kHeadsPrefix.size()) : std::string_view{};
}

/// The tag's name of `refs/tags/…`; empty for any other ref.
inline std::string_view tag_of(std::string_view ref) {
  return ref.starts_with(kTagsPrefix) ? ref.substr(kTagsPrefix.size()) : std::string_view{};
}
/// As people write it: the name of a branch, anything else in full.
inline std::string branch_or_ref(const std::string& ref) {
  const auto branch = branch_of(ref);
  return branch.empty() ? ref : std::string(branch);
}
inline bool is_tag(std::string_view ref) {
  return ref.starts_with(kTagsPrefix);
}

}  // namespace gitferry
