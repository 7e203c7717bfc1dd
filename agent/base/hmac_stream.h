#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "agent/base/secret.h"

namespace gitferry {

/// HMAC-SHA256 of a message that comes in pieces, so that nobody has to put them together first.
///
/// Threading: one thread at a time.
class HmacSha256Stream {
 public:
  explicit HmacSha256Stream(const Secret& key);
  void add(std::string_view piece);
  /// 32 bytes. The last call.
  std::string finish();

 private:
  std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context_;
};

}  // namespace gitferry
