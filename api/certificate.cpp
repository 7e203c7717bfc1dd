#include "api/certificate.h"

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/private_file.h"
#include "agent/base/unique_fd.h"

namespace gitferry::api {
namespace {

constexpr std::size_t kFileLimit = 1024 * 1024;
constexpr std::size_t kMostCertificates = 16;

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using MemoryBio = std::unique_ptr<BIO, BioDeleter>;

tl::unexpected<Error> invalid(std::string message, std::string hint = {}) {
  return fail(ErrorCode::ConfigurationInvalid, std::move(message), std::move(hint));
}

std::int64_t nanoseconds_of(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// `what` begins the error texts: `the certificate file '/etc/x.pem'`.
Result<Secret> read_file(const std::string& path, const std::string& what, bool is_private) {
  // Links are followed: what renews certificates exchanges them. O_NONBLOCK: a FIFO must not hang us.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0)
    return invalid("cannot read " + what + ": " + std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return invalid(what + " is not a regular file");
  if (is_private && !gitferry::is_private(status))
    return invalid(what + " can be read by others", "chmod 600 " + path);
  std::string bytes(kFileLimit + 1, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid("cannot read " + what + ": " + std::generic_category().message(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > kFileLimit) return invalid(what + " is larger than 1 MiB");
  bytes.resize(filled);
  return Secret(std::move(bytes));
}

MemoryBio memory_of(const Secret& bytes) {
  return MemoryBio(BIO_new_mem_buf(bytes.reveal().data(), static_cast<int>(bytes.reveal().size())));
}

/// Without it OpenSSL would ask on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

FileState state_of_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds_of(status.st_mtim),
          nanoseconds_of(status.st_ctim)};
}

Result<std::vector<Certificate>> read_certificates(const std::string& path) {
  const auto what = "the certificate file '" + path + "'";
  const auto bytes = read_file(path, what, false);
  if (!bytes) return fail(bytes.error());
  const auto bio = memory_of(*bytes);
  std::vector<Certificate> found;
  ERR_clear_error();
  while (found.size() <= kMostCertificates) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, &no_pass_phrase, nullptr));
    if (!next) break;
    found.push_back(std::move(next));
  }
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const auto reason = take_openssl_reason();
  if (found.size() > kMostCertificates)
    return invalid(what + " holds more than " + std::to_string(kMostCertificates) + " certificates");
  if (!is_end) return invalid(what + " holds a certificate that cannot be read: " + reason);
  if (found.empty()) return invalid(what + " holds no PEM certificate");
  return found;
}

Result<PrivateKey> read_private_key(const std::string& path) {
  const auto what = "the key file '" + path + "'";
  const auto bytes = read_file(path, what, true);
  if (!bytes) return fail(bytes.error());
  const auto bio = memory_of(*bytes);
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_pass_phrase, nullptr));
  ERR_clear_error();
  if (key) return key;
  if (bytes->reveal().find("ENCRYPTED") != std::string_view::npos)
    return invalid(what + " is encrypted, and nobody is there to type its pass phrase",
                   "decrypt it with `openssl pkey`");
  return invalid(what + " holds no PEM private key");
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &length) != 1) return {};
  return {digest.begin(), digest.begin() + length};
}

std::string take_openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown" : reason;
}

}  // namespace gitferry::api
