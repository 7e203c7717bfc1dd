#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/server_script.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {

/// A mail as it came: the whole of it, and a JSON object of `from`, `to`, `tls` and `login`.
struct KeptMail {
  std::string mail;
  std::string came_by;
};

/// A real mail server on 127.0.0.1 that keeps what it gets (tests/support/mail-server).
class MailServer {
 public:
  enum class Mode { Plain, StartTls, Tls };
  static constexpr const char* kUser = "mailer";
  static constexpr const char* kPassword = "S3CR3T-password-of-the-mail-server";

  explicit MailServer(Mode mode);
  MailServer(const MailServer&) = delete;
  MailServer& operator=(const MailServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// PEM of the certificate, for `localhost`; empty file name for Mode::Plain.
  [[nodiscard]] std::string certificate_file() const { return directory_ / "certificate.pem"; }
  [[nodiscard]] std::vector<KeptMail> kept() const;

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<ServerScript> script_;
  std::uint16_t port_ = 0;
};

}  // namespace gitferry::test
