#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/git2_handles.h"
#include "agent/git/history_paint.h"
#include "agent/git/transport.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// Walks the objects that some tips reach and others, known to be whole, do not: commits, then their trees
/// and blobs, and tag objects. Of a commit's tree only what differs from its parents' is looked at.
///
/// It keeps no stack of calls, however deep a hostile tree is.
/// Errors: LocalRepositoryDamaged for an object that is missing or cannot be read; Cancelled, Timeout.
class NewObjects {
 public:
  /// Is told each object once or more; `name` is that of its entry in a tree, or empty. Blobs are known to
  /// exist, not to be whole.
  using Visit = std::function<Status(const git_oid& id, const char* name)>;

  NewObjects(git_repository& repository, git_odb& objects, const Waiting& waiting, Visit visit);
  /// `known` that are not here, or are no commits, are passed over.
  Status walk(std::span<const ObjectId> tips, std::span<const ObjectId> known);

 private:
  struct PendingTree {
    git_oid id;
    std::vector<git_oid> bases;  ///< the parents' trees in the same place
  };

  /// Follows tags; what they lead to becomes one of `commits`, or a tree or blob to look at.
  Status start_from(git_oid id, std::vector<git_oid>& commits);
  Status take_commit(const HistoryPaint::Commit& commit, const HistoryPaint& history);
  Status take_trees();
  Status take_tree(const PendingTree& pending);
  Status take_entry(const git_tree_entry& entry, std::span<const Git2Tree> bases);
  Status visit(const git_oid& id, const char* name);

  git_repository& repository_;
  git_odb& objects_;
  const Waiting& waiting_;
  Visit visit_;
  std::unordered_set<git_oid, Git2IdHash, Git2IdEqual> seen_;  ///< trees and blobs
  std::vector<PendingTree> trees_;
  std::uint64_t visited_ = 0;
};

/// The error for an object that libgit2 could not give: LocalRepositoryDamaged, or what the system said.
Error mirror_object_error(std::string_view what);

}  // namespace gitferry
