#pragma once

#include <json/value.h>

#include "agent/model/binding.h"
#include "agent/sync/binding_status.h"

namespace gitferry::api {

/// What the API shows of bindings: the document's fields, then ours. Never a token, only whether there is
/// one.

/// The answer to binding a repository.
Json::Value repository_json(const RepositoryBinding& binding);
/// A row of the list: the same, what the file says where an override says otherwise, and how it stands.
Json::Value repository_row_json(const RepositoryBinding& binding, const RepositoryStatus& status);

/// The answer to binding a branch.
Json::Value branch_json(const BranchBinding& branch);
/// A row of the list, with the policy in force. `binding`: the repository of the branch.
Json::Value branch_row_json(const RepositoryBinding& binding, const BranchBinding& branch,
                            const BranchStatus& status);

}  // namespace gitferry::api
