#include "agent/daemon/service_manager.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/base/unique_fd.h"

namespace gitferry::daemon {
namespace {

/// A path, or a name of the abstract kind, which is written with `@`; anything else is not for us.
std::string socket_address(const std::string& name) {
  const bool is_usable = name.size() > 1 && name.size() < sizeof(sockaddr_un::sun_path) &&
                         (name.front() == '/' || name.front() == '@');
  if (!is_usable) return {};
  return name.front() == '@' ? '\0' + name.substr(1) : name;
}

/// Of another process where its id is given and is not ours: then it was inherited.
std::optional<std::chrono::milliseconds> watchdog_of(const config::Environment& environment) {
  const auto microseconds = parse_number(environment("WATCHDOG_USEC").value_or(""));
  if (!microseconds || *microseconds < 1000) return std::nullopt;
  const auto process = environment("WATCHDOG_PID");
  if (process && *process != std::to_string(::getpid())) return std::nullopt;
  return std::chrono::milliseconds(*microseconds / 1000);
}

std::int64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

ServiceManager::ServiceManager(const config::Environment& environment)
    : address_(socket_address(environment("NOTIFY_SOCKET").value_or(""))) {
  if (!address_.empty()) watchdog_ = watchdog_of(environment);
}

void ServiceManager::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::reloading() const {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
}

void ServiceManager::stopping() const {
  send("STOPPING=1\nSTATUS=draining");
}

void ServiceManager::confirm() const {
  send("WATCHDOG=1");
}

void ServiceManager::send(const std::string& message) const {
  if (address_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  // An abstract name ends with the length of the address, a path with its zero.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size() +
                                             (address_.front() == '\0' ? 0 : 1));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto sent = ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length);
  if (sent < 0)
    log::warn("the service manager was not told", {{"state", message.substr(0, message.find('\n'))},
                                                   {"reason", std::generic_category().message(errno)}});
}

}  // namespace gitferry::daemon
