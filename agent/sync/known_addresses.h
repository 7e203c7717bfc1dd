#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// Another one for other addresses; tells nothing of them.
std::string fingerprint_of(const RepositoryBinding& binding);

/// For the start: repositories whose addresses are others than those their lanes last ran between (the file
/// was changed while nobody ran) get their lanes marked and their outcomes forgotten, as a reload does it.
/// `in_force` has its ids.
Status forget_moved(Store& store, const BindingSnapshot& in_force);

}  // namespace gitferry
