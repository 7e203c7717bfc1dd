#include "agent/notify/channel.h"

#include <algorithm>
#include <array>

#include "agent/model/name_pattern.h"

namespace gitferry {
namespace {

using enum ChannelKind;
constexpr std::array kKinds{Webhook, Slack, DingTalk, Feishu, WeCom, Email};

}  // namespace

std::string_view name_of(ChannelKind kind) {
  switch (kind) {
    case Webhook:
      return "webhook";
    case Slack:
      return "slack";
    case DingTalk:
      return "dingtalk";
    case Feishu:
      return "feishu";
    case WeCom:
      return "wecom";
    case Email:
      return "email";
  }
  return "webhook";
}

std::optional<ChannelKind> channel_kind_from(std::string_view name) {
  const auto* const found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](ChannelKind kind) { return name_of(kind) == name; });
  if (found == kKinds.end()) return std::nullopt;
  return *found;
}

bool Channel::wants(const Notice& notice) const {
  if (!events.contains(notice.event)) return false;
  return repositories.empty() || notice.subject.kind == NoticeSubject::Kind::Host ||
         fits_any(repositories, notice.key.repository);
}

}  // namespace gitferry
