#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/allowed_addresses.h"
#include "agent/model/binding.h"
#include "agent/store/binding_rows.h"

namespace gitferry {

/// What the API changed of one repository and of its branches.
struct RepositoryOverrides {
  std::optional<RepositoryOverride> own;
  std::vector<BranchOverride> branches;

  [[nodiscard]] bool empty() const { return !own && branches.empty(); }
};
using OverridesByName = std::map<std::string, RepositoryOverrides, std::less<>>;

OverridesByName by_name(OverrideRows rows);

/// File ⊕ overrides → what is in force. A pure function: no I/O, the same input gives the same bindings.
///
// clang-format off
/// | file has it | override        | in force                                                                   |
/// | ----------- | --------------- | -------------------------------------------------------------------------- |
/// | yes         | none            | the file's entry, origin `file`                                            |
/// | yes         | Change or Bound | that entry with the fields that are set and differ, origin `file+override` |
/// | yes         | Unbound         | nothing; the name is in `unbound`                                          |
/// | no          | Bound           | the override alone, origin `api`                                           |
/// | no          | Change, Unbound | nothing: it waits until the file has the entry again                       |
// clang-format on
///
/// The same holds for the branches of a repository that is in force with granularity `one`: first the file's,
/// in its order, then those bound through the API, oldest first. A field that is set to what the file says is
/// no override. Webhooks, policy, deletions and tags are the file's alone; where an
/// override makes a binding two-way, the policy is FfOnly all the same. A token is in force only at an
/// http(s) address of the host it was given for. A stored address that the one validator refuses
/// (parse_allowed_url()), or that names the same repository as the other side's, disables its
/// binding and says why in `problem`.
///
/// Ids are left 0, creation times too but those of Bound overrides; `by_age` is left empty.
BindingSnapshot overlay(const BindingSnapshot& file, const OverrideRows& overrides,
                        const AllowedAddresses& allowed);
BindingSnapshot overlay(const BindingSnapshot& file, const OverridesByName& overrides,
                        const AllowedAddresses& allowed);

/// The same for one repository: nullptr where the file has no such entry, nullopt where none is in force.
std::optional<RepositoryBinding> overlay(const RepositoryBinding* file, const RepositoryOverrides& overrides,
                                         const AllowedAddresses& allowed);

}  // namespace gitferry
