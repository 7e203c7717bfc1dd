#pragma once

#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// The lanes that a change of the bindings may have mended, as marks in a direction of their binding.
///
/// Looked at are repositories that are new in `now`, and those with other addresses, tokens, branches,
/// granularity, tags or direction than in `before`, or switched on or off. Of their lanes those that are in
/// force, not pending, and whose last run ended with an error; and those whose outcomes the store forgot,
/// since they were of other addresses. Where nothing but policies or deletions changed: those whose own is
/// another one now, and whose last run was refused because the target had diverged, or, of deletions, failed
/// because the source lacked the ref. Errors: those of Store.
Result<std::vector<LaneMark>> mended_lanes(const BindingSnapshot& before, const BindingSnapshot& now,
                                           Store& store);

}  // namespace gitferry
