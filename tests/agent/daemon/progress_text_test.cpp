#include "agent/daemon/progress_text.h"

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "agent/daemon/terminal_progress.h"

namespace gitferry::daemon {
namespace {

TEST(ProgressText, TellsWhatIsKnown) {
  api::ProgressLine line;
  line.phase = "listing";
  line.elapsed_seconds = 3;
  EXPECT_EQ(progress_text(line), "listing for 3 s");
  line = {"sending", 999, 1000, 12'900'000, 3'250'586, 3'250'585, 7, 20, 10};
  EXPECT_EQ(progress_text(line),
            "sending 99 % (999 of 1000 objects), 12.3 MiB, 3.1 MiB/s, 20 s left, with 9 other branches");
  line = {"proving", 0, 0, 100, 0, 0, 200, {}, 2};
  EXPECT_EQ(progress_text(line), "proving, 100 B, with 1 other branch");
  line = {"sending", 1, 2, 2'000'000'000'000, 0, 0, 9'000, 9'000, 1};
  EXPECT_EQ(progress_text(line), "sending 50 % (1 of 2 objects), 1.8 TiB, 3 h left");
  line.remaining_seconds = 150;
  EXPECT_EQ(progress_text(line), "sending 50 % (1 of 2 objects), 1.8 TiB, 3 min left");
}

TEST(ProgressText, SaysWhatThisProcessMeasured) {
  ProgressView view;
  view.phase = TransferPhase::Waiting;
  view.objects_done = view.objects_total = 7;
  view.bytes_received = view.bytes_sent = 2048;
  view.elapsed = std::chrono::milliseconds(2'900);
  view.remaining = std::chrono::seconds(0);
  EXPECT_EQ(progress_text(progress_line(view)), "waiting 100 % (7 of 7 objects), 2.0 KiB, 0 s left");
}

/// What a process that shows a transfer of 5 KiB writes to its terminal, until it has shown it or ends.
std::string shown_on_terminal(const char* term, bool is_shown_if_possible) {
  UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (terminal.get() < 0 || ::grantpt(terminal.get()) != 0 || ::unlockpt(terminal.get()) != 0) std::abort();
  const winsize narrow{24, 30, 0, 0};
  const std::string name = ::ptsname(terminal.get());
  UniqueFd go_on;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  UniqueFd waits(ends[0]);
  go_on = UniqueFd(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    go_on.reset();
    const int side = ::open(name.c_str(), O_RDWR | O_NOCTTY);
    ::ioctl(side, TIOCSWINSZ, &narrow);
    ::dup2(side, STDERR_FILENO);
    ::setenv("TERM", term, 1);
    {
      TransferProgress progress;
      progress.phase = TransferPhase::Sending;
      progress.bytes_sent = 5'120;
      const TerminalProgress shown(progress, 100'000, is_shown_if_possible && stderr_can_redraw());
      char unused = 0;
      [[maybe_unused]] const auto closed = ::read(waits.get(), &unused, 1);
    }
    ::dprintf(STDERR_FILENO, "end");
    ::_exit(0);
  }
  std::string seen;
  const bool draws = is_shown_if_possible && std::string(term) != "dumb";
  if (!draws) go_on.reset();
  for (pollfd readable{terminal.get(), POLLIN, 0}; ::poll(&readable, 1, 20'000) == 1;) {
    char bytes[512];
    const auto count = ::read(terminal.get(), bytes, sizeof bytes);
    if (count <= 0) break;
    seen.append(bytes, static_cast<std::size_t>(count));
    if (seen.find("sending") != std::string::npos) go_on.reset();
    if (seen.ends_with("end")) break;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return seen;
}

TEST(TerminalProgress, DrawsOneLineAsWideAsTheTerminalAndTakesItAway) {
  const auto seen = shown_on_terminal("xterm", true);
  const auto first = seen.find("\rsending, 5.0 KiB");
  ASSERT_NE(first, std::string::npos) << seen;
  EXPECT_EQ(seen.find('\n'), std::string::npos) << seen;
  EXPECT_EQ(seen.find('\x1b'), std::string::npos) << seen;
  const auto drawn = seen.find('\r', first + 1) - first - 1;
  EXPECT_EQ(drawn, 29U) << "cut, so that it does not wrap";
  EXPECT_TRUE(seen.ends_with("\r" + std::string(drawn, ' ') + "\rend")) << seen;
}

TEST(TerminalProgress, DrawsNothingOnADumbTerminalOrWhereItIsNotWanted) {
  EXPECT_EQ(shown_on_terminal("dumb", true), "end");
  EXPECT_EQ(shown_on_terminal("xterm", false), "end");
}

}  // namespace
}  // namespace gitferry::daemon
