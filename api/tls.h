#pragma once

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "api/channel.h"

namespace gitferry::api {

/// The listener's certificate and key, and TLS (1.2 or newer) with them.
///
/// Threading: all calls from any thread; connections keep what they were opened with.
class ServerTls {
 public:
  /// PEM files: the certificate with its chain, and its key. Errors: ConfigurationInvalid for files that are
  /// missing, unreadable, no such thing, not of each other, or a key that others may read; never with what is
  /// in them.
  static Result<std::shared_ptr<ServerTls>> load(const std::string& certificate_file,
                                                 const std::string& key_file);
  virtual ~ServerTls() = default;

  /// Takes up what the files hold now, for new connections. On an error the old one stays.
  virtual Status reload() = 0;
  /// Whether the files are others than when they were last read, whatever came of that: so a renewed
  /// certificate is taken up by looking from time to time, and a bad one is complained of once.
  [[nodiscard]] virtual bool has_changed() = 0;
  /// `fd` is a connected socket, not owned.
  virtual std::unique_ptr<Channel> channel(int fd) = 0;
};

}  // namespace gitferry::api
