#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/notify/channel.h"

namespace gitferry {

/// What a receiver answered to a POST.
struct HttpReply {
  int status = 0;
  std::string body;  ///< its first few KiB
  std::optional<std::chrono::seconds> retry_after;
};

/// Whether the receiver took it. The chat services answer 200 also where they did not, and say so in the
/// body.
///
/// Errors: HostBusy with its Retry-After, HostError, RejectedByRemote; the text holds a little of what it
/// said.
Status check_reply(ChannelKind kind, const HttpReply& reply);

}  // namespace gitferry
