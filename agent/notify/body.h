#pragma once

#include <cstdint>
#include <string>

#include "agent/base/secret.h"
#include "agent/notify/channel.h"
#include "agent/notify/wording.h"
#include "agent/store/notice_book.h"

namespace gitferry {

/// The bodies that receivers take, as JSON. What people can write (branch names, a host's words) is never
/// markup in them, and calls nobody's attention.

/// Of Standard Webhooks: `type`, `timestamp` (when the message was made) and `data`.
std::string webhook_body(const NoticeMessage& message, const std::string& public_url);
std::string slack_body(const Wording& wording);
std::string dingtalk_body(const Wording& wording);
/// With `secret`, signed at this time.
std::string feishu_body(const Wording& wording, const Secret* secret, std::int64_t now_s);
std::string wecom_body(const Wording& wording);

/// How many bytes of text the services take, or what is readable where they take more.
constexpr std::size_t most_text(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::WeCom:
      return 1'500;  // of 2048 bytes for title and text
    case ChannelKind::Slack:
      return 3'000;
    case ChannelKind::DingTalk:
    case ChannelKind::Feishu:
      return 6'000;  // of 20,000 for the body, in which a byte may take up to three
    case ChannelKind::Webhook:
    case ChannelKind::Email:
      return 60'000;
  }
  return 1'500;
}

}  // namespace gitferry
