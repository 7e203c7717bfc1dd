#pragma once

#include <memory>
#include <string_view>

#include <openssl/evp.h>

#include "agent/base/error.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// The checksum that ends a pack (gitformat-pack), of bytes that pass.
class PackChecksum {
 public:
  explicit PackChecksum(ObjectFormat format);
  /// The next bytes of the pack; all but its trailer.
  void add(std::string_view bytes);
  /// Whether `trailer` is the checksum of what was added. Nothing may be added afterwards.
  [[nodiscard]] bool is(std::string_view trailer);

 private:
  struct Deleter {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Deleter> context_;
};

/// The error for a source's pack that ends with another checksum than its own.
Error wrong_pack_checksum();

}  // namespace gitferry
