#include "agent/daemon/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gitferry::daemon {
namespace {

/// Every connection is a descriptor: the usual soft limit of 1,024 would leave the databases and transports
/// none.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 8192;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void harden_process() {
  const struct rlimit none {};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::umask(077);
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
}

SignalReceiver::SignalReceiver() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
}

int SignalReceiver::wait(int done, std::chrono::milliseconds timeout) {
  std::array<pollfd, 2> waiting{pollfd{fd_.get(), POLLIN, 0}, pollfd{done, POLLIN, 0}};
  while (true) {
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(timeout.count()));
    if (ready < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    if (ready == 0) return 0;
    signalfd_siginfo signal{};
    if ((waiting[0].revents & POLLIN) != 0 && ::read(fd_.get(), &signal, sizeof signal) == sizeof signal)
      return static_cast<int>(signal.ssi_signo);
    if (waiting[1].revents != 0) return 0;
  }
}

}  // namespace gitferry::daemon
