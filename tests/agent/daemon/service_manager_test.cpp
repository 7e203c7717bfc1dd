#include "agent/daemon/service_manager.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::daemon {
namespace {

config::Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

/// What a service manager has: a socket for messages. `name` is a path, or begins with a zero.
class Listener {
 public:
  explicit Listener(const std::string& name)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    const auto length = offsetof(sockaddr_un, sun_path) + name.size() + (name.front() == '\0' ? 0 : 1);
    bound_ =
        ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) == 0;
  }
  [[nodiscard]] bool is_bound() const { return bound_; }
  /// Empty: none.
  [[nodiscard]] std::string next() const {
    std::array<char, 4096> message{};
    const auto size = ::recv(fd_.get(), message.data(), message.size(), 0);
    return size > 0 ? std::string(message.data(), static_cast<std::size_t>(size)) : std::string();
  }

 private:
  UniqueFd fd_;
  bool bound_ = false;
};

TEST(ServiceManager, IsToldByADatagramAMessage) {
  const test::TemporaryDirectory directory;
  const Listener listener(directory / "notify");
  ASSERT_TRUE(listener.is_bound());
  const ServiceManager manager(environment_of({{"NOTIFY_SOCKET", directory / "notify"}}));
  manager.ready("listening on 127.0.0.1:8080");
  EXPECT_EQ(listener.next(), "READY=1\nSTATUS=listening on 127.0.0.1:8080");
  manager.reloading();
  const auto reloading = listener.next();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_GT(std::stoll(reloading.substr(reloading.rfind('=') + 1)), 0);
  manager.confirm();
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
  manager.stopping();
  EXPECT_EQ(listener.next(), "STOPPING=1\nSTATUS=draining");
  EXPECT_EQ(listener.next(), "");
}

TEST(ServiceManager, KnowsSocketsWithoutAFile) {
  const std::string name = "gitferry-test-" + std::to_string(::getpid());
  const Listener listener('\0' + name);
  ASSERT_TRUE(listener.is_bound());
  ServiceManager(environment_of({{"NOTIFY_SOCKET", "@" + name}})).confirm();
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
}

TEST(ServiceManager, WithoutOneNothingIsSaidAndNothingExpected) {
  for (const std::string socket : {"", "/", "@", "relative", "vsock:2:1234"}) {
    const ServiceManager manager(environment_of({{"NOTIFY_SOCKET", socket}, {"WATCHDOG_USEC", "1000000"}}));
    manager.ready("");
    EXPECT_FALSE(manager.watchdog()) << socket;
  }
  const ServiceManager too_long(environment_of({{"NOTIFY_SOCKET", "/" + std::string(200, 'x')}}));
  too_long.ready("");
  const ServiceManager gone(environment_of({{"NOTIFY_SOCKET", "/no/such/socket"}}));
  gone.ready("");  // is in the log, and nothing else
}

TEST(ServiceManager, TheWatchdogIsTheOneOfThisProcess) {
  const auto watchdog = [](std::map<std::string, std::string> variables) {
    variables["NOTIFY_SOCKET"] = "/run/notify";
    return ServiceManager(environment_of(std::move(variables))).watchdog();
  };
  EXPECT_EQ(watchdog({{"WATCHDOG_USEC", "120000000"}}), std::chrono::minutes{2});
  EXPECT_EQ(watchdog({{"WATCHDOG_USEC", "120000000"}, {"WATCHDOG_PID", std::to_string(::getpid())}}),
            std::chrono::minutes{2});
  EXPECT_FALSE(watchdog({{"WATCHDOG_USEC", "120000000"}, {"WATCHDOG_PID", "1"}}));
  for (const std::string bad : {"", "0", "-1", "soon", "99999999999999999999999"}) {
    EXPECT_FALSE(watchdog({{"WATCHDOG_USEC", bad}})) << bad;
  }
}

}  // namespace
}  // namespace gitferry::daemon
