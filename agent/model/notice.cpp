#include "agent/model/notice.h"

#include <algorithm>
#include <array>

namespace gitferry {
namespace {

using enum NoticeEvent;
constexpr std::array kEvents{Failed, Diverged, Recovered, HostDown, HostUp, HookSilent, HookHeard, Test};

}  // namespace

std::string_view name_of(NoticeEvent event) {
  switch (event) {
    case Failed:
      return "failed";
    case Diverged:
      return "diverged";
    case Recovered:
      return "recovered";
    case HostDown:
      return "host_down";
    case HostUp:
      return "host_up";
    case HookSilent:
      return "hook_silent";
    case HookHeard:
      return "hook_heard";
    case Test:
      return "test";
  }
  return "failed";
}

std::optional<NoticeEvent> notice_event_from(std::string_view name) {
  const auto* const found =
      std::find_if(kEvents.begin(), kEvents.end(), [&](NoticeEvent event) { return name_of(event) == name; });
  if (found == kEvents.end()) return std::nullopt;
  return *found;
}

bool is_good(NoticeEvent event) {
  return event == Recovered || event == HostUp || event == HookHeard;
}

std::string_view name_of(NoticeSubject::Kind kind) {
  switch (kind) {
    case NoticeSubject::Kind::Lane:
      return "lane";
    case NoticeSubject::Kind::Host:
      return "host";
    case NoticeSubject::Kind::Hook:
      return "hook";
  }
  return "lane";
}

}  // namespace gitferry
