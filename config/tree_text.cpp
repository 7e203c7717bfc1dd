#include "config/tree_text.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

/// Without quotes only where no YAML reader could take it for anything but this text.
std::string yaml_scalar(const YamlNode& node) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-@+";
  const std::string& text = node.text;
  const bool begins_well =
      !text.empty() && (text.front() == '/' || text.front() == '.' ||
                        to_lower(text.substr(0, 1)).find_first_of("abcdefghijklmnopqrstuvwxyz") == 0);
  const bool is_harmless = begins_well && text.find_first_not_of(kHarmless) == std::string::npos;
  const bool is_special =
      parse_flag(text) || equals_ignoring_case(text, "null") || text == "." || text == "..";
  const bool is_number_like = text.size() > 1 && text.front() == '.' && text[1] != '/';
  if (!node.is_quoted || (is_harmless && !is_special && !is_number_like)) return text;
  return json_string(text);
}

void write_yaml(const YamlNode& node, std::size_t indent, std::string& out);

bool is_usable(const YamlNode& item) {
  return std::none_of(item.members.begin(), item.members.end(), [](const YamlNode::Member& member) {
    return member.key == kComment && member.value.text.starts_with(kUnusable);
  });
}

/// A value after its key: scalars and empty collections on the same line, the rest below.
void write_yaml_value(const YamlNode& node, std::size_t indent, std::string& out) {
  if (node.kind == YamlNode::Kind::Scalar) {
    out += " " + yaml_scalar(node) + "\n";
  } else if (node.members.empty() && node.items.empty()) {
    out += node.kind == YamlNode::Kind::List ? " []\n" : " {}\n";
  } else {
    const bool is_all_comment =
        node.kind == YamlNode::Kind::List && std::none_of(node.items.begin(), node.items.end(), is_usable);
    out += is_all_comment ? " []\n" : "\n";
    write_yaml(node, indent, out);
  }
}

/// A mapping in a list. Its leading comments go before the dash. One that says that it cannot be used is all
/// comment: as a configuration it would be refused.
void write_yaml_item(const YamlNode& item, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  const auto first = std::find_if(item.members.begin(), item.members.end(),
                                  [](const YamlNode::Member& member) { return member.key != kComment; });
  for (auto comment = item.members.begin(); comment != first; ++comment)
    out += margin + "# " + comment->value.text + "\n";
  YamlNode rest;
  rest.kind = YamlNode::Kind::Map;
  rest.members.assign(first, item.members.end());
  std::string inner;
  write_yaml(rest, indent + 2, inner);
  inner = margin + "- " + inner.substr(indent + 2);
  if (is_usable(item)) {
    out += inner;
    return;
  }
  for (const auto line : split(std::string_view(inner).substr(0, inner.size() - 1), '\n'))
    out += margin + "# " + std::string(line.substr(indent)) + "\n";
}

void write_yaml(const YamlNode& node, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const auto& member : node.members) {
    if (member.key == kComment) {
      out += margin + "# " + member.value.text + "\n";
      continue;
    }
    out += margin + member.key + ":";
    write_yaml_value(member.value, indent + 2, out);
  }
  for (const auto& item : node.items) {
    if (item.kind == YamlNode::Kind::Scalar) {
      out += margin + "- " + yaml_scalar(item) + "\n";
      continue;
    }
    write_yaml_item(item, indent, out);
  }
}

void write_json(const YamlNode& node, std::string& out) {
  if (node.kind == YamlNode::Kind::Scalar) {
    out += node.is_quoted ? json_string(node.text) : node.text;
    return;
  }
  const bool is_map = node.kind == YamlNode::Kind::Map;
  out += is_map ? "{" : "[";
  bool is_first = true;
  for (const auto& member : node.members) {
    out += (std::exchange(is_first, false) ? "" : ",") + json_string(member.key) + ":";
    write_json(member.value, out);
  }
  for (const auto& item : node.items) {
    if (!std::exchange(is_first, false)) out += ",";
    write_json(item, out);
  }
  out += is_map ? "}" : "]";
}

}  // namespace

std::string yaml_text(const YamlNode& map) {
  std::string out;
  write_yaml(map, 0, out);
  return out;
}

std::string json_text(const YamlNode& node) {
  std::string out;
  write_json(node, out);
  return out;
}

}  // namespace gitferry::config
