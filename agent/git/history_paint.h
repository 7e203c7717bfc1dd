#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <queue>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/git2_handles.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Which ancestors of two sets of commits are reached from one set alone. Every commit counts as its own
/// ancestor.
///
/// It goes down from both at once, the newest commits first, as far as the question needs. libgit2's own
/// walks are not used: they take no commit whose author they cannot read, and old histories hold many. Where
/// commits are dated before their parents, some that both reach may be taken for one side's own.
class HistoryPaint {
 public:
  struct Commit {
    git_oid id{};
    git_oid tree{};
    std::vector<git_oid> parents = {};
    std::int64_t time = 0;
    unsigned colors = 0;
    bool is_missing = false;
    bool is_open = false;
  };

  /// What is asked: which commits are ours alone, or also which are theirs alone. Old branches among theirs
  /// make the latter a walk through much of the history.
  enum class Question { Ours, Both };

  /// Both outlive it.
  HistoryPaint(git_odb& objects, const Waiting& waiting) : objects_(objects), waiting_(waiting) {}

  /// Once. What is missing on their side alone, or is no commit, ends their history there.
  /// Errors: LocalRepositoryDamaged for a commit of ours that is missing or none; Cancelled, Timeout.
  Status paint(std::span<const git_oid> ours, std::span<const git_oid> theirs, Question question);

  /// Exact where `commit` was all of theirs.
  [[nodiscard]] bool is_reached_from_ours(const git_oid& commit) const;
  /// The newest first. Valid as long as this object, as is what find() returns.
  [[nodiscard]] std::vector<const Commit*> only_ours() const;
  /// Null: it was not reached. Parents of only_ours() were.
  [[nodiscard]] const Commit* find(const git_oid& id) const;
  [[nodiscard]] std::uint64_t count_only_ours() const;
  [[nodiscard]] std::uint64_t count_only_theirs() const;
  /// Whether nothing was missing of either.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  struct Older {
    bool operator()(const Commit* left, const Commit* right) const { return left->time < right->time; }
  };

  void reach(const git_oid& id, unsigned colors);
  void read(Commit& commit) const;
  Status go_down();
  [[nodiscard]] std::uint64_t count(unsigned colors) const;

  git_odb& objects_;
  const Waiting& waiting_;
  std::deque<Commit> commits_;
  std::unordered_map<git_oid, Commit*, Git2IdHash, Git2IdEqual> known_;
  std::priority_queue<Commit*, std::vector<Commit*>, Older> open_;
  bool is_complete_ = true;
  std::array<std::size_t, 4> open_of_{};  ///< how many of `open_` have which colors
};

}  // namespace gitferry
