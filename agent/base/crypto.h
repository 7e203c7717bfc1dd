#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry {

/// Digests and MACs are raw bytes, not text. All functions are thread-safe; OpenSSL does the work.

/// HMAC-SHA256 (RFC 2104) of `message`; 32 bytes.
std::string hmac_sha256(const Secret& key, std::string_view message);

/// HMAC-SHA1 of `message`; 20 bytes. Only for git hosts that have nothing better, where the configuration
/// says so.
std::string hmac_sha1(const Secret& key, std::string_view message);

/// SHA-256 of `bytes`; 32 bytes.
std::string sha256(std::string_view bytes);

/// SHA-1 of `bytes`; 20 bytes. Only for git object ids, never for authentication.
std::string sha1(std::string_view bytes);

/// Compares without telling by its duration where the difference is. Different lengths are unequal.
bool equal_in_constant_time(std::string_view left, std::string_view right);

/// Compares a configured secret with what a client sent, by their SHA-256, so that not even the length tells.
bool matches(const Secret& expected, std::string_view received);

/// `count` bytes from the system's generator. Aborts the process if there is no entropy.
std::string random_bytes(std::size_t count);

std::string to_hex(std::string_view bytes);
/// Accepts upper and lower case; nullopt on an odd length or a foreign character.
std::optional<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);
/// Strict RFC 4648 with padding; nullopt on anything else.
std::optional<std::string> from_base64(std::string_view text);

constexpr std::size_t kSealingKeySize = 32;

/// Encrypts and authenticates `plaintext` with AES-256-GCM (NIST SP 800-38D) under a random 96-bit nonce: a
/// version byte, the nonce, the ciphertext and the 16-byte tag. `context` says where the value belongs and is
/// authenticated, not kept: what was sealed for one place does not open at another. A key may seal 2^32
/// values; then nonces could repeat. Errors: InvalidArgument where `key` is not kSealingKeySize bytes.
Result<std::string> seal(const Secret& key, std::string_view plaintext, std::string_view context);
/// What seal() was given; nullopt where the key or the context is another, or any byte was changed.
std::optional<Secret> unseal(const Secret& key, std::string_view sealed, std::string_view context);

}  // namespace gitferry
