#include "agent/git/commit_links.h"

#include <charconv>
#include <optional>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

/// The raw id of a line "<key> <id>", which is taken off `content`.
std::optional<std::string> take_line(std::string_view& content, std::string_view key, std::size_t id_size) {
  const auto size = key.size() + id_size * 2 + 1;
  if (!content.starts_with(key) || content.size() < size || content[size - 1] != '\n') return std::nullopt;
  auto raw = from_hex(content.substr(key.size(), id_size * 2));
  if (!raw) return std::nullopt;
  content.remove_prefix(size);
  return std::move(*raw);
}

/// Of "committer NAME <ADDRESS> SECONDS ZONE".
std::int64_t commit_time(std::string_view content) {
  const auto headers = content.substr(0, content.find("\n\n"));
  const auto line = headers.find("committer ");
  if (line == std::string_view::npos) return 0;
  auto rest = headers.substr(line, headers.find('\n', line) - line);
  const auto address_end = rest.rfind("> ");
  if (address_end == std::string_view::npos) return 0;
  rest.remove_prefix(address_end + 2);
  std::int64_t seconds = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), seconds);
  return seconds;
}

}  // namespace

CommitLinks links_of_commit(std::string_view content, std::size_t id_size) {
  CommitLinks links;
  auto tree = take_line(content, "tree ", id_size);
  if (!tree) return links;
  links.tree = std::move(*tree);
  while (const auto parent = take_line(content, "parent ", id_size)) links.parents += *parent;
  links.committed_at = commit_time(content);
  return links;
}

}  // namespace gitferry
