#include "agent/git/side_band.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace gitferry {

Status SideBandReader::next() {
  while (rest_.empty() && !ended_) {
    const auto packet = packets_.read();
    if (!packet) return fail(packet.error());
    if (!packet->is_data()) {
      ended_ = true;
      return {};
    }
    const char band = packet->payload.empty() ? '\0' : packet->payload.front();
    const auto bytes = packet->payload.substr(packet->payload.empty() ? 0 : 1);
    if (band == '\1') {
      rest_ = bytes;
    } else if (band == '\2') {
      text_size_ += bytes.size();
      if (text_size_ > kTextLimit) {
        return fail(
            ErrorCode::LimitExceeded,
            fmt::format("{}: the host sent more than {} MiB of text", packets_.what(), kTextLimit >> 20U),
            "look at what its hooks print");
      }
      text_.append(bytes);
    } else if (band == '\3') {
      auto error = error_from_remote(packets_.what(), bytes);
      // The service itself gave up in the middle: more likely a passing trouble of the host than of the
      // protocol.
      if (error.code == ErrorCode::ProtocolError) error.code = ErrorCode::HostError;
      return fail(std::move(error));
    } else {
      return fail(ErrorCode::ProtocolError,
                  fmt::format("{}: the host sent a side-band packet of an unknown band", packets_.what()),
                  "try a plain git fetch or push there");
    }
  }
  return {};
}

Result<std::size_t> SideBandReader::read(std::span<char> out) {
  const auto ready = next();
  if (!ready) return fail(ready.error());
  const auto count = std::min(out.size(), rest_.size());
  if (count > 0) std::memcpy(out.data(), rest_.data(), count);
  rest_.remove_prefix(count);
  return count;
}

}  // namespace gitferry
