#pragma once

#include <cstdint>

#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the tables `repository_id` and `branch_id`, whose rows stay for ever. Functions that allot belong
/// on the writer's thread, within its transaction; all throw what the connection throws.

/// The number of the branch pair behind a lane; a new one where it has none.
BindingId allot_branch_id(SqlConnection& connection, const LaneKey& key, std::int64_t now_ms);

/// The numbers of `names` as far as they have one; an id of 0 where not.
BindingIds find_binding_ids(SqlConnection& connection, const BindingNames& names);
bool is_complete(const BindingIds& ids);
/// Fills in what is missing in `ids`.
void allot_binding_ids(SqlConnection& connection, const BindingNames& names, BindingIds& ids,
                       std::int64_t now_ms);

/// Nothing where the repository has no id.
void note_addresses(SqlConnection& connection, const KnownAddresses& known);

}  // namespace gitferry
