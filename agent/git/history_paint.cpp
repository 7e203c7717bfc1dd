#include "agent/git/history_paint.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/git/commit_links.h"
#include "agent/git/mirror_objects.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

constexpr unsigned kOurs = 1;
constexpr unsigned kTheirs = 2;
/// How many commits are gone on from between two looks at the clock.
constexpr std::uint64_t kCommitsPerLook = 1024;

}  // namespace

void HistoryPaint::read(Commit& commit) const {
  Git2OdbObject object;
  CommitLinks links;
  if (git2_make(object, git_odb_read, &objects_, &commit.id) == 0 &&
      git_odb_object_type(object.get()) == GIT_OBJECT_COMMIT) {
    const auto* data = static_cast<const char*>(git_odb_object_data(object.get()));
    links = links_of_commit({data, git_odb_object_size(object.get())}, GIT_OID_RAWSZ);
  }
  commit.is_missing = links.tree.empty();
  if (commit.is_missing) return;
  commit.time = links.committed_at;
  commit.tree = git2_id(links.tree);
  const std::string_view parents = links.parents;
  commit.parents.reserve(parents.size() / GIT_OID_RAWSZ);
  for (std::size_t at = 0; at < parents.size(); at += GIT_OID_RAWSZ)
    commit.parents.push_back(git2_id(parents.substr(at)));
}

void HistoryPaint::reach(const git_oid& id, unsigned colors) {
  auto& known = known_[id];
  if (known == nullptr) {
    known = &commits_.emplace_back();
    known->id = id;
    read(*known);
  }
  auto& commit = *known;
  const auto before = std::exchange(commit.colors, commit.colors | colors);
  if (commit.colors == before) return;
  ++open_of_.at(commit.colors);
  if (commit.is_open) {
    --open_of_.at(before);
    return;
  }
  commit.is_open = true;
  open_.push(&commit);
}

Status HistoryPaint::paint(std::span<const git_oid> ours, std::span<const git_oid> theirs,
                           Question question) {
  for (const auto& id : ours) reach(id, kOurs);
  for (const auto& id : theirs) reach(id, kTheirs);
  const auto is_answered = [&] {
    return open_of_[kOurs] == 0 && (question == Question::Ours || open_of_[kTheirs] == 0);
  };
  for (std::uint64_t done = 1; !is_answered(); ++done) {
    if (done % kCommitsPerLook == 0) {
      auto going_on = check_limits(waiting_, "looking through the mirror's history");
      if (!going_on) return going_on;
    }
    if (auto gone = go_down(); !gone) return gone;
  }
  return {};
}

Status HistoryPaint::go_down() {
  auto& commit = *open_.top();
  open_.pop();
  commit.is_open = false;
  --open_of_.at(commit.colors);
  is_complete_ = is_complete_ && !commit.is_missing;
  if (commit.is_missing && (commit.colors & kOurs) != 0) {
    git_error_set_str(GIT_ERROR_ODB, "a commit of the history is not there, or none");
    return fail(mirror_object_error(fmt::format("the commit {}", id_of(commit.id).hex())));
  }
  for (const auto& parent : commit.parents) reach(parent, commit.colors);
  return {};
}

const HistoryPaint::Commit* HistoryPaint::find(const git_oid& id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : found->second;
}

bool HistoryPaint::is_reached_from_ours(const git_oid& commit) const {
  const auto* found = find(commit);
  return found != nullptr && (found->colors & kOurs) != 0;
}

std::vector<const HistoryPaint::Commit*> HistoryPaint::only_ours() const {
  std::vector<const Commit*> only;
  for (const auto& commit : commits_) {
    if (commit.colors == kOurs) only.push_back(&commit);
  }
  std::ranges::stable_sort(only,
                           [](const auto* left, const auto* right) { return left->time > right->time; });
  return only;
}

std::uint64_t HistoryPaint::count(unsigned colors) const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(commits_, [&](const Commit& commit) { return commit.colors == colors; }));
}

std::uint64_t HistoryPaint::count_only_ours() const {
  return count(kOurs);
}

std::uint64_t HistoryPaint::count_only_theirs() const {
  return count(kTheirs);
}

}  // namespace gitferry
