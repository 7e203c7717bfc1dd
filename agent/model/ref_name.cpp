#include "agent/model/ref_name.h"

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

/// The rule of git-check-ref-format(1) that `name` breaks; empty where it breaks none.
std::string_view broken_rule(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > kRefNameLimit) return "it is longer than 1024 bytes";
  if (!is_valid_utf8(name)) return "it is not valid UTF-8";
  if (name == "@") return "it is the single character '@'";
  if (name.ends_with('.')) return "it ends with a dot";
  if (name.find("..") != std::string_view::npos) return "it contains '..'";
  if (name.find("@{") != std::string_view::npos) return "it contains '@{'";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return "it contains a control character";
    if (std::string_view(" ~^:?*[\\").find(c) != std::string_view::npos) {
      return "it contains one of the characters space ~ ^ : ? * [ \\";
    }
  }
  for (const auto component : split(name, '/')) {
    if (component.empty()) return "it begins or ends with a slash or contains '//'";
    if (component.starts_with('.')) return "a part of it begins with a dot";
    if (component.starts_with('-')) return "a part of it begins with '-'";
    if (component.ends_with(".lock")) return "a part of it ends with '.lock'";
  }
  return {};
}

/// `kind`: `branch` or `tag`; `prefix` is what its full name begins with.
Result<std::string> checked_name(std::string_view kind, std::string_view prefix, std::string_view name) {
  const auto rule = broken_rule(std::string(prefix) + std::string(name));
  // The prefix hides an empty name and a leading slash from the general rules.
  const auto own = name.empty() ? std::string_view("it is empty") : rule;
  if (!own.empty()) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("'{}' cannot be a {} name: {}", shortened(name, 80), kind, own),
                "see git-check-ref-format(1) for the rules");
  }
  if (name == "HEAD" || name.starts_with("refs/")) {
    return fail(
        ErrorCode::InvalidArgument, fmt::format("'{}' cannot be a {} name here", shortened(name, 80), kind),
        fmt::format("write the short name, such as {}", kind == "tag" ? "v1.0" : "main or release/1.x"));
  }
  return std::string(name);
}

}  // namespace

bool is_valid_ref(std::string_view name) {
  return name.starts_with("refs/") && name.size() > 5 && broken_rule(name).empty();
}

Result<std::string> checked_branch(std::string_view name) {
  return checked_name("branch", kHeadsPrefix, name);
}

Result<std::string> checked_tag(std::string_view name) {
  return checked_name("tag", kTagsPrefix, name);
}

Status checked_synced_ref(std::string_view ref) {
  const auto checked = is_tag(ref) ? checked_tag(tag_of(ref)) : checked_branch(branch_of(ref));
  if (!checked) return fail(checked.error());
  return {};
}

}  // namespace gitferry
