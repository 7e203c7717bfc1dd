#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// How a branch binding or a repository stands, in one word. In the order of urgency: a repository shows the
/// first that any of its enabled branches has.
enum class SyncState {
  Quarantined,  ///< set aside after three crashes
  Failed,       ///< the last run ended with an error that waits for somebody
  Retrying,     ///< the last run failed, and the next attempt is planned
  Pending,      ///< a run is wanted or goes on
  Never,        ///< no run yet
  InSync,       ///< the last run left both sides equal
  Disabled,     ///< the binding or its repository is switched off
};
/// `quarantined`, `failed`, `retrying`, `pending`, `never_synced`, `in_sync`, `disabled`.
std::string_view name_of(SyncState state);

/// One lane as the API shows it: bound branches also where they were never synced, lanes of whole
/// repositories and of tags where they ever were.
struct BranchStatus {
  LaneKey key;
  std::int64_t branch_id = 0;
  SyncState state = SyncState::Never;
  bool enabled = true;          ///< branch and repository
  std::optional<LaneRow> lane;  ///< unset: never marked
};

/// A repository's branches taken together.
struct RepositoryStatus {
  SyncState state = SyncState::Never;
  std::int64_t branches = 0;            ///< bound ones and tags, or the lanes of a whole repository
  std::int64_t last_success_at_ms = 0;  ///< the latest of any branch; 0: never
  std::int64_t next_attempt_at_ms = 0;  ///< the earliest planned retry; 0: none
};

/// How a lane stands whose branch, and repository, is switched on or not; null: never marked.
SyncState state_of(bool enabled, const LaneRow* lane);
/// Whether a binding in force syncs the lane of a whole repository, or of a tag, of which there is no branch
/// binding.
bool is_synced_unbound(const RepositoryBinding& binding, const LaneKey& key);

/// One page of the status of all bindings in force, by repository name; `repository` empty: all. A
/// repository's branches come in the order of the binding, then its tags, the lanes of a whole one by ref.
/// Only the page's lanes are read. Errors: RepositoryUnknown; those of Store.
Result<Listing<BranchStatus>> branch_statuses(const BindingSnapshot& bindings, Store& store,
                                              const std::string& repository, const Page& page);

/// Those of all pages. Errors as above.
Result<std::vector<BranchStatus>> all_branch_statuses(const BindingSnapshot& bindings, Store& store,
                                                      const std::string& repository);

/// The status of these branches of one repository, in order.
Result<std::vector<BranchStatus>> branch_statuses_of(const RepositoryBinding& binding,
                                                     const std::vector<BranchBinding>& branches,
                                                     Store& store);

/// One for each, in order.
Result<std::vector<RepositoryStatus>> repository_statuses(
    const std::vector<const RepositoryBinding*>& bindings, Store& store);

}  // namespace gitferry
