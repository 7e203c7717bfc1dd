#include "agent/git/mirror_objects.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "agent/git/mirror_directory.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

/// How many objects are looked at between two looks at the clock.
constexpr std::uint64_t kObjectsPerLook = 1024;
/// Parents of one commit whose trees are compared; more only means that more is looked at.
constexpr std::size_t kBaseLimit = 8;
constexpr int kTagDepthLimit = 100;

Error missing(const git_oid& id, std::string_view kind) {
  return mirror_object_error(fmt::format("the {} {}", kind, id_of(id).hex()));
}

}  // namespace

Error mirror_object_error(std::string_view what) {
  const auto text = git2_error_text();
  // libgit2 gives no number of what the system said.
  const bool is_full = text.find(std::generic_category().message(ENOSPC)) != std::string::npos;
  if (is_full) return mirror_file_error(fmt::format("writing {}", what), ENOSPC);
  return {ErrorCode::LocalRepositoryDamaged,
          fmt::format("{} is missing or damaged: {}", what, text),
          "the mirror is fetched anew by itself; where that fails too, look at the source with git fsck",
          {}};
}

NewObjects::NewObjects(git_repository& repository, git_odb& objects, const Waiting& waiting, Visit visit)
    : repository_(repository), objects_(objects), waiting_(waiting), visit_(std::move(visit)) {}

Status NewObjects::visit(const git_oid& id, const char* name) {
  if (++visited_ % kObjectsPerLook == 0) {
    if (auto going_on = check_limits(waiting_, "looking through the mirror's objects"); !going_on)
      return going_on;
  }
  return visit_(id, name);
}

Status NewObjects::walk(std::span<const ObjectId> tips, std::span<const ObjectId> known) {
  std::vector<git_oid> ours;
  for (const auto& tip : tips) {
    if (auto started = start_from(git2_id(tip), ours); !started) return started;
  }
  std::vector<git_oid> theirs;
  for (const auto& one : known) theirs.push_back(git2_id(one));
  HistoryPaint history(objects_, waiting_);
  if (auto painted = history.paint(ours, theirs, HistoryPaint::Question::Ours); !painted) return painted;
  for (const auto* commit : history.only_ours()) {
    if (auto taken = take_commit(*commit, history); !taken) return taken;
    if (auto taken = take_trees(); !taken) return taken;
  }
  return take_trees();
}

Status NewObjects::start_from(git_oid id, std::vector<git_oid>& commits) {
  for (int depth = 0; depth < kTagDepthLimit; ++depth) {
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (git_odb_read_header(&size, &type, &objects_, &id) != 0) return fail(missing(id, "object"));
    if (type == GIT_OBJECT_COMMIT) {
      commits.push_back(id);
      return {};
    }
    if (type == GIT_OBJECT_TREE) {
      trees_.push_back({id, {}});
      return {};
    }
    if (auto visited = visit(id, ""); !visited) return visited;
    if (type == GIT_OBJECT_BLOB) return {};
    Git2Tag tag;
    if (git2_make(tag, git_tag_lookup, &repository_, &id) != 0) return fail(missing(id, "tag"));
    id = *git_tag_target_id(tag.get());
  }
  return fail(ErrorCode::LimitExceeded, "a tag of a tag of a tag goes on without an end",
              "remove it from the source");
}

Status NewObjects::take_commit(const HistoryPaint::Commit& commit, const HistoryPaint& history) {
  if (auto visited = visit(commit.id, ""); !visited) return visited;
  PendingTree tree{commit.tree, {}};
  for (const auto& id : commit.parents) {
    const auto* parent = history.find(id);
    if (parent != nullptr && tree.bases.size() < kBaseLimit) tree.bases.push_back(parent->tree);
  }
  trees_.push_back(std::move(tree));
  return {};
}

Status NewObjects::take_trees() {
  while (!trees_.empty()) {
    const auto pending = std::move(trees_.back());
    trees_.pop_back();
    if (auto taken = take_tree(pending); !taken) return taken;
  }
  return {};
}

Status NewObjects::take_tree(const PendingTree& pending) {
  for (const auto& base : pending.bases) {
    if (git_oid_equal(&base, &pending.id) == 1) return {};
  }
  if (!seen_.insert(pending.id).second) return {};
  Git2Tree tree;
  if (git2_make(tree, git_tree_lookup, &repository_, &pending.id) != 0) {
    return fail(missing(pending.id, "tree"));
  }
  if (auto visited = visit(pending.id, ""); !visited) return visited;
  std::vector<Git2Tree> bases;
  for (const auto& base : pending.bases) {
    Git2Tree found;
    if (git2_make(found, git_tree_lookup, &repository_, &base) == 0) bases.push_back(std::move(found));
  }
  const auto count = git_tree_entrycount(tree.get());
  for (std::size_t i = 0; i < count; ++i) {
    const auto* entry = git_tree_entry_byindex(tree.get(), i);
    if (auto taken = take_entry(*entry, bases); !taken) return taken;
  }
  return {};
}

Status NewObjects::take_entry(const git_tree_entry& entry, std::span<const Git2Tree> bases) {
  const auto type = git_tree_entry_type(&entry);
  // A submodule's commit is another repository's.
  if (type == GIT_OBJECT_COMMIT) return {};
  const auto& id = *git_tree_entry_id(&entry);
  const auto* name = git_tree_entry_name(&entry);
  std::vector<git_oid> trees;
  for (const auto& base : bases) {
    const auto* other = git_tree_entry_byname(base.get(), name);
    if (other == nullptr) continue;
    if (git_oid_equal(git_tree_entry_id(other), &id) == 1) return {};
    if (git_tree_entry_type(other) == GIT_OBJECT_TREE) trees.push_back(*git_tree_entry_id(other));
  }
  if (type == GIT_OBJECT_TREE) {
    trees_.push_back({id, std::move(trees)});
    return {};
  }
  if (!seen_.insert(id).second) return {};
  git_error_clear();
  if (git_odb_exists_ext(&objects_, &id, GIT_ODB_LOOKUP_NO_REFRESH) != 1) return fail(missing(id, "blob"));
  return visit(id, name);
}

}  // namespace gitferry
