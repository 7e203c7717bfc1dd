#include "agent/notify/sender.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "agent/base/crypto.h"
#include "agent/model/webhook_source.h"
#include "agent/notify/answer.h"
#include "agent/notify/body.h"
#include "agent/notify/email.h"
#include "agent/notify/signature.h"
#include "agent/notify/wording.h"

namespace gitferry {
namespace {

/// What is posted, with the secrets of the moment.
struct Posting {
  Secret url;
  std::vector<std::string> headers;
  std::string body;
};

std::string where(const Channel& channel) {
  return fmt::format("notifications, channel '{}'", channel.name);
}

Secret with_query(const Secret& url, const std::string& query) {
  const char joint = url.reveal().find('?') == std::string_view::npos ? '?' : '&';
  return Secret(fmt::format("{}{}{}", url.reveal(), joint, query));
}

Result<std::string> webhook_signature(const Channel& channel, const Secret& secret, const std::string& id,
                                      std::int64_t now_s, const std::string& body) {
  const auto key = standard_webhooks_key(secret);
  if (key) return standard_webhooks_signature(*key, id, now_s, body);
  return fail(ErrorCode::ConfigurationInvalid, where(channel) + ": its secret is no signing key",
              "make one with: echo whsec_$(openssl rand -base64 32)");
}

/// While a secret is exchanged there are two signatures: the receiver takes the one that it can check.
Status sign_webhook(const Channel& channel, const Secret& secret, const NoticeMessage& message,
                    std::int64_t now_s, Posting& posting) {
  auto signatures = webhook_signature(channel, secret, message.id, now_s, posting.body);
  if (!signatures) return fail(std::move(signatures.error()));
  if (channel.has_old_secret()) {
    const auto old = read_secret(where(channel), channel.old_secret);
    if (!old) return fail(old.error());
    const auto second = webhook_signature(channel, *old, message.id, now_s, posting.body);
    if (!second) return fail(second.error());
    *signatures += " " + *second;
  }
  posting.headers = {"webhook-id: " + message.id, fmt::format("webhook-timestamp: {}", now_s),
                     "webhook-signature: " + *signatures};
  return {};
}

Result<Posting> posting_of(const Channel& channel, const NoticeMessage& message,
                           const std::string& public_url, std::int64_t now_ms) {
  auto url = read_secret(where(channel), channel.url);
  if (!url) return fail(std::move(url.error()));
  std::optional<Secret> secret;
  if (channel.has_secret()) {
    auto read = read_secret(where(channel), channel.secret);
    if (!read) return fail(std::move(read.error()));
    secret = std::move(*read);
  }
  const auto now_s = now_ms / 1000;
  const auto wording = worded(message.notices, channel, public_url, most_text(channel.kind));
  Posting posting{std::move(*url), {}, {}};
  switch (channel.kind) {
    case ChannelKind::Slack:
      posting.body = slack_body(wording);
      break;
    case ChannelKind::DingTalk:
      posting.body = dingtalk_body(wording);
      if (secret) posting.url = with_query(posting.url, dingtalk_query(*secret, now_ms));
      break;
    case ChannelKind::Feishu:
      posting.body = feishu_body(wording, secret ? &*secret : nullptr, now_s);
      break;
    case ChannelKind::WeCom:
      posting.body = wecom_body(wording);
      break;
    case ChannelKind::Webhook:
    case ChannelKind::Email:
      posting.body = webhook_body(message, public_url);
      if (!secret) return fail(ErrorCode::ConfigurationInvalid, where(channel) + ": it has no secret");
      if (auto done = sign_webhook(channel, *secret, message, now_s, posting); !done)
        return fail(done.error());
      break;
  }
  return posting;
}

}  // namespace

Status Sender::send(const Channel& channel, const NoticeMessage& message, const std::stop_token& stop) const {
  if (channel.kind == ChannelKind::Email) return send_mail_of(channel, message, stop);
  const auto posting = posting_of(channel, message, public_url_, to_epoch_ms(clock_.now()));
  if (!posting) return fail(posting.error());
  const auto reply = post(options_, posting->url, posting->headers, posting->body, stop);
  if (!reply) return fail(reply.error());
  return check_reply(channel.kind, *reply);
}

Status Sender::send_mail_of(const Channel& channel, const NoticeMessage& message,
                            const std::stop_token& stop) const {
  Secret password;
  if (!channel.mail.username.empty()) {
    auto read = read_secret(where(channel), channel.mail.password);
    if (!read) return fail(std::move(read.error()));
    password = std::move(*read);
  }
  const auto wording = worded(message.notices, channel, public_url_, most_text(channel.kind));
  const auto mail = mail_of(wording, channel.mail, message.id, to_epoch_ms(clock_.now()) / 1000);
  return send_mail(options_, channel.mail, password, mail, stop);
}

std::string new_message_id() {
  return "msg_" + to_hex(random_bytes(12));
}

}  // namespace gitferry
