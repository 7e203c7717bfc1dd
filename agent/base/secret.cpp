#include "agent/base/secret.h"

#include <openssl/crypto.h>

namespace gitferry {

Secret::~Secret() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

}  // namespace gitferry
