#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "tests/support/temporary_directory.h"

namespace gitferry::test {

/// nginx on 127.0.0.1 in front of a server there, as docs and examples have it: it appends its client's
/// address to X-Forwarded-For.
///
/// Owns the child: it is killed and reaped on destruction.
class ReverseProxy {
 public:
  explicit ReverseProxy(std::uint16_t server_port);
  ~ReverseProxy();
  ReverseProxy(const ReverseProxy&) = delete;
  ReverseProxy& operator=(const ReverseProxy&) = delete;

  /// 0 where it did not start.
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  bool start(std::uint16_t port, std::uint16_t server_port);
  void stop();

  TemporaryDirectory directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace gitferry::test
