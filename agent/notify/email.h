#pragma once

#include <cstdint>
#include <string>

#include "agent/notify/channel.h"
#include "agent/notify/wording.h"

namespace gitferry {

/// A mail (RFC 5322) with lines that end in CRLF: plain text in UTF-8, base64 on the way. `id` is the
/// message's own, so that a mail which was taken twice is seen to be one.
std::string mail_of(const Wording& wording, const MailRoute& route, const std::string& id,
                    std::int64_t now_s);

}  // namespace gitferry
