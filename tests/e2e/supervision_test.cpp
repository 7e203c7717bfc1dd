// A service manager watches the agent: what it is told, and that a thread which has stopped is noticed
// . A thread is stopped for real, as a debugger does it, while the others go on.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent/base/unique_fd.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The socket of a service manager.
class Manager {
 public:
  explicit Manager(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  /// The next message within that time; empty: none.
  [[nodiscard]] std::string next(std::chrono::milliseconds patience) const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) != 1) return {};
    std::array<char, 4096> message{};
    const auto size = ::recv(fd_.get(), message.data(), message.size(), 0);
    return size > 0 ? std::string(message.data(), static_cast<std::size_t>(size)) : std::string();
  }
  /// The next one that begins so; others before it are dropped.
  [[nodiscard]] std::string next_of(const std::string& kind) const {
    for (auto message = next(kPatience); !message.empty(); message = next(kPatience)) {
      if (message.starts_with(kind)) return message;
    }
    return {};
  }
  void forget() const {
    while (!next(std::chrono::milliseconds{0}).empty()) {
    }
  }

 private:
  static constexpr std::chrono::seconds kPatience{60};
  UniqueFd fd_;
};

/// One thread of another process, stopped for as long as the object lives.
class StoppedThread {
 public:
  StoppedThread(pid_t process, const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process))) {
      std::string found;
      std::getline(std::ifstream(entry.path() / "comm"), found);
      const pid_t id = std::stoi(entry.path().filename().string());
      // The oldest: a thread begins with the name of the one that made it.
      if (found == name && (thread_ == 0 || id < thread_)) thread_ = id;
    }
    if (thread_ == 0 || ::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0) return;
    is_stopped_ = ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0 &&
                  ::waitpid(thread_, nullptr, __WALL) == thread_;
  }
  ~StoppedThread() {
    if (is_stopped_) ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  }
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }
  [[nodiscard]] bool was_found() const { return thread_ != 0; }

 private:
  pid_t thread_ = 0;
  bool is_stopped_ = false;
};

class Supervised : public ::testing::Test {
 protected:
  void start(std::chrono::milliseconds watchdog) {
    write_agent_config(
        directory.path(),
        fmt::format("sync: {{sync_dir: {}/spool, workers: 2}}\n"
                    "repos: [{{name: robot, internal: https://a.example/x, "
                    "external: https://b.example/x, branches: [{{internal: main, external: main}}]}}]\n",
                    directory.path().string()));
    manager = std::make_unique<Manager>(directory / "notify");
    // The variables are of this process, and the agent inherits them.
    ::setenv("NOTIFY_SOCKET", (directory / "notify").c_str(), 1);
    ::setenv("WATCHDOG_USEC", std::to_string(watchdog.count() * 1000).c_str(), 1);
    agent = std::make_unique<AgentProcess>(directory.path());
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  }
  [[nodiscard]] bool log_says(const std::string& text) const {
    return eventually([&] { return agent->log().find(text) != std::string::npos; });
  }
  /// `thread` as the system calls it, `shown` as the agent does.
  void expect_noticed(const std::string& thread, const std::string& shown);

  TemporaryDirectory directory;
  std::unique_ptr<Manager> manager;
  std::unique_ptr<AgentProcess> agent;
};

/// Nothing that waits in the agent needs longer than this to be noticed.
constexpr std::chrono::milliseconds kWatchdog{4'000};

void Supervised::expect_noticed(const std::string& thread, const std::string& shown) {
  ASSERT_THAT(manager->next_of("WATCHDOG=1"), StartsWith("WATCHDOG=1"));
  {
    const StoppedThread stopped(agent->pid(), thread);
    ASSERT_TRUE(stopped.was_found()) << thread;
    if (!stopped.is_stopped()) GTEST_SKIP() << "this user may not stop a thread of another process";
    ASSERT_TRUE(log_says("\"a thread is stuck\"")) << thread << agent->log();
    EXPECT_THAT(agent->log(), HasSubstr(shown + " (overdue by"));
    manager->forget();
    // Two rounds of the watchdog: one that had begun might still confirm.
    EXPECT_EQ(manager->next(kWatchdog / 4), "") << thread;
    // Of the two that serve HTTP there is no answer, which says it as well.
    if (thread != "reception" && thread != "acceptor") {
      EXPECT_EQ(http(agent->port(), "GET", "/livez").status, 503) << thread;
      const auto ready = http(agent->port(), "GET", "/readyz?verbose");
      EXPECT_EQ(ready.status, 503) << thread;
      EXPECT_THAT(json_of(ready)["checks"]["threads"].asString(), HasSubstr(shown));
    }
  }
  EXPECT_TRUE(log_says("every thread goes on again")) << agent->log();
  manager->forget();
  EXPECT_THAT(manager->next_of("WATCHDOG=1"), StartsWith("WATCHDOG=1")) << thread;
  EXPECT_EQ(http(agent->port(), "GET", "/readyz").status, 200) << thread;
}

TEST_F(Supervised, TheServiceManagerIsToldWhatHappens) {
  start(std::chrono::minutes{2});
  EXPECT_EQ(manager->next_of("READY=1"),
            fmt::format("READY=1\nSTATUS=listening on 127.0.0.1:{}, 1 repositories", agent->port()));
  EXPECT_EQ(manager->next_of("WATCHDOG=1"), "WATCHDOG=1");
  agent->kill(SIGHUP);
  EXPECT_THAT(manager->next_of("RELOADING=1"), HasSubstr("MONOTONIC_USEC="));
  EXPECT_THAT(manager->next_of("READY=1"), StartsWith("READY=1"));
  agent->kill(SIGTERM);
  EXPECT_THAT(manager->next_of("STOPPING=1"), StartsWith("STOPPING=1"));
  EXPECT_EQ(agent->wait(), 0);
}

TEST_F(Supervised, R39_AStuckWriterIsNamedAndNoLongerConfirmed) {
  start(kWatchdog);
  expect_noticed("writer", "writer");
}

struct Thread {
  std::string name;   ///< as the system calls it
  std::string shown;  ///< as the agent does
};

class StuckThread : public Supervised, public ::testing::WithParamInterface<Thread> {};

TEST_P(StuckThread, R39_IsNoticed) {
  start(kWatchdog);
  expect_noticed(GetParam().name, GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(Full, StuckThread,
                         ::testing::Values(Thread{"reception", "reception"}, Thread{"acceptor", "acceptor"},
                                           Thread{"worker 1", "worker 1"}, Thread{"worker 2", "worker 2"},
                                           Thread{"reconciler", "reconciler"}, Thread{"lister", "lister"},
                                           Thread{"gitferry", "main"}),
                         [](const auto& tested) {
                           auto name = tested.param.shown;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace gitferry::test
