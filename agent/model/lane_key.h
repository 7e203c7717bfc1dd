#pragma once

#include <string>
#include <string_view>

#include "agent/model/binding.h"
#include "agent/model/ref_name.h"

namespace gitferry {

/// The lane of a pair of branch names.
inline LaneKey lane_key(const std::string& repository, std::string_view internal, std::string_view external) {
  return {repository, branch_ref(internal), branch_ref(external)};
}
inline LaneKey lane_key(const RepositoryBinding& binding, const BranchBinding& branch) {
  return lane_key(binding.name, branch.internal, branch.external);
}

}  // namespace gitferry
