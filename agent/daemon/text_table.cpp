#include "agent/daemon/text_table.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/core.h>

#include "agent/base/text.h"

namespace gitferry::daemon {
namespace {

/// Bytes of the character that begins with `first`, as far as that tells.
std::size_t length_by(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xE0) return 2;
  return first < 0xF0 ? 3 : 4;
}

bool is_control(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7F;
  return character.size() == 2 && at(0) == 0xC2 && at(1) < 0xA0;  // U+0080 to U+009F
}

/// Code points of well-formed UTF-8.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

using Row = std::vector<std::string>;

Row shown(const Row& cells) {
  Row row;
  for (const auto& cell : cells) {
    const bool is_last = row.size() + 1 == cells.size();
    row.push_back(cell.empty() && !is_last ? "-" : printable(cell));
  }
  return row;
}

std::string line_of(const Row& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    line += row[i];
    if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size();) {
    const auto character = text.substr(i, length_by(static_cast<unsigned char>(text[i])));
    if (is_valid_utf8(character) && !is_control(character)) {
      safe += character;
      i += character.size();
    } else {
      safe += '?';
      i += is_valid_utf8(character) ? character.size() : 1;
    }
  }
  return safe;
}

std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<Row> lines{shown(header)};
  for (const auto& row : rows) lines.push_back(shown(row));
  std::vector<std::size_t> widths(header.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (const auto& line : lines) text += line_of(line, widths);
  return text;
}

std::string relative_time(std::int64_t epoch_ms, std::int64_t now_ms) {
  if (epoch_ms == 0) return "never";
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits{{{86'400, "d"}, {3'600, "h"}, {60, "m"}, {1, "s"}}};
  const auto seconds = (now_ms - epoch_ms) / 1000;
  const auto distance = seconds < 0 ? -seconds : seconds;
  for (const auto& unit : kUnits) {
    if (distance < unit.seconds) continue;
    const auto count = distance / unit.seconds;
    return seconds < 0 ? fmt::format("in {} {}", count, unit.name)
                       : fmt::format("{} {} ago", count, unit.name);
  }
  return "now";
}

}  // namespace gitferry::daemon
