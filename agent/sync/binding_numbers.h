#pragma once

#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// Fills in the ids, and when they were allotted where no override says since when there is a binding.
Status give_ids(Store& store, const std::vector<RepositoryBinding*>& bindings);
Status give_ids(Store& store, BindingSnapshot& bindings);

/// Fills in `by_age`, from the ids.
void sort_by_age(BindingSnapshot& bindings);

}  // namespace gitferry
