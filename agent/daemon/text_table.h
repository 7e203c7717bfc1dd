#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gitferry::daemon {

/// Text for a terminal, of what others wrote.

/// `text` with what a terminal would obey, or could not show, as '?': control characters, bytes that are not
/// UTF-8.
std::string printable(std::string_view text);

/// Columns, two spaces apart and as wide as their widest cell in characters; the header first. Cells are made
/// printable, empty ones become '-' unless they are the last, and no line ends in a space.
std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

/// `3 m ago`, `in 12 s`, `now`; `never` for 0.
std::string relative_time(std::int64_t epoch_ms, std::int64_t now_ms);

}  // namespace gitferry::daemon
