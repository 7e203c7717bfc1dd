#include "agent/daemon/terminal_progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/daemon/progress_text.h"
#include "agent/sync/progress_meter.h"

namespace gitferry::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kUntilShown{500};
constexpr milliseconds kRedraw{250};

/// One less than there are: in the last column some terminals wrap.
std::size_t columns() {
  constexpr std::size_t usual = 79;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return usual;
  return size.ws_col - 1U;
}

}  // namespace

bool stderr_can_redraw() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

TerminalProgress::TerminalProgress(const TransferProgress& progress, std::uint32_t refs_in_transfer,
                                   bool is_shown) {
  if (!is_shown) return;
  thread_ =
      std::thread([this, &progress, refs_in_transfer] { draw_until_stopped(progress, refs_in_transfer); });
}

TerminalProgress::~TerminalProgress() {
  if (!thread_.joinable()) return;
  *is_stopping_.lock() = true;
  changed_.notify_one();
  thread_.join();
}

void TerminalProgress::draw_until_stopped(const TransferProgress& progress, std::uint32_t refs_in_transfer) {
  ProgressMeter meter(progress, refs_in_transfer, std::chrono::steady_clock::now());
  auto pause = kUntilShown;
  for (;;) {
    {
      auto is_stopping = is_stopping_.lock();
      const auto next = std::chrono::steady_clock::now() + std::exchange(pause, kRedraw);
      if (is_stopping.wait_until(changed_, next, [](bool now) { return now; })) break;
    }
    const auto now = std::chrono::steady_clock::now();
    meter.sample(now);
    draw(progress_text(progress_line(meter.view(now))));
  }
  if (drawn_ > 0) {
    draw("");
    std::fputc('\r', stderr);
  }
}

void TerminalProgress::draw(std::string text) {
  text.resize(std::min(text.size(), columns()));
  const auto written = text.size();
  if (text.size() < drawn_) text.resize(drawn_, ' ');
  drawn_ = written;
  std::fprintf(stderr, "\r%s", text.c_str());
  std::fflush(stderr);
}

}  // namespace gitferry::daemon
