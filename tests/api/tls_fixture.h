#pragma once

#include <memory>
#include <string>

#include "api/tls.h"
#include "tests/support/certificate.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::api::testing {

/// A certificate and its key as files of a test.
struct CertificateFiles {
  CertificateFiles() { replace(test::make_certificate()); }
  void replace(const test::CertificatePems& pems) const {
    test::replace_file(certificate, pems.certificate, 0644);
    test::replace_file(key, pems.key);
  }
  [[nodiscard]] Result<std::shared_ptr<ServerTls>> load() const { return ServerTls::load(certificate, key); }

  test::TemporaryDirectory directory;
  std::string certificate = directory / "tls.pem";
  std::string key = directory / "tls.key";
};

}  // namespace gitferry::api::testing
