#include "agent/base/hmac_stream.h"

#include <array>
#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace gitferry {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (algorithm == nullptr) std::abort();
  return algorithm;
}

}  // namespace

HmacSha256Stream::HmacSha256Stream(const Secret& key)
    : context_(EVP_MAC_CTX_new(hmac_algorithm()), &EVP_MAC_CTX_free) {
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  const auto secret = key.reveal();
  // A null key would stand for the one before it.
  const std::string_view bytes = secret.empty() ? std::string_view("") : secret;
  if (!context_ || EVP_MAC_init(context_.get(), bytes_of(bytes), bytes.size(), parameters.data()) != 1) {
    std::abort();
  }
}

void HmacSha256Stream::add(std::string_view piece) {
  if (EVP_MAC_update(context_.get(), bytes_of(piece), piece.size()) != 1) std::abort();
}

std::string HmacSha256Stream::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  std::size_t length = 0;
  if (EVP_MAC_final(context_.get(), out.data(), &length, out.size()) != 1) std::abort();
  return {reinterpret_cast<const char*>(out.data()), length};
}

}  // namespace gitferry
