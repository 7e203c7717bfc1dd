#include "agent/daemon/watchdog.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/daemon/command_line.h"

namespace gitferry::daemon {
namespace {

using std::chrono::steady_clock;

constexpr int kPatiencesUntilTheEnd = 10;

bool is_stuck_for_good(const std::vector<LateThread>& late) {
  return std::any_of(late.begin(), late.end(), [](const LateThread& thread) {
    return thread.overdue > kPatiencesUntilTheEnd * supervision_patience();
  });
}

}  // namespace

Watchdog::Watchdog(const ServiceManager& manager) : manager_(manager), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  *is_stopping_.lock() = true;
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch() {
  for (;;) {
    look();
    const auto next = steady_clock::now() + beat_interval();
    auto is_stopping = is_stopping_.lock();
    if (is_stopping.wait_until(changed_, next, [](bool now) { return now; })) return;
  }
}

void Watchdog::look() {
  const auto now = steady_clock::now();
  const auto before = std::exchange(last_look_, now);
  // This thread was held up itself: the whole process was, and the others have had no chance to beat.
  if (now - before > supervision_patience()) return;
  const auto late = late_threads();
  if (late.empty()) {
    if (has_complained_) log::info("every thread goes on again");
    has_complained_ = false;
    manager_.confirm();
    return;
  }
  if (!has_complained_) log::error("a thread is stuck", {{"threads", text_of(late)}});
  has_complained_ = true;
  if (manager_.watchdog() || !is_stuck_for_good(late)) return;
  log::error("a thread is stuck for good: leaving for a restart; unfinished lanes stay pending",
             {{"threads", text_of(late)}});
  ::_exit(kFailed);
}

void set_patience_for(const ServiceManager& manager) {
  if (const auto watchdog = manager.watchdog())
    set_supervision_patience(std::min(supervision_patience(), *watchdog / 2));
}

}  // namespace gitferry::daemon
