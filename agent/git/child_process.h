#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/git/byte_buffer.h"
#include "agent/git/stall_watch.h"
#include "agent/git/transport.h"

namespace gitferry {

/// What to run. There is never a shell between; `environment` is all that the child gets to see.
struct ChildCommand {
  std::vector<std::string> argv;                   ///< argv[0] is looked up in our PATH
  std::vector<std::string> environment;            ///< KEY=VALUE
  std::string what;                                ///< for error texts: "git-upload-pack of '/srv/x.git'"
  std::shared_ptr<const UniqueFd> directory = {};  ///< an open one, where it runs; empty: in ours
};

/// How a child ended.
struct ChildExit {
  int status = -1;     ///< exit status; -1 when a signal ended it or it had to be killed
  std::string errors;  ///< the last 8 KiB of its stderr
};

/// A program with its stdin and stdout in our hands, in a process group of its own.
///
/// Owns:      the child; the destructor ends its group and reaps it.
/// Threading: one thread at a time; the stop token of `waiting` may be triggered from any.
/// Blocking:  read() until a byte or the end came, write() until the child took everything, within `waiting`.
///            A child that is still there is given half a second to end before it is killed.
/// Errors:    Timeout, Cancelled; GitFailed when it cannot be started; ConnectionFailed from write() when the
/// child
///            reads no more (never SIGPIPE).
class ChildProcess {
 public:
  static Result<std::unique_ptr<ChildProcess>> start(const ChildCommand& command, const Waiting& waiting);
  /// Without a process yet; start() is the way to one.
  ChildProcess(const ChildCommand& command, const Waiting& waiting);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  /// 0 when the child closed its stdout.
  Result<std::size_t> read(std::span<char> out);
  /// Whether read() would return at once; waits at most `patience` for that.
  bool has_bytes(std::chrono::milliseconds patience);
  Status write(std::string_view bytes);
  /// As Exchange::write_some().
  Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience);
  void close_stdin();
  /// For a child that closed its stdout or took no more input: waits a little for its end and says how it
  /// was. What it still said on its stdout can be read afterwards.
  ChildExit wait_for_exit();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  class StopWakeup;
  Status spawn(const ChildCommand& command);
  /// Sleeps until stdout, stderr, or stdin where `for_writing`, is ready or `limit` is over; drains stderr.
  void sleep_until_ready(bool for_writing, std::chrono::milliseconds limit);
  void drain_stderr();
  [[nodiscard]] bool wants_output() const;
  /// Keeps some of what stands on stdout for a later read(); whether there was any.
  bool take_output();
  bool has_ended(std::chrono::milliseconds grace);
  void end();

  std::string what_;
  Waiting waiting_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;  ///< none on systems without: its end is then looked for in short naps
  bool is_reaped_ = false;
  bool at_end_ = false;  ///< stdout reached its end
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  ByteBuffer
      early_output_;  ///< came while we were writing: a child that waits for us to read must not stop us
  std::optional<StallWatch> no_room_;  ///< since the child takes nothing of what is written
  ChildExit exit_;
  std::unique_ptr<StopWakeup> stop_wakeup_;
};

/// The variables that every git and ssh child gets: PATH of ours, plain English texts.
std::vector<std::string> basic_child_environment();

}  // namespace gitferry
