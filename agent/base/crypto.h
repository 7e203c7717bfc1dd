#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/secret.h"

namespace gitferry {

/// Digests and MACs are raw bytes, not text. All functions are thread-safe; OpenSSL does the work.

/// HMAC-SHA256 (RFC 2104) of `message`; 32 bytes.
std::string hmac_sha256(const Secret& key, std::string_view message);

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

}  // namespace gitferry
