#include "agent/base/crypto.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace gitferry {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, algorithm, nullptr) != 1) std::abort();
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::string hmac(const EVP_MD* algorithm, const Secret& key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  const auto secret = key.reveal();
  if (HMAC(algorithm, secret.data(), static_cast<int>(secret.size()), bytes_of(message), message.size(),
           out.data(), &length) == nullptr) {
    std::abort();
  }
  return {reinterpret_cast<const char*>(out.data()), length};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr char kSealVersion = 1;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kSealOverhead = 1 + kNonceSize + kTagSize;

struct CipherDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter>;

/// Looked up once: OpenSSL 3 searches its providers each time a cipher is named, which costs more than to
/// encrypt an address.
const EVP_CIPHER* aes_256_gcm() {
  struct Deleter {
    void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  };
  static const std::unique_ptr<EVP_CIPHER, Deleter> found(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  return found.get();
}

enum class Crypt : int { Decrypt = 0, Encrypt = 1 };

/// A cipher that has taken key, nonce and context. Aborts where OpenSSL has no AES or no memory: neither
/// depends on the input.
Cipher begin_gcm(Crypt crypt, const Secret& key, std::string_view nonce, std::string_view context) {
  Cipher cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool ready = cipher != nullptr &&
                     EVP_CipherInit_ex(cipher.get(), aes_256_gcm(), nullptr, bytes_of(key.reveal()),
                                       bytes_of(nonce), static_cast<int>(crypt)) == 1 &&
                     EVP_CipherUpdate(cipher.get(), nullptr, &length, bytes_of(context),
                                      static_cast<int>(context.size())) == 1;
  if (!ready) std::abort();
  return cipher;
}

/// GCM is a stream cipher: as many bytes come out as go in. Where none go in there is nothing to call.
void crypt_all(const Cipher& cipher, std::string_view in, char* out) {
  int length = 0;
  if (in.empty()) return;
  if (EVP_CipherUpdate(cipher.get(), reinterpret_cast<unsigned char*>(out), &length, bytes_of(in),
                       static_cast<int>(in.size())) != 1) {
    std::abort();
  }
}

}  // namespace

std::string hmac_sha256(const Secret& key, std::string_view message) {
  return hmac(EVP_sha256(), key, message);
}

std::string hmac_sha1(const Secret& key, std::string_view message) {
  return hmac(EVP_sha1(), key, message);
}

std::string sha256(std::string_view bytes) {
  return digest(EVP_sha256(), bytes);
}

std::string sha1(std::string_view bytes) {
  return digest(EVP_sha1(), bytes);
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

bool matches(const Secret& expected, std::string_view received) {
  return equal_in_constant_time(sha256(expected.reveal()), sha256(received));
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  // Without randomness every token and nonce would be guessable; there is no safe way on.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1) std::abort();
  return out;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto value = static_cast<unsigned char>(c);
    out += digits[value >> 4U];
    out += digits[value & 15U];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_value(hex[i]);
    const int low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty()) return std::string{};
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(length) - padding);
  // EVP_DecodeBlock skips white space and ignores stray bits; the round trip does not.
  if (to_base64(out) != text) return std::nullopt;
  return out;
}

Result<std::string> seal(const Secret& key, std::string_view plaintext, std::string_view context) {
  if (key.reveal().size() != kSealingKeySize) {
    return fail(ErrorCode::InvalidArgument, "encrypt a value: the key is not 32 bytes");
  }
  const auto nonce = random_bytes(kNonceSize);
  const auto cipher = begin_gcm(Crypt::Encrypt, key, nonce, context);
  std::string sealed = kSealVersion + nonce;
  const auto text_at = sealed.size();
  sealed.resize(plaintext.size() + kSealOverhead);
  crypt_all(cipher, plaintext, sealed.data() + text_at);
  auto* tag = sealed.data() + text_at + plaintext.size();
  int length = 0;
  if (EVP_CipherFinal_ex(cipher.get(), reinterpret_cast<unsigned char*>(tag), &length) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) != 1) {
    std::abort();
  }
  return sealed;
}

std::optional<Secret> unseal(const Secret& key, std::string_view sealed, std::string_view context) {
  if (key.reveal().size() != kSealingKeySize) return std::nullopt;
  if (sealed.size() < kSealOverhead || sealed.front() != kSealVersion) return std::nullopt;
  const auto cipher = begin_gcm(Crypt::Decrypt, key, sealed.substr(1, kNonceSize), context);
  const auto text = sealed.substr(1 + kNonceSize, sealed.size() - kSealOverhead);
  std::string plaintext(text.size(), '\0');
  crypt_all(cipher, text, plaintext.data());
  Secret opened(std::move(plaintext));
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::array<unsigned char, kTagSize> nothing{};
  int length = 0;
  if (EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), nothing.data(), &length) != 1) {
    return std::nullopt;
  }
  return opened;
}

}  // namespace gitferry
