#include <algorithm>
#include <cstdio>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/text.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/notify_options.h"
#include "agent/daemon/process.h"

namespace gitferry::daemon {
namespace {

NoticeMessage test_message(const Clock& clock) {
  NoticeMessage message;
  message.id = new_message_id();
  message.made_at_ms = to_epoch_ms(clock.now());
  Notice notice;
  notice.event = NoticeEvent::Test;
  notice.subject = {NoticeSubject::Kind::Host, "test"};
  notice.since_ms = message.made_at_ms;
  notice.at_ms = message.made_at_ms;
  message.notices.push_back(std::move(notice));
  return message;
}

Error unknown_channel(const std::string& wanted, const std::vector<Channel>& channels) {
  std::vector<std::string> names;
  names.reserve(channels.size());
  for (const auto& channel : channels) names.push_back(channel.name);
  const auto near = nearest(wanted, names);
  return {ErrorCode::InvalidArgument, "no channel has that name",
          near.empty() ? "add it to notifications.channels" : "did you mean '" + near + "'?", std::nullopt};
}

}  // namespace

int notify_test(const NotifyTestOptions& options) {
  harden_process();
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  auto found = notify_options(*config);
  if (!found) return explain(found.error());
  auto& channels = found->channels;
  if (!options.channel.empty()) {
    const auto is_other = [&](const Channel& channel) { return channel.name != options.channel; };
    if (std::all_of(channels.begin(), channels.end(), is_other))
      return explain(unknown_channel(options.channel, channels));
    std::erase_if(channels, is_other);
  }
  if (channels.empty()) {
    return explain({ErrorCode::ConfigurationInvalid, "the configuration has no notifications.channels",
                    "add one", std::nullopt});
  }
  const SystemClock clock;
  const Sender sender(found->outgoing, found->public_url, clock);
  int exit_code = kDone;
  for (const auto& channel : channels) {
    const auto sent = sender.send(channel, test_message(clock), std::stop_token());
    if (!sent) exit_code = kFailed;
    std::printf("%s: %s\n", channel.name.c_str(), sent ? "sent" : sent.error().text().c_str());
  }
  return exit_code;
}

}  // namespace gitferry::daemon
