#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>

#include "agent/base/crypto.h"
#include "agent/model/object_id.h"

namespace gitferry::test {

/// A pack object header of gitformat-pack.
inline std::string object_header(unsigned type, std::size_t size) {
  std::string header(1, static_cast<char>((type << 4U) | (size & 15U)));
  for (size >>= 4U; size > 0; size >>= 7U) {
    header.back() = static_cast<char>(header.back() | 0x80);
    header += static_cast<char>(size & 0x7FU);
  }
  return header;
}

inline std::string deflated(const std::string& bytes) {
  std::string out(compressBound(bytes.size()), '\0');
  auto size = static_cast<uLongf>(out.size());
  compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
           bytes.size());
  out.resize(size);
  return out;
}

/// A pack with the given encoded objects; its trailer is right.
inline std::string pack_of(const std::vector<std::string>& objects) {
  std::string pack("PACK\0\0\0\2\0\0\0", 11);
  pack += static_cast<char>(objects.size());
  for (const auto& object : objects) pack += object;
  return pack + sha1(pack);
}

inline std::string commit_text(const std::vector<ObjectId>& parents, const std::string& message) {
  auto text = "tree " + std::string(40, '1') + "\n";
  for (const auto& parent : parents) text += "parent " + parent.hex() + "\n";
  return text + "author A <a@example.org> 1 +0000\ncommitter A <a@example.org> 1 +0000\n\n" + message + "\n";
}

inline std::string whole_commit(const std::string& text) {
  return object_header(1, text.size()) + deflated(text);
}

inline ObjectId id_of(const std::string& text) {
  auto object = fmt::format("commit {}", text.size());
  object += '\0';
  return ObjectId::from_raw(sha1(object + text)).value();
}

/// `content` as a delta of an object of `base_size` bytes that the pack does not hold; it copies nothing of
/// it.
inline std::string delta_of_absent(const ObjectId& base, std::size_t base_size, const std::string& content) {
  std::string delta;
  for (auto size : {base_size, content.size()}) {
    for (; size >= 0x80; size >>= 7U) delta += static_cast<char>(0x80U | (size & 0x7FU));
    delta += static_cast<char>(size);
  }
  for (std::size_t i = 0; i < content.size(); i += 127) {
    const auto part = content.substr(i, 127);
    delta += static_cast<char>(part.size());
    delta += part;
  }
  return object_header(7, delta.size()) + base.raw() + deflated(delta);
}

}  // namespace gitferry::test
