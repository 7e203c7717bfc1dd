#pragma once

#include <string>
#include <utility>

#include "agent/model/ref_name.h"
#include "agent/notify/channel.h"
#include "agent/store/notice_book.h"

namespace gitferry {

inline Notice failed_notice(const std::string& branch, const std::string& repository = "robot") {
  Notice notice;
  notice.event = NoticeEvent::Failed;
  notice.subject = {NoticeSubject::Kind::Lane, repository + branch};
  notice.key = {repository, branch_ref(branch), branch_ref(branch)};
  notice.error = "authentication_failed";
  notice.code_status = 20005;
  notice.text = "the host said no";
  notice.since_ms = 1'790'000'000'000;
  notice.at_ms = 1'790'000'060'000;
  return notice;
}

inline Notice as(Notice notice, NoticeEvent event) {
  notice.event = event;
  return notice;
}

inline NoticeMessage message_of(std::vector<Notice> notices) {
  NoticeMessage message;
  message.id = "msg_0123456789abcdef";
  message.channel = "ops";
  message.made_at_ms = 1'790'000'000'000;
  message.notices = std::move(notices);
  return message;
}

inline Channel channel_of(ChannelKind kind, std::string name = "ops") {
  Channel channel;
  channel.name = std::move(name);
  channel.kind = kind;
  channel.events = {NoticeEvent::Failed,   NoticeEvent::Diverged, NoticeEvent::Recovered,
                    NoticeEvent::HostDown, NoticeEvent::HostUp,   NoticeEvent::HookSilent,
                    NoticeEvent::HookHeard};
  channel.digest = std::chrono::seconds(1);
  return channel;
}

}  // namespace gitferry
