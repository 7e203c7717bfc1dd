#include "agent/git/pack_checksum.h"

#include <array>
#include <cstdlib>

namespace gitferry {

PackChecksum::PackChecksum(ObjectFormat format) : context_(::EVP_MD_CTX_new()) {
  const auto* digest = format == ObjectFormat::Sha1 ? ::EVP_sha1() : ::EVP_sha256();
  // Fails only without memory, or where OpenSSL is not what we were built with.
  if (!context_ || ::EVP_DigestInit_ex(context_.get(), digest, nullptr) != 1) std::abort();
}

void PackChecksum::add(std::string_view bytes) {
  if (::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

bool PackChecksum::is(std::string_view trailer) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) std::abort();
  return trailer == std::string_view(reinterpret_cast<const char*>(digest.data()), size);
}

Error wrong_pack_checksum() {
  return {ErrorCode::ProtocolError,
          "the source's pack is damaged: its checksum is not that of its bytes",
          "run git fsck --full on the source; over plain http, look for a proxy that changes answers",
          {}};
}

}  // namespace gitferry
