#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/git/child_process.h"
#include "agent/git/transport.h"

namespace gitferry {

/// One authenticated ssh connection that several runs share: an `ssh` with ControlMaster and a thread that
/// looks after it.
///
/// The process belongs to that thread, and the kernel ends it with the thread (PR_SET_PDEATHSIG): an agent
/// that is killed leaves no connection. After `reuse` it takes no new run, and ends with its last one.
///
/// Owns:      the thread, the process, the socket file. The destructor ends all three.
/// Threading: all calls from any thread.
class SshMaster {
 public:
  /// How the connection is made.
  struct Opening {
    /// The options to call ssh with, all but those of the sharing; asked on the master's thread, because
    /// names are resolved and checked then.
    std::function<Result<std::vector<std::string>>(const Waiting&)> options;
    std::string destination;
    /// What its end means, where it ended before it was authenticated; nullopt: not known.
    std::function<std::optional<Error>(const ChildExit&)> explain;
    std::string what;
    TransferLimits limits;
  };

  /// A run's share; the connection stays as long as there is one.
  class Use {
   public:
    Use() = default;
    explicit Use(SshMaster& master) : master_(&master) {}
    Use(Use&& other) noexcept : master_(std::exchange(other.master_, nullptr)) {}
    Use& operator=(Use&& other) noexcept;
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();
    explicit operator bool() const { return master_ != nullptr; }
    SshMaster* operator->() const { return master_; }

   private:
    SshMaster* master_ = nullptr;
  };

  SshMaster(Opening opening, std::string socket, std::chrono::milliseconds reuse);
  SshMaster(const SshMaster&) = delete;
  SshMaster& operator=(const SshMaster&) = delete;
  ~SshMaster();

  /// Nothing where it ended, or is too old for another run.
  Use use();
  [[nodiscard]] bool is_ready();
  /// It ended, and no run has a share.
  [[nodiscard]] bool is_over();
  [[nodiscard]] bool is_idle();
  /// When a run took its share last.
  [[nodiscard]] MonotonicTime last_used();

  /// The options by which ssh finds the connection, and makes one of its own where it is gone. nullopt where
  /// it could not be shared for a reason that a connection of one's own may not have.
  ///
  /// Blocking: until it is authenticated or ended, within `waiting`.
  /// Errors:   what `explain` said, those of `options`; Timeout, Cancelled.
  Result<std::optional<std::vector<std::string>>> wait_until_ready(const Waiting& waiting);

 private:
  enum class Phase { Starting, Ready, Over };
  struct State {
    Phase phase = Phase::Starting;
    int users = 0;
    MonotonicTime last_used;
    std::optional<Error> failure;
    std::vector<std::string> options;  ///< that it was opened with
  };
  class Process;
  void serve();
  void attend(const std::stop_token& stop);
  bool wait_for_socket(Process& process, const Waiting& waiting);
  void wait_for_end(Process& process, const std::stop_token& stop);
  void finish(std::optional<Error> failure);
  void release();
  void wake() const;

  Opening opening_;
  std::string socket_;
  MonotonicTime expires_at_;
  UniqueFd wakeup_;
  Guarded<State> state_;
  std::condition_variable changed_;
  std::jthread thread_;  ///< the last member: it uses the others
};

}  // namespace gitferry
