#include "agent/git/ssh_master.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/git/ssh_settings.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStderrKept = 8192;
constexpr milliseconds kTermGrace{400};
/// Between two looks for the socket, which nobody announces.
constexpr milliseconds kNap{5};

Error not_let_in(const std::string& what) {
  return {ErrorCode::Timeout,
          what + ": the host did not let us in in time",
          "look whether the host is overloaded, or raise sync.timeouts.stall",
          {}};
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// What happens between fork() and exec(): nothing but calls that are allowed there (signal-safety(7)).
[[noreturn]] void become(char* const* argv, char* const* environment, int null, int errors, pid_t parent) {
  ::setpgid(0, 0);
  for (int signal = 1; signal < SIGRTMAX; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);  // NOLINT(concurrency-mt-unsafe): the only thread of the child
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have ended before it was asked to be told of.
  if (::getppid() != parent) ::_exit(127);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::close_range(3, ~0U, 0);
  ::execvpe(argv[0], argv, environment);
  ::_exit(127);
}

}  // namespace

/// The ssh process, started by the thread that it must not outlive.
class SshMaster::Process {
 public:
  explicit Process(const std::vector<std::string>& argv) {
    std::array<int, 2> ends{};
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
    errors_.reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    const auto environment = ssh_environment();
    auto arguments = pointers_to(argv);
    auto variables = pointers_to(environment);
    const auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(arguments.data(), variables.data(), null.get(), write_end.get(), parent);
    if (pid_ < 0) return;
    ::setpgid(pid_, pid_);
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }

  /// Sleeps until it said something, it ended, `wakeup` is readable, or `limit` is over. Whether it ended.
  bool sleep(int wakeup, milliseconds limit) {
    if (pid_ < 0) return true;
    std::array<pollfd, 3> fds{pollfd{pidfd_.get(), POLLIN, 0}, pollfd{errors_.get(), POLLIN, 0},
                              pollfd{wakeup, POLLIN, 0}};
    const auto most = pidfd_ ? std::int64_t{3'600'000} : std::int64_t{1'000};
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(limit.count(), 0, most)));
    if (fds[2].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto taken = ::read(wakeup, &count, sizeof count);
    }
    drain();
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

  ChildExit end() {
    if (pid_ < 0) return exit_;
    const bool by_itself = sleep(-1, milliseconds{0});
    if (!by_itself) {
      ::kill(-pid_, SIGTERM);
      const auto deadline = std::chrono::steady_clock::now() + kTermGrace;
      auto left = kTermGrace;
      while (left > milliseconds{0} && !sleep(-1, std::min(left, milliseconds{50}))) {
        left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
      }
    }
    // What it started for a ProxyJump may outlive it.
    ::kill(-pid_, SIGKILL);
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    drain();
    pid_ = -1;
    exit_.status = by_itself && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return exit_;
  }

 private:
  /// A process that never stops talking must not keep us here.
  void drain() {
    std::array<char, 4096> chunk{};
    for (int chunks = 0; errors_ && chunks < 16; ++chunks) {
      const auto count = ::read(errors_.get(), chunk.data(), chunk.size());
      if (count < 0) return;
      if (count == 0) return errors_.reset();
      exit_.errors.append(chunk.data(), static_cast<std::size_t>(count));
      if (exit_.errors.size() > kStderrKept) exit_.errors.erase(0, exit_.errors.size() - kStderrKept);
    }
  }

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd errors_;
  ChildExit exit_;
};

SshMaster::Use& SshMaster::Use::operator=(Use&& other) noexcept {
  std::swap(master_, other.master_);
  return *this;
}

SshMaster::Use::~Use() {
  if (master_ != nullptr) master_->release();
}

SshMaster::SshMaster(Opening opening, std::string socket, milliseconds reuse)
    : opening_(std::move(opening)),
      socket_(std::move(socket)),
      expires_at_(std::chrono::steady_clock::now() + reuse),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  state_.lock()->last_used = std::chrono::steady_clock::now();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    const std::stop_callback wakes(stop, [this] { wake(); });
    try {
      attend(stop);
    } catch (const std::exception& error) {
      finish(Error{ErrorCode::Internal, fmt::format("{}: {}", opening_.what, error.what()), {}, {}});
    }
  });
}

SshMaster::~SshMaster() = default;

void SshMaster::wake() const {
  ::eventfd_write(wakeup_.get(), 1);
}

SshMaster::Use SshMaster::use() {
  auto state = state_.lock();
  const auto now = std::chrono::steady_clock::now();
  if (state->phase == Phase::Over || now >= expires_at_) return {};
  ++state->users;
  state->last_used = now;
  return Use(*this);
}

void SshMaster::release() {
  // Woken under the lock: without it, whoever sees that nobody uses this any more may free it in between.
  auto state = state_.lock();
  --state->users;
  wake();
}

bool SshMaster::is_ready() {
  return state_.lock()->phase == Phase::Ready;
}

bool SshMaster::is_over() {
  auto state = state_.lock();
  return state->phase == Phase::Over && state->users == 0;
}

bool SshMaster::is_idle() {
  return state_.lock()->users == 0;
}

MonotonicTime SshMaster::last_used() {
  return state_.lock()->last_used;
}

Result<std::optional<std::vector<std::string>>> SshMaster::wait_until_ready(const Waiting& waiting) {
  // Under the lock, or the sleeper could miss it between its look and its sleep.
  const std::stop_callback wakes(waiting.stop, [this] {
    const auto state = state_.lock();
    changed_.notify_all();
  });
  const auto deadline = std::min(waiting.total_deadline, std::chrono::steady_clock::now() +
                                                             waiting.limits.connect + waiting.limits.stall);
  auto state = state_.lock();
  const bool is_known = state.wait_until(changed_, deadline, [&](const State& now) {
    return now.phase != Phase::Starting || waiting.stop.stop_requested();
  });
  if (auto within = check_limits(waiting, opening_.what); !within) return fail(std::move(within.error()));
  if (!is_known) return fail(not_let_in(opening_.what));
  if (state->failure) return fail(*state->failure);
  if (state->phase == Phase::Over) return std::nullopt;
  auto options = state->options;
  options.insert(options.end(), {"-o", "ControlMaster=no", "-o", "ControlPath=" + socket_});
  return options;
}

void SshMaster::attend(const std::stop_token& stop) {
  Waiting waiting;
  waiting.limits = opening_.limits;
  waiting.total_deadline = std::chrono::steady_clock::now() + opening_.limits.connect + opening_.limits.stall;
  waiting.stop = stop;
  auto options = opening_.options(waiting);
  if (!options) return finish(std::move(options.error()));
  std::vector<std::string> argv{"ssh"};
  argv.insert(argv.end(), options->begin(), options->end());
  argv.insert(argv.end(), {"-o", "ControlMaster=yes", "-o", "ControlPath=" + socket_, "-o",
                           "ControlPersist=no", "-N", "--", opening_.destination});
  Process process(argv);
  if (!wait_for_socket(process, waiting)) {
    const auto exit = process.end();
    ::unlink(socket_.c_str());
    return finish(check_limits(waiting, opening_.what) ? opening_.explain(exit) : not_let_in(opening_.what));
  }
  {
    auto state = state_.lock();
    state->options = std::move(*options);
    state->phase = Phase::Ready;
  }
  changed_.notify_all();
  wait_for_end(process, stop);
  // No run may begin with it from here on; the socket goes first.
  ::unlink(socket_.c_str());
  finish(std::nullopt);
  process.end();
}

bool SshMaster::wait_for_socket(Process& process, const Waiting& waiting) {
  struct stat status {};
  while (check_limits(waiting, opening_.what)) {
    if (process.sleep(wakeup_.get(), kNap)) return false;
    if (::lstat(socket_.c_str(), &status) == 0) return S_ISSOCK(status.st_mode);
  }
  return false;
}

void SshMaster::wait_for_end(Process& process, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto left = std::chrono::ceil<milliseconds>(expires_at_ - std::chrono::steady_clock::now());
    if (left <= milliseconds{0} && is_idle()) return;
    // Past its time it is woken by the last run that leaves.
    if (process.sleep(wakeup_.get(), left > milliseconds{0} ? left : milliseconds{3'600'000})) return;
  }
}

void SshMaster::finish(std::optional<Error> failure) {
  {
    auto state = state_.lock();
    state->failure = std::move(failure);
    state->phase = Phase::Over;
  }
  changed_.notify_all();
}

}  // namespace gitferry
