#include "agent/git/commit_walk.h"

#include <cstring>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

constexpr std::string_view kTree = "tree ";
constexpr std::string_view kParent = "parent ";

}  // namespace

std::size_t CommitWalk::RawHash::operator()(const std::string& raw) const {
  // An id is a cryptographic hash: any of its bytes will do.
  std::size_t value = 0;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

CommitWalk::CommitWalk(const ObjectId& new_tip, const ObjectId& old_tip)
    : old_tip_(old_tip.raw()), width_(old_tip.raw().size()) {
  reached_.insert(new_tip.raw());
}

CommitWalk::Parents CommitWalk::parents_of(std::string_view content) const {
  Parents parents;
  const auto line = width_ * 2 + 1;
  if (!content.starts_with(kTree) || content.size() < kTree.size() + line) return parents;
  content.remove_prefix(kTree.size() + line);
  while (content.starts_with(kParent) && content.size() >= kParent.size() + line) {
    const auto raw = from_hex(content.substr(kParent.size(), width_ * 2));
    if (!raw) return parents;
    parents += *raw;
    content.remove_prefix(kParent.size() + line);
  }
  return parents;
}

Status CommitWalk::add(const ObjectId& id, std::string_view content) {
  auto parents = parents_of(content);
  ids_ += 1 + parents.size() / width_;
  if (ids_ > kIdLimit) {
    return fail(ErrorCode::LimitExceeded, "proving the fast-forward took more than a million commits",
                "bring the target near to the source once with a plain git push");
  }
  if (reached_.contains(id.raw())) {
    reach(parents);
  } else {
    unreached_.insert_or_assign(id.raw(), std::move(parents));
  }
  return {};
}

void CommitWalk::reach(const Parents& parents) {
  std::vector<Parents> open{parents};
  while (!open.empty()) {
    const auto next = std::move(open.back());
    open.pop_back();
    for (std::size_t i = 0; i < next.size(); i += width_) {
      auto parent = next.substr(i, width_);
      if (parent == old_tip_) is_found_ = true;
      if (const auto seen = unreached_.find(parent); seen != unreached_.end()) {
        open.push_back(std::move(seen->second));
        unreached_.erase(seen);
      }
      reached_.insert(std::move(parent));
    }
  }
}

}  // namespace gitferry
