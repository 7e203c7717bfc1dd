#include "agent/store/sql_dialect.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace gitferry {

std::string in_dialect(std::string_view sql, std::span<const SqlWord> words) {
  std::string said;
  said.reserve(sql.size());
  while (!sql.empty()) {
    const auto open = sql.find('{');
    said += sql.substr(0, open);
    if (open == std::string_view::npos) break;
    sql.remove_prefix(open + 1);
    const auto close = sql.find('}');
    const auto name = sql.substr(0, close);
    const auto word = std::find_if(words.begin(), words.end(),
                                   [&](const SqlWord& candidate) { return candidate.name == name; });
    if (close == std::string_view::npos || word == words.end())
      throw std::logic_error(fmt::format("a statement has the unknown word '{}'", name));
    said += word->text;
    sql.remove_prefix(close + 1);
  }
  return said;
}

}  // namespace gitferry
