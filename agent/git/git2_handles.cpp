#include "agent/git/git2_handles.h"

#include <cstddef>
#include <cstring>
#include <string_view>

#include "agent/git/remote_text.h"

namespace gitferry {
namespace {

constexpr std::size_t kTextLimit = 200;
/// Of objects that libgit2 keeps for a next look; a walk looks at most of them once.
constexpr std::ptrdiff_t kCacheLimit = 16 << 20;
/// Of one object, unpacked: a few bytes of a pack can claim any size.
[[maybe_unused]] constexpr std::size_t kObjectLimit = std::size_t{512} << 20U;
/// Of a pack, from its first bytes: room for so many is taken at once.
constexpr std::size_t kObjectsLimit = std::size_t{64} << 20U;

int begin() {
  const int count = git_libgit2_init();
  for (const int level : {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                          GIT_CONFIG_LEVEL_GLOBAL}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, kCacheLimit);
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, kObjectsLimit);
#ifdef GITFERRY_LIBGIT2_BOUNDS_OBJECTS
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, kObjectLimit);
#endif
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
  return count;
}

}  // namespace

void begin_libgit2() {
  // It is not ended: threads that still use it may outlive any static object.
  static const int begun = begin();
  static_cast<void>(begun);
}

std::string git2_error_text() {
  const auto* error = git_error_last();
  return error == nullptr || error->message == nullptr ? "it did not say why"
                                                       : cleaned_text(error->message, kTextLimit);
}

git_oid git2_id(const ObjectId& id) {
  git_oid made;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libgit2 takes unsigned bytes
  git_oid_fromraw(&made, reinterpret_cast<const unsigned char*>(id.raw().data()));
  return made;
}

git_oid git2_id(std::string_view raw) {
  git_oid id{};
  std::memcpy(id.id, raw.data(), GIT_OID_RAWSZ);
  return id;
}

std::size_t Git2IdHash::operator()(const git_oid& id) const {
  // An id is a cryptographic hash: any of its bytes will do.
  std::size_t value = 0;
  std::memcpy(&value, id.id, sizeof value);
  return value;
}

ObjectId id_of(const git_oid& id) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libgit2 gives unsigned bytes
  const std::string_view raw(reinterpret_cast<const char*>(id.id), GIT_OID_RAWSZ);
  return *ObjectId::from_raw(raw);
}

}  // namespace gitferry
