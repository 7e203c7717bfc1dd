#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/text.h"
#include "config/loader.h"
#include "config/yaml_tree.h"
#include "tests/fuzz/require.h"

namespace {

using namespace gitferry;
using fuzz::require;

/// How deep the tree is; every node of it has a place in the text.
std::size_t checked_depth(const config::YamlNode& node, int lines) {
  require(node.at.line >= 1 && node.at.line <= lines && node.at.column >= 1);
  std::size_t depth = 0;
  require(node.members.size() <= config::kKeysLimit);
  for (const auto& item : node.items) depth = std::max(depth, checked_depth(item, lines));
  for (const auto& member : node.members) depth = std::max(depth, checked_depth(member.value, lines));
  return depth + 1;
}

}  // namespace

/// A configuration is good, or it is said where it is not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  // The last bytes of U+0085, U+2028 and U+2029 end lines too, for YAML, and so does the end of the text.
  const auto lines = 2 + static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
                       return std::string_view("\n\r\x85\xA8\xA9").find(c) != std::string_view::npos;
                     }));
  config::Report report("fuzz");
  const auto tree = config::parse_yaml(text, report);
  require(tree || !report.empty());
  if (tree) require(checked_depth(*tree, lines) <= config::kDepthLimit + 1);

  const auto no_environment = [](const std::string&) { return std::optional<std::string>(); };
  const auto loaded = config::load_text(text, "fuzz", no_environment);
  if (loaded) {
    require(report.empty());
    return 0;
  }
  require(!loaded.error().empty());
  for (const auto& found : loaded.error()) require(found.line <= lines && is_valid_utf8(found.message));
  return 0;
}
