#pragma once

#include <chrono>
#include <string>

namespace gitferry::test {

/// A self-signed certificate with its key, made for one test.
struct CertificateRequest {
  std::string name = "gitferry.example";
  std::chrono::hours valid_from{-1};  ///< counted from now
  std::chrono::hours valid_to{24};
};

struct CertificatePems {
  std::string certificate;
  std::string key;
};

CertificatePems make_certificate(const CertificateRequest& request = {});

/// Writes with these permissions, in the place of what is there, as a tool that renews does: the name points
/// to the old or to the new content, never to a part.
void replace_file(const std::string& path, const std::string& content, int mode = 0600);

}  // namespace gitferry::test
