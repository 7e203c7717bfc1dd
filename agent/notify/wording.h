#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/notify/channel.h"

namespace gitferry {

/// What people read: valid UTF-8 without control characters but line ends.
struct Wording {
  std::string title;  ///< one line
  std::string text;   ///< without the title
};

/// Says notices in the channel's language and with its template: one in full, several as a list with a line
/// each, of which the text holds what fits into `most` bytes and says how many more there are. `public_url`
/// is the page's address, with a slash at its end; empty: no links.
Wording worded(const std::vector<Notice>& notices, const Channel& channel, const std::string& public_url,
               std::size_t most);

/// The page's address of what the notice is about; empty without `public_url`.
std::string link_of(const Notice& notice, const std::string& public_url);

}  // namespace gitferry
