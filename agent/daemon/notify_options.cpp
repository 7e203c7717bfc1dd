#include "agent/daemon/notify_options.h"

#include <optional>
#include <utility>

#include "agent/daemon/composition.h"

namespace gitferry::daemon {
namespace {

SecretPlace place_of(const std::optional<config::SecretSource>& source) {
  return source ? SecretPlace{source->file, source->env} : SecretPlace{};
}

MailRoute route_of(const config::NotificationChannel& channel) {
  MailRoute route;
  route.host = channel.smtp_host;
  route.port = channel.smtp_port;
  if (channel.security == "tls") route.security = MailRoute::Security::Tls;
  if (channel.security == "none") route.security = MailRoute::Security::Plain;
  route.username = channel.username;
  route.password = place_of(channel.password);
  route.from = channel.from;
  route.to = channel.to;
  return route;
}

Result<Channel> channel_of(const config::NotificationChannel& configured) {
  Channel channel;
  channel.name = configured.name;
  channel.kind = channel_kind_from(configured.kind).value_or(ChannelKind::Webhook);
  channel.url = place_of(configured.url);
  channel.secret = place_of(configured.secret);
  channel.old_secret = place_of(configured.old_secret);
  if (channel.kind == ChannelKind::Email) channel.mail = route_of(configured);
  for (const auto& word : configured.events) {
    if (const auto event = notice_event_from(word)) channel.events.insert(*event);
  }
  channel.repositories = configured.repos;
  channel.language = configured.language == "zh" ? Language::Chinese : Language::English;
  channel.digest = configured.digest;
  if (configured.text.empty()) return channel;
  auto text = TextTemplate::parse(configured.text, kNoticeFields);
  if (!text) return fail(std::move(text.error()));
  channel.text = std::move(*text);
  return channel;
}

}  // namespace

Result<NotifyOptions> notify_options(const config::Config& config) {
  NotifyOptions options;
  if (!config.server.public_url.empty()) options.public_url = config.server.public_url + "/";
  options.patience = {config.notifications.after_attempts, config.notifications.after};
  auto http = http_options(config.network);
  if (!http) return fail(std::move(http.error()));
  options.outgoing = {std::move(*http), config.network.allow_schemes.contains(Scheme::Http)};
  options.channels.reserve(config.notifications.channels.size());
  for (const auto& configured : config.notifications.channels) {
    auto channel = channel_of(configured);
    if (!channel) return fail(std::move(channel.error()));
    options.channels.push_back(std::move(*channel));
  }
  return options;
}

}  // namespace gitferry::daemon
