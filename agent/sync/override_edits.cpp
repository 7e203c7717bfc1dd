#include "agent/sync/override_edits.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace gitferry {
namespace {

using Kind = RepositoryOverride::Kind;

/// The row to change: the one there is, or a new Change.
RepositoryOverride& own_row(RepositoryOverrides& overrides, std::string_view name) {
  if (!overrides.own) {
    overrides.own.emplace();
    overrides.own->name = name;
  }
  return *overrides.own;
}

bool says_nothing(const RepositoryOverride& row) {
  return row.kind == Kind::Change && !row.enabled && !row.internal && !row.external && !row.granularity &&
         !row.direction && !row.internal_token && !row.external_token;
}

void drop_if_nothing(RepositoryOverrides& overrides) {
  if (overrides.own && says_nothing(*overrides.own)) overrides.own.reset();
}

bool names(const BranchOverride& row, const BranchKey& key) {
  return row.internal == key.internal && row.external == key.external;
}

BranchKey key_of(const BranchOverride& row) {
  return {row.repository, row.internal, row.external};
}

BranchOverride* find(RepositoryOverrides& overrides, const BranchKey& key) {
  auto& rows = overrides.branches;
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const BranchOverride& row) { return names(row, key); });
  return found == rows.end() ? nullptr : &*found;
}

void drop_branch(RepositoryOverrides& overrides, const BranchKey& key) {
  auto& rows = overrides.branches;
  rows.erase(
      std::remove_if(rows.begin(), rows.end(), [&](const BranchOverride& row) { return names(row, key); }),
      rows.end());
}

const BranchBinding* files_branch(const RepositoryBinding* file, const BranchKey& key) {
  if (file == nullptr) return nullptr;
  const auto found =
      std::find_if(file->branches.begin(), file->branches.end(), [&](const BranchBinding& branch) {
        return branch.internal == key.internal && branch.external == key.external;
      });
  return found == file->branches.end() ? nullptr : &*found;
}

BranchOverride branch_row(const BranchKey& key, BranchOverride::Kind kind) {
  BranchOverride row;
  row.repository = key.repository;
  row.internal = key.internal;
  row.external = key.external;
  row.kind = kind;
  return row;
}

bool same_row(const BranchOverride& left, const BranchOverride& right) {
  return left.kind == right.kind && left.enabled == right.enabled &&
         left.created_at_ms == right.created_at_ms;
}

/// The rows by their names, for merging.
std::vector<const BranchOverride*> sorted(const RepositoryOverrides& overrides) {
  std::vector<const BranchOverride*> rows;
  rows.reserve(overrides.branches.size());
  for (const auto& row : overrides.branches) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const BranchOverride* left, const BranchOverride* right) {
    return std::tie(left->internal, left->external) < std::tie(right->internal, right->external);
  });
  return rows;
}

void branch_difference(const RepositoryOverrides& before, const RepositoryOverrides& after,
                       OverrideChange& change) {
  const auto old_rows = sorted(before);
  auto old = old_rows.begin();
  for (const auto* row : sorted(after)) {
    while (old != old_rows.end() && key_of(**old) < key_of(*row))
      change.drop_branches.push_back(key_of(**old++));
    const bool is_known = old != old_rows.end() && names(**old, key_of(*row));
    if (!is_known || !same_row(**old, *row)) change.put_branches.push_back(*row);
    if (is_known) ++old;
  }
  for (; old != old_rows.end(); ++old) change.drop_branches.push_back(key_of(**old));
}

}  // namespace

RepositoryOverrides bound_repository(RepositoryOverride wanted, const RepositoryBinding* file) {
  RepositoryOverrides made;
  wanted.kind = Kind::Bound;
  if (file != nullptr) {
    for (const auto& branch : file->branches) {
      made.branches.push_back(
          branch_row({wanted.name, branch.internal, branch.external}, BranchOverride::Kind::Unbound));
    }
  }
  made.own = std::move(wanted);
  return made;
}

RepositoryOverrides unbound_repository(std::string_view name, const RepositoryBinding* file) {
  RepositoryOverrides made;
  if (file != nullptr) own_row(made, name).kind = Kind::Unbound;
  return made;
}

bool is_wanted_enabled(const RepositoryOverrides& overrides, const RepositoryBinding* file) {
  if (overrides.own && overrides.own->enabled) return *overrides.own->enabled;
  return file == nullptr || file->enabled;
}

void set_enabled(RepositoryOverrides& overrides, std::string_view name, const RepositoryBinding* file,
                 bool enabled) {
  auto& row = own_row(overrides, name);
  row.enabled = enabled;
  if (row.kind == Kind::Change && file != nullptr && file->enabled == enabled) row.enabled.reset();
  drop_if_nothing(overrides);
}

void set_side(RepositoryOverrides& overrides, std::string_view name, const RepositoryBinding* file, Side side,
              const SideState& state) {
  auto& row = own_row(overrides, name);
  auto& address = side == Side::Internal ? row.internal : row.external;
  address = state.url.str();
  if (row.kind == Kind::Change && file != nullptr && file->address(side) == state.url) address.reset();
  (side == Side::Internal ? row.internal_token : row.external_token) = state.token;
  drop_if_nothing(overrides);
}

void put_branch(RepositoryOverrides& overrides, BranchOverride row) {
  if (auto* found = find(overrides, key_of(row)))
    *found = std::move(row);
  else
    overrides.branches.push_back(std::move(row));
}

void set_branch_enabled(RepositoryOverrides& overrides, const BranchKey& key, const RepositoryBinding* file,
                        bool enabled) {
  auto* row = find(overrides, key);
  if (row != nullptr && row->kind == BranchOverride::Kind::Bound) {
    row->enabled = enabled;
    return;
  }
  drop_branch(overrides, key);
  const auto* own = files_branch(file, key);
  if (own == nullptr || own->enabled == enabled) return;
  auto made = branch_row(key, BranchOverride::Kind::Change);
  made.enabled = enabled;
  overrides.branches.push_back(std::move(made));
}

void unbind_branch(RepositoryOverrides& overrides, const BranchKey& key, const RepositoryBinding* file) {
  drop_branch(overrides, key);
  if (files_branch(file, key) != nullptr)
    overrides.branches.push_back(branch_row(key, BranchOverride::Kind::Unbound));
}

OverrideChange difference(const std::string& name, const RepositoryOverrides& before,
                          const RepositoryOverrides& after) {
  OverrideChange change;
  if (before.own && !after.own) {
    // Takes the branches' overrides with it, so that those which stay are written again.
    change.drop_repositories.push_back(name);
    change.put_branches = after.branches;
    return change;
  }
  if (after.own) change.put_repositories.push_back(*after.own);
  branch_difference(before, after, change);
  return change;
}

}  // namespace gitferry
