#include "agent/model/object_id.h"

#include "agent/base/crypto.h"

namespace gitferry {

std::optional<ObjectId> ObjectId::from_hex(std::string_view hex) {
  auto raw = gitferry::from_hex(hex);
  return raw ? from_raw(*raw) : std::nullopt;
}

std::optional<ObjectId> ObjectId::from_raw(std::string_view bytes) {
  if (bytes.size() != raw_size(ObjectFormat::Sha1) && bytes.size() != raw_size(ObjectFormat::Sha256)) {
    return std::nullopt;
  }
  return ObjectId(std::string(bytes));
}

std::string ObjectId::hex() const {
  return to_hex(raw_);
}

}  // namespace gitferry
