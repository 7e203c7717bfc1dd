#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace gitferry::config {

/// A piece of a configuration file, with its position. Plain YAML only: what it says is all that there is.
struct YamlNode {
  enum class Kind { Null, Scalar, List, Map };
  struct Member;

  Kind kind = Kind::Null;
  Position at;
  std::string text;        ///< of a scalar
  bool is_quoted = false;  ///< a quoted or block scalar is always text, never a number or a flag
  std::vector<YamlNode> items;
  std::vector<Member> members;

  [[nodiscard]] const Member* find(std::string_view key) const;
};

struct YamlNode::Member {
  std::string key;
  Position at;
  YamlNode value;
};

constexpr std::size_t kFileLimit = 16 * 1024 * 1024;
constexpr std::size_t kDepthLimit = 32;
/// Of one mapping: far more than there are settings. Each key is compared with all before it.
constexpr std::size_t kKeysLimit = 1000;

/// What a kind is called in messages: "a list".
std::string_view name_of(YamlNode::Kind kind);

/// Parses one YAML document into a tree whose root is a mapping.
///
/// Refused, each with its position: text over 16 MiB or that is not UTF-8, nesting deeper than 32, over 1000
/// keys in one mapping, anchors, aliases, tags, merge keys, duplicate keys, a second document. nullopt, with
/// reasons in `report`, where no tree could be made; the tree of a document with lesser faults is returned,
/// so that more of them can be found.
std::optional<YamlNode> parse_yaml(std::string_view text, Report& report);

}  // namespace gitferry::config
