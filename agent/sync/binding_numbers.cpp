#include "agent/sync/binding_numbers.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace gitferry {

Status give_ids(Store& store, const std::vector<RepositoryBinding*>& bindings) {
  BindingNames names;
  for (const auto* binding : bindings) {
    names.repositories.push_back(binding->name);
    for (const auto& branch : binding->branches)
      names.branches.push_back({binding->name, branch.internal, branch.external});
  }
  const auto ids = store.binding_ids(names);
  if (!ids) return fail(ids.error());
  const auto give = [](auto& bound, const BindingId& id) {
    bound.id = id.id;
    if (bound.created_at_ms == 0) bound.created_at_ms = id.created_at_ms;
  };
  auto next_branch = ids->branches.begin();
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    give(*bindings[i], ids->repositories[i]);
    for (auto& branch : bindings[i]->branches) give(branch, *next_branch++);
  }
  return {};
}

Status give_ids(Store& store, BindingSnapshot& bindings) {
  std::vector<RepositoryBinding*> all;
  all.reserve(bindings.repositories.size());
  for (auto& [name, binding] : bindings.repositories) all.push_back(&binding);
  return give_ids(store, all);
}

void sort_by_age(BindingSnapshot& bindings) {
  std::vector<const RepositoryBinding*> all;
  all.reserve(bindings.repositories.size());
  for (const auto& [name, binding] : bindings.repositories) all.push_back(&binding);
  std::sort(all.begin(), all.end(), [](const RepositoryBinding* left, const RepositoryBinding* right) {
    return std::tie(left->created_at_ms, left->id) < std::tie(right->created_at_ms, right->id);
  });
  bindings.by_age.clear();
  bindings.by_age.reserve(all.size());
  for (const auto* binding : all) bindings.by_age.push_back(binding->name);
}

}  // namespace gitferry
