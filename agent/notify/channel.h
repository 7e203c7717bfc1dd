#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/git/secret_file.h"
#include "agent/model/notice.h"
#include "agent/model/text_template.h"

namespace gitferry {

/// In which form a receiver wants its notices.
enum class ChannelKind { Webhook, Slack, DingTalk, Feishu, WeCom, Email };
/// `webhook`, `slack`, `dingtalk`, `feishu`, `wecom`, `email`: words of the configuration.
std::string_view name_of(ChannelKind kind);
std::optional<ChannelKind> channel_kind_from(std::string_view name);

enum class Language { English, Chinese };

struct MailRoute {
  enum class Security { StartTls, Tls, Plain };
  std::string host;  ///< IPv6 without brackets
  std::uint16_t port = 587;
  Security security = Security::StartTls;
  std::string username;  ///< empty: no login
  SecretPlace password;
  std::string from;
  std::vector<std::string> to;
};

/// One receiver of notices, as the configuration describes it. Secrets are read when they are needed.
struct Channel {
  std::string name;
  ChannelKind kind = ChannelKind::Webhook;
  SecretPlace url;         ///< of every kind but Email: it is a secret itself
  SecretPlace secret;      ///< what Webhook, DingTalk and Feishu are signed with; both empty: nothing
  SecretPlace old_secret;  ///< of Webhook, while a receiver knows only that one; both empty: none
  MailRoute mail;
  std::set<NoticeEvent> events;
  std::vector<std::string> repositories;  ///< fits_pattern(); empty: all, and hosts
  Language language = Language::English;
  std::chrono::milliseconds digest{30'000};  ///< how long a notice waits for others to go with
  std::optional<TextTemplate> text;          ///< unset: the language's own

  [[nodiscard]] bool has_secret() const { return !secret.file.empty() || !secret.variable.empty(); }
  [[nodiscard]] bool has_old_secret() const {
    return !old_secret.file.empty() || !old_secret.variable.empty();
  }
  /// Whether it is to get this. A host concerns everybody.
  [[nodiscard]] bool wants(const Notice& notice) const;
};

}  // namespace gitferry
