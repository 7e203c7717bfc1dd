#include "agent/git/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStderrKept = 8192;
constexpr std::size_t kEarlyOutputLimit = 256 * 1024;
/// A child that never stops talking on stderr must not keep us there.
constexpr int kStderrChunks = 16;
constexpr milliseconds kExitGrace{2000};
constexpr milliseconds kCloseGrace{100};
constexpr milliseconds kTermGrace{400};
/// Between two looks at a child, where the system has no pidfd to wait on.
constexpr milliseconds kNap{10};

std::string text_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// Duplicates away from 0–2, so that handing the ends to the child cannot overwrite one that is still needed.
int above_stdio(int fd) {
  if (fd > 2) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  ::close(fd);
  return moved;
}

bool make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  read_end.reset(above_stdio(ends[0]));
  write_end.reset(above_stdio(ends[1]));
  return read_end && write_end;
}

/// A socket, because send() can be told not to raise SIGPIPE and write() cannot.
bool make_socket_pair(UniqueFd& ours, UniqueFd& childs) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
  ours.reset(above_stdio(ends[0]));
  childs.reset(above_stdio(ends[1]));
  return ours && childs;
}

void set_non_blocking(const UniqueFd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// posix_spawn's two parameter objects.
struct SpawnSetup {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};

  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    // An ignored SIGPIPE and a blocked SIGTERM would be inherited through exec.
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  void run_in(const UniqueFd& directory) { posix_spawn_file_actions_addfchdir_np(&actions, directory.get()); }
  void hand_over(int in, int out, int err) {
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    // Descriptors that some library opened without close-on-exec must not travel along.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  }
};

}  // namespace

/// Turns a stop request, from whatever thread, into a readable descriptor.
class ChildProcess::StopWakeup {
 public:
  explicit StopWakeup(const std::stop_token& stop)
      : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(stop, [this] {
          const std::uint64_t one = 1;
          [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
        }) {}
  [[nodiscard]] int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::stop_callback<std::function<void()>> callback_;
};

ChildProcess::ChildProcess(const ChildCommand& command, const Waiting& waiting)
    : what_(command.what), waiting_(waiting), stop_wakeup_(std::make_unique<StopWakeup>(waiting.stop)) {}

ChildProcess::~ChildProcess() {
  end();
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const ChildCommand& command,
                                                          const Waiting& waiting) {
  auto child = std::make_unique<ChildProcess>(command, waiting);
  if (auto started = child->spawn(command); !started) return fail(std::move(started.error()));
  return child;
}

Status ChildProcess::spawn(const ChildCommand& command) {
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
  if (!make_socket_pair(stdin_, in) || !make_pipe(stdout_, out) || !make_pipe(stderr_, err)) {
    return fail(ErrorCode::Internal, fmt::format("{}: no pipe for it: {}", what_, text_of(errno)),
                "raise the limit of open files");
  }
  SpawnSetup setup;
  if (command.directory) setup.run_in(*command.directory);
  setup.hand_over(in.get(), out.get(), err.get());
  const auto argv = pointers_to(command.argv);
  const auto environment = pointers_to(command.environment);
  const int failed =
      ::posix_spawnp(&pid_, argv[0], &setup.actions, &setup.attributes, argv.data(), environment.data());
  if (failed != 0) {
    pid_ = -1;
    return fail(ErrorCode::GitFailed,
                fmt::format("{}: '{}' could not be started: {}", what_, command.argv[0], text_of(failed)),
                fmt::format("install '{}' or put it into PATH", command.argv[0]));
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  set_non_blocking(stdin_);
  set_non_blocking(stdout_);
  set_non_blocking(stderr_);
  return {};
}

void ChildProcess::drain_stderr() {
  std::array<char, 4096> chunk{};
  for (int chunks = 0; stderr_ && chunks < kStderrChunks; ++chunks) {
    const auto count = ::read(stderr_.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;
    if (count == 0) return stderr_.reset();
    exit_.errors.append(chunk.data(), static_cast<std::size_t>(count));
    if (exit_.errors.size() > kStderrKept) exit_.errors.erase(0, exit_.errors.size() - kStderrKept);
  }
}

bool ChildProcess::wants_output() const {
  return !at_end_ && early_output_.size() < kEarlyOutputLimit;
}

bool ChildProcess::take_output() {
  if (!wants_output()) return false;
  std::array<char, 16384> chunk{};
  const auto count = ::read(stdout_.get(), chunk.data(), chunk.size());
  if (count > 0) early_output_.append({chunk.data(), static_cast<std::size_t>(count)});
  if (count == 0) at_end_ = true;
  return count > 0;
}

void ChildProcess::sleep_until_ready(bool for_writing, milliseconds limit) {
  std::array<pollfd, 4> fds{pollfd{wants_output() ? stdout_.get() : -1, POLLIN, 0},
                            pollfd{stderr_.get(), POLLIN, 0}, pollfd{stop_wakeup_->fd(), POLLIN, 0},
                            pollfd{for_writing ? stdin_.get() : -1, POLLOUT, 0}};
  const auto capped = std::min<std::int64_t>(limit.count(), 60'000);
  ::poll(fds.data(), fds.size(), static_cast<int>(capped));
  if (fds[1].revents != 0) drain_stderr();
}

Result<std::size_t> ChildProcess::read(std::span<char> out) {
  if (!early_output_.empty()) return early_output_.take(out);
  if (auto within = check_limits(waiting_, what_); !within) return fail(std::move(within.error()));
  StallWatch watch(waiting_, what_);
  while (!at_end_) {
    const auto count = ::read(stdout_.get(), out.data(), out.size());
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) {
      at_end_ = true;
      break;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      return fail(ErrorCode::ConnectionFailed, fmt::format("{}: reading failed: {}", what_, text_of(errno)));
    }
    const auto limit = watch.remaining();
    if (!limit) return fail(limit.error());
    sleep_until_ready(false, *limit);
  }
  return std::size_t{0};
}

bool ChildProcess::has_bytes(milliseconds patience) {
  if (!early_output_.empty() || at_end_) return true;
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    pollfd output{stdout_.get(), POLLIN, 0};
    if (::poll(&output, 1, 0) != 0 || waiting_.stop.stop_requested()) return true;
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    sleep_until_ready(false, left);
  }
}

Status ChildProcess::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto taken = write_some(bytes, waiting_.limits.total);
    if (!taken) return fail(taken.error());
    bytes.remove_prefix(*taken);
  }
  return {};
}

Result<std::size_t> ChildProcess::write_some(std::string_view bytes, milliseconds patience) {
  if (auto within = check_limits(waiting_, what_); !within) return fail(std::move(within.error()));
  if (!no_room_) no_room_.emplace(waiting_, what_);
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto count = stdin_ ? ::send(stdin_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) : -1;
    if (count > 0) {
      no_room_.reset();
      return static_cast<std::size_t>(count);
    }
    if (stdin_ && errno == EINTR) continue;
    if (!stdin_ || errno != EAGAIN) {
      return fail(ErrorCode::ConnectionFailed, fmt::format("{}: it took no more input", what_));
    }
    if (take_output()) continue;
    const auto limit = no_room_->remaining();
    if (!limit) return fail(limit.error());
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) return std::size_t{0};
    sleep_until_ready(true, std::min(*limit, left));
  }
}

void ChildProcess::close_stdin() {
  stdin_.reset();
}

/// Whether the leader ended within `grace`; it stays a zombie, so that its group's id cannot be reused yet.
bool ChildProcess::has_ended(milliseconds grace) {
  const auto deadline = std::chrono::steady_clock::now() + grace;
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR) {
      return true;
    }
    if (info.si_pid == pid_) return true;
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    // A child that talks must not block on its own pipes.
    std::array<pollfd, 3> fds{pollfd{pidfd_.get(), POLLIN, 0}, pollfd{stderr_.get(), POLLIN, 0},
                              pollfd{wants_output() ? stdout_.get() : -1, POLLIN, 0}};
    ::poll(fds.data(), fds.size(), static_cast<int>((pidfd_ ? left : std::min(left, kNap)).count()));
    drain_stderr();
    take_output();
  }
}

ChildExit ChildProcess::wait_for_exit() {
  if (pid_ < 0 || is_reaped_) return exit_;
  close_stdin();
  has_ended(std::min({kExitGrace, waiting_.limits.stall}));
  while (take_output()) {
  }
  end();
  return exit_;
}

void ChildProcess::end() {
  if (pid_ < 0 || is_reaped_) return;
  stdin_.reset();
  stdout_.reset();
  at_end_ = true;
  // A receive-pack that is asked to go removes its quarantine directory; one that is killed cannot.
  bool by_itself = has_ended(kCloseGrace);
  if (!by_itself) {
    ::kill(-pid_, SIGTERM);
    if (!has_ended(kTermGrace)) ::kill(-pid_, SIGKILL);
  }
  drain_stderr();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const bool ended_well = by_itself && info.si_code == CLD_EXITED && info.si_status == 0;
  if (!ended_well) ::kill(-pid_, SIGKILL);
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  is_reaped_ = true;
  exit_.status = by_itself && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<std::string> basic_child_environment() {
  const char* path =
      std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  return {fmt::format("PATH={}", path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"), "LC_ALL=C",
          "LANG=C"};
}

}  // namespace gitferry
