#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <git2.h>
#include <git2/sys/repository.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h>  // what 1.5 has in git2/errors.h
#endif

#include "agent/model/object_id.h"

namespace gitferry {

/// libgit2's objects with their owners. Each belongs to one thread at a time.
template <auto Free>
struct Git2Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Git2Handle = std::unique_ptr<T, Git2Deleter<Free>>;

using Git2Repository = Git2Handle<git_repository, git_repository_free>;
using Git2Odb = Git2Handle<git_odb, git_odb_free>;
using Git2OdbObject = Git2Handle<git_odb_object, git_odb_object_free>;
using Git2Config = Git2Handle<git_config, git_config_free>;
using Git2Tree = Git2Handle<git_tree, git_tree_free>;
using Git2Tag = Git2Handle<git_tag, git_tag_free>;
using Git2Indexer = Git2Handle<git_indexer, git_indexer_free>;
using Git2Packbuilder = Git2Handle<git_packbuilder, git_packbuilder_free>;

/// Calls one of libgit2's makers: `make(git_odb_new, odb)`. What it returns is libgit2's code.
template <typename Handle, typename Maker, typename... Arguments>
int git2_make(Handle& handle, Maker maker, Arguments... arguments) {
  typename Handle::pointer made = nullptr;
  const int code = maker(&made, arguments...);
  handle.reset(made);
  return code;
}

/// Begins the library once for the process, and keeps it from reading any configuration of the machine or
/// the user. To be called before anything else of it.
void begin_libgit2();

/// What libgit2 said of the last failure on this thread.
std::string git2_error_text();

/// Precondition: a SHA-1 id; libgit2 before 1.6 knows no other.
git_oid git2_id(const ObjectId& id);
/// Precondition: at least as long as an id; more is not looked at.
git_oid git2_id(std::string_view raw);
ObjectId id_of(const git_oid& id);

struct Git2IdHash {
  std::size_t operator()(const git_oid& id) const;
};
struct Git2IdEqual {
  bool operator()(const git_oid& left, const git_oid& right) const {
    return git_oid_equal(&left, &right) == 1;
  }
};

}  // namespace gitferry
