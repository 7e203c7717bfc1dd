#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/base/error.h"
#include "agent/git/engine.h"

namespace gitferry {

/// Why a plan comes to nothing, in the words of all engines. `what` begins each text: what_is_done().

/// "syncing branch 'main' of '<address>' to branch 'trunk' of '<address>'"
std::string what_is_done(const SyncRequest& request, const RefSync& ref);
/// `main` of `refs/heads/main`, the full name of any other ref.
std::string shown_ref(const std::string& ref);

Error source_lacks_ref(const std::string& what);
Error object_formats_differ(const std::string& what, ObjectFormat source, ObjectFormat target);
/// The target is no ancestor of the source, and the policy of `ref` does not let it be replaced.
Error target_diverged(const std::string& what, const RefSync& ref, const ObjectId& source_tip,
                      const ObjectId& target_tip);
/// The target's ref is not what the run saw there first: nobody was asked about replacing that.
Error target_moved(const std::string& what);
/// Lets the error of a branch that diverged say by how much.
void add_divergence(Error& error, const Divergence& apart);
/// The target has refs beside which `ref` cannot exist.
Error refs_in_the_way(const std::string& what, const RefSync& ref, const std::vector<std::string>& blockers);

/// The target has deleted what the source still has.
Error target_deleted_ref(const std::string& what);

/// The reasons why a ref that the source lacks is kept at the target.
Error deletion_not_ours(const std::string& what, const RefSync& ref, const ObjectId& target_tip);
Error deletion_of_default_branch(const std::string& what);
Error deletion_by_empty_source(const std::string& what);
Error deletion_not_offered(const std::string& what);
Error too_many_deletions(const std::string& what, std::size_t deletions, std::size_t target_refs);

/// What the target's refusal of an update means, which `plan` led to.
Error refused_update(Plan plan, Error error);

/// The name under which the target keeps a tip that is replaced or deleted:
/// `refs/gitferry/backup/main/20261125T182120Z-1a2b3c4`.
std::string backup_ref(const std::string& ref, const ObjectId& tip, WallTime now);
/// Why `tip` was not touched: it could not be kept as `backup` before.
Error backup_refused(const std::string& what, const ObjectId& tip, const std::string& backup,
                     const Error& error);

}  // namespace gitferry
