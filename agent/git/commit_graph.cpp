#include "agent/git/commit_graph.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/git/commit_links.h"

namespace gitferry {

std::size_t CommitGraph::RawHash::operator()(const std::string& raw) const {
  // An id is a cryptographic hash: any of its bytes will do.
  std::size_t value = 0;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

Status CommitGraph::add(const ObjectId& id, std::string_view content) {
  if (parents_.size() >= kCommitLimit) {
    return fail(ErrorCode::LimitExceeded, "counting the commits of two histories took too many of them");
  }
  const auto width = raw_size(id.format());
  auto parents = links_of_commit(content, width).parents;
  parent_count_ += parents.size() / width;
  if (parent_count_ > kParentLimit) {
    return fail(ErrorCode::LimitExceeded, "counting the commits of two histories took too many parents");
  }
  parents_.insert_or_assign(id.raw(), std::move(parents));
  return {};
}

CommitGraph::History CommitGraph::history_of(const ObjectId& tip, const std::string& cut) const {
  History history;
  std::vector<std::string> open{tip.raw()};
  while (!open.empty()) {
    const auto id = std::move(open.back());
    open.pop_back();
    if (id == cut) history.reaches_cut = true;
    const auto found = parents_.find(id);
    if (found == parents_.end()) {
      history.is_complete = false;
      continue;
    }
    if (!history.commits.insert(id).second) continue;
    const auto width = raw_size(tip.format());
    for (std::size_t i = 0; i < found->second.size(); i += width)
      open.push_back(found->second.substr(i, width));
  }
  return history;
}

std::optional<Divergence> CommitGraph::divergence(const ObjectId& source, const ObjectId& target,
                                                  const std::optional<ObjectId>& cut) const {
  const auto ours = history_of(source, cut ? cut->raw() : std::string());
  const auto theirs = history_of(target, cut ? cut->raw() : std::string());
  // What is missing is then an ancestor of the cut, and so one of both.
  const bool is_known = ours.is_complete && theirs.is_complete;
  if (!is_known && !(ours.reaches_cut && theirs.reaches_cut)) return std::nullopt;
  const auto only = [](const Ids& these, const Ids& those) {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(these, [&](const std::string& id) { return !those.contains(id); }));
  };
  return Divergence{only(ours.commits, theirs.commits), only(theirs.commits, ours.commits)};
}

}  // namespace gitferry
