#include "agent/base/crash_point.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "agent/base/crash_point_names.h"
#include "agent/base/text.h"

namespace gitferry {
namespace {

struct Wish {
  CrashPointName at;
  std::uint64_t passes;
  std::optional<std::string> subject;
};

/// Past the log, which may hold a lock that its writer dies with.
void say(const std::string& line) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::optional<Wish> parse(std::string_view text) {
  std::optional<std::string> subject;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    subject = text.substr(at + 1);
    text = text.substr(0, at);
  }
  std::uint64_t passes = 1;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto number = parse_number(text.substr(colon + 1));
    if (!number || *number == 0) return std::nullopt;
    passes = static_cast<std::uint64_t>(*number);
    text = text.substr(0, colon);
  }
  for (const auto& one : kCrashPoints) {
    if (one.name == text) return Wish{one, passes, std::move(subject)};
  }
  return std::nullopt;
}

std::optional<Wish> wish_of_environment() {
  const char* text = std::getenv("GITFERRY_CRASH_AT");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  if (text == nullptr) return std::nullopt;
  auto wish = parse(text);
  if (!wish) {
    say(fmt::format("GITFERRY_CRASH_AT: '{}' names no crash point\n", text));
    ::_exit(2);
  }
  return wish;
}

}  // namespace

void crash_point(CrashPoint point, std::string_view subject) {
  static const std::optional<Wish> wish = wish_of_environment();
  static std::atomic<std::uint64_t> passes{0};
  if (!wish || wish->at.point != point || (wish->subject && *wish->subject != subject)) return;
  if (++passes != wish->passes) return;
  say(fmt::format("crash point {} reached\n", wish->at.name));
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace gitferry
