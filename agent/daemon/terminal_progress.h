#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "agent/base/guarded.h"
#include "agent/model/transfer_progress.h"

namespace gitferry::daemon {

/// Whether stderr is a terminal on which a line can be drawn over; not where TERM is `dumb` or unset.
bool stderr_can_redraw();

/// A line on stderr that tells how far a transfer is: drawn over again while it runs, and gone at the end, so
/// that what stays on the terminal is the result. Nothing is shown of a transfer that is over soon.
///
/// It uses no colour and no other control character than the carriage return, so there is nothing that
/// NO_COLOR would have to switch off.
/// Threading: made and destroyed by one thread; draws in one of its own, which is there only where it draws.
class TerminalProgress {
 public:
  /// `progress` must outlive it.
  TerminalProgress(const TransferProgress& progress, std::uint32_t refs_in_transfer, bool is_shown);
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;
  ~TerminalProgress();

 private:
  void draw_until_stopped(const TransferProgress& progress, std::uint32_t refs_in_transfer);
  void draw(std::string text);

  std::size_t drawn_ = 0;  ///< characters of the line that is there
  Guarded<bool> is_stopping_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace gitferry::daemon
