#pragma once

#include <string>
#include <string_view>

#include "config/yaml_tree.h"

namespace gitferry::config {

/// The key of a member that becomes a comment in YAML: before the node that it stands in where that is an
/// item of a list and it comes first. Its text is one line.
constexpr std::string_view kComment = "#";
/// A comment that begins so makes a comment of the whole item of a list that it stands in.
constexpr std::string_view kUnusable = "cannot be used: ";

/// What parse_yaml() reads as the same tree, comments apart. Quoted is only what a reader could take for
/// something else.
std::string yaml_text(const YamlNode& map);
/// On one line. It has no comments: `node` must not have any.
std::string json_text(const YamlNode& node);

}  // namespace gitferry::config
