#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/binding.h"

namespace gitferry {

/// A change that people are told of. Each says what became of one thing: a branch, a host, or a side's hook.
enum class NoticeEvent {
  Failed,      ///< a branch is not synced, and no attempt of its own will soon mend that
  Diverged,    ///< both sides of a branch have commits of their own
  Recovered,   ///< a branch that was told of is in sync again
  HostDown,    ///< a git host does not answer: its branches wait
  HostUp,      ///< it answers again
  HookSilent,  ///< the reconcile found what the webhook of a side should have told
  HookHeard,   ///< a webhook that was silent delivers again
  Test,        ///< nothing happened: somebody tries a channel
};
/// `failed`, `diverged`, `recovered`, `host_down`, `host_up`, `hook_silent`, `hook_heard`, `test`.
std::string_view name_of(NoticeEvent event);
std::optional<NoticeEvent> notice_event_from(std::string_view name);
/// Whether it says that something is well again.
bool is_good(NoticeEvent event);

/// What a notice is about: a lane by its id, a host by RemoteUrl::host_key(), a hook as `repository/side`.
struct NoticeSubject {
  enum class Kind { Lane, Host, Hook };
  Kind kind = Kind::Lane;
  std::string name;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
  auto operator<=>(const NoticeSubject&) const = default;
};
/// `lane`, `host`, `hook`.
std::string_view name_of(NoticeSubject::Kind kind);

/// One thing to tell. What does not belong to its event is empty or zero.
struct Notice {
  NoticeEvent event = NoticeEvent::Failed;
  NoticeSubject subject;
  LaneKey key;               ///< of a branch; of a hook only the repository
  std::string host;          ///< that is down, or up again
  std::optional<Side> side;  ///< of a hook
  std::string error;         ///< ErrorInfo::name
  int code_status = 0;
  std::string text;  ///< what the sync log says
  int attempts = 0;
  std::int64_t branches = 0;  ///< that wait for a host; that a reconcile found for a hook
  std::int64_t since_ms = 0;  ///< when it began
  std::int64_t at_ms = 0;     ///< when it was seen
};

/// What a text about a notice may hold (TextTemplate).
constexpr std::array<std::string_view, 15> kNoticeFields{
    "title", "event", "repo", "branch",   "internal", "external", "host", "side",
    "error", "code",  "text", "attempts", "branches", "since",    "link"};

}  // namespace gitferry
