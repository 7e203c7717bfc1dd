#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry::api {

struct CertificateDeleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateDeleter>;

struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, KeyDeleter>;

/// Which file it was, and in which state: another one has taken its place where any of it differs.
struct FileState {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = -1;  ///< -1: there was none
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileState&) const = default;
};

FileState state_of_file(const std::string& path);

/// The PEM certificates of a file: the holder's own first, then those that lead to one that is known. Never
/// empty.
///
/// Errors, of both: ConfigurationInvalid for a file that is missing, unreadable, over 1 MiB, not regular or
/// not PEM. The text names the file, never what is in it.
Result<std::vector<Certificate>> read_certificates(const std::string& path);

/// An unencrypted PEM key, in a file that nobody but its owner may read.
Result<PrivateKey> read_private_key(const std::string& path);

/// SHA-256 over the certificate's DER form: what tells it from every other.
std::string fingerprint_of(const X509& certificate);

/// The last reason that OpenSSL noted, as text; clears its notes, which belong to the thread and would be
/// taken for those of the next connection.
std::string take_openssl_reason();

}  // namespace gitferry::api
