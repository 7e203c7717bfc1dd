#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/base/text.h"
#include "agent/model/remote_url.h"
#include "tests/fuzz/require.h"

/// What is taken keeps the promises of RemoteUrl, and its text is taken again as the same address.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gitferry::fuzz::require;
  const auto parsed = gitferry::parse_remote_url(gitferry::fuzz::text_of(data, size), gitferry::any_scheme());
  if (!parsed) return 0;
  const auto& url = parsed->url;
  const auto text = url.str();
  require(std::none_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }));
  require(!url.host.starts_with('-') && !url.user.starts_with('-') && !url.path.starts_with('-'));
  // What a path repeats of a password is the path.
  const auto password = parsed->password.reveal();
  require(password.size() < 8 || text.find(password) == std::string::npos ||
          url.path.find(password) != std::string::npos ||
          url.host.find(gitferry::to_lower(password)) != std::string::npos);
  const auto again = gitferry::parse_remote_url(text, gitferry::any_scheme());
  require(again && again->url == url && again->url.identity() == url.identity());
  return 0;
}
