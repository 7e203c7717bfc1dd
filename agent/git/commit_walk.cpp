#include "agent/git/commit_walk.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "agent/git/commit_links.h"

namespace gitferry {

std::size_t CommitWalk::RawHash::operator()(const std::string& raw) const {
  // An id is a cryptographic hash: any of its bytes will do.
  std::size_t value = 0;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

CommitWalk::CommitWalk(std::span<const TipPair> pairs)
    : width_(pairs.front().old_tip.raw().size()), left_(pairs.size()), is_found_(pairs.size()) {
  for (std::uint32_t i = 0; i < pairs.size(); ++i) {
    old_tips_[pairs[i].old_tip.raw()].push_back(i);
    const auto [reached, is_new] = reached_.try_emplace(pairs[i].new_tip.raw(), 0);
    reached->second = is_new ? id_of({i}) : united(reached->second, id_of({i}));
  }
}

CommitWalk::PairsId CommitWalk::id_of(Pairs pairs) {
  const auto [found, is_new] = set_ids_.try_emplace(std::move(pairs), static_cast<PairsId>(sets_.size()));
  if (is_new) {
    sets_.push_back(found->first);
    in_sets_ += found->first.size();
  }
  return found->second;
}

CommitWalk::PairsId CommitWalk::united(PairsId left, PairsId right) {
  if (left == right) return left;
  steps_ += sets_[left].size() + sets_[right].size();
  Pairs both;
  std::ranges::set_union(sets_[left], sets_[right], std::back_inserter(both));
  if (both.size() == sets_[left].size()) return left;
  return id_of(std::move(both));
}

Status CommitWalk::add(const ObjectId& id, std::string_view content) {
  auto parents = links_of_commit(content, width_).parents;
  ids_ += 1 + parents.size() / width_;
  if (ids_ > kIdLimit) {
    return fail(ErrorCode::LimitExceeded, "proving the fast-forward took more than a million commits",
                "bring the target near to the source once with a plain git push");
  }
  const auto reached = reached_.find(id.raw());
  seen_.insert_or_assign(id.raw(), std::move(parents));
  return reached == reached_.end() ? Status{} : reach(id.raw(), reached->second);
}

void CommitWalk::find(const std::string& id, PairsId pairs) {
  const auto asked = old_tips_.find(id);
  if (asked == old_tips_.end()) return;
  for (const auto pair : asked->second) {
    if (is_found_[pair] || !std::ranges::binary_search(sets_[pairs], pair)) continue;
    is_found_[pair] = true;
    --left_;
  }
}

Status CommitWalk::reach(const std::string& from, PairsId pairs) {
  const bool is_alone = is_found_.size() == 1;
  std::vector<std::pair<std::string, PairsId>> open{{from, pairs}};
  while (!open.empty()) {
    const auto [commit, reaching] = std::move(open.back());
    open.pop_back();
    const auto seen = seen_.find(commit);
    if (seen == seen_.end()) continue;
    const auto parents = is_alone ? std::move(seen->second) : seen->second;
    if (is_alone) seen_.erase(seen);
    steps_ += 1 + parents.size() / width_;
    for (std::size_t i = 0; i < parents.size(); i += width_) {
      auto parent = parents.substr(i, width_);
      const auto [reached, is_new] = reached_.try_emplace(parent, reaching);
      const auto both = is_new ? reaching : united(reached->second, reaching);
      if (!is_new && both == reached->second) continue;
      reached->second = both;
      find(parent, both);
      open.emplace_back(std::move(parent), both);
    }
    if (in_sets_ > kSetLimit || steps_ > kStepLimit) {
      return fail(ErrorCode::LimitExceeded, "proving the fast-forwards of many branches took too much",
                  "they are proved one by one");
    }
  }
  return {};
}

}  // namespace gitferry
