#pragma once

#include <string>
#include <string_view>

#include "agent/model/binding.h"
#include "agent/store/binding_rows.h"
#include "agent/sync/address_input.h"
#include "agent/sync/overlay.h"

namespace gitferry {

/// What each change does to the overrides of one repository: pure functions. `file` is the file's entry,
/// nullptr where it has none. A field that is set to what the file says is taken out of a Change; of a Bound
/// override every field stays set, so that it can stand alone when the file loses its entry.

/// Begins anew: earlier overrides are gone, and the branches that the file has now are hidden.
RepositoryOverrides bound_repository(RepositoryOverride wanted, const RepositoryBinding* file);
/// Hides the file's entry; nothing where the file has none.
RepositoryOverrides unbound_repository(std::string_view name, const RepositoryBinding* file);
/// Whether the repository is wanted enabled, whatever `problem` keeps it from being so.
bool is_wanted_enabled(const RepositoryOverrides& overrides, const RepositoryBinding* file);
void set_enabled(RepositoryOverrides& overrides, std::string_view name, const RepositoryBinding* file,
                 bool enabled);
void set_side(RepositoryOverrides& overrides, std::string_view name, const RepositoryBinding* file, Side side,
              const SideState& state);

/// The override of one branch pair is replaced.
void put_branch(RepositoryOverrides& overrides, BranchOverride row);
void set_branch_enabled(RepositoryOverrides& overrides, const BranchKey& key, const RepositoryBinding* file,
                        bool enabled);
/// Hides the file's branch, drops another one.
void unbind_branch(RepositoryOverrides& overrides, const BranchKey& key, const RepositoryBinding* file);

/// What has to be written so that `before` becomes `after`.
OverrideChange difference(const std::string& name, const RepositoryOverrides& before,
                          const RepositoryOverrides& after);

}  // namespace gitferry
