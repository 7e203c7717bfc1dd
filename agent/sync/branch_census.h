#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/status_overview.h"

namespace gitferry {

/// How many branches are named in a census: each costs whoever keeps it for years.
struct CensusLimits {
  std::size_t branches_of_repository = 200;
  std::size_t branches = 10'000;  ///< of all repositories together
};

struct CountedBranch {
  std::string repository;
  /// `main`; `release/1.x:stable` where the sides call it differently; `refs/tags/v1`.
  std::string branch;
  bool is_in_sync = false;
  std::int64_t last_success_at_ms = 0;  ///< 0: never
};

struct CountedRepository {
  std::string name;
  std::int64_t out_of_sync = 0;  ///< of its branches that are switched on and were ever to be synced
};

/// How all branches stand, for counting.
struct BranchCensus {
  std::array<std::int64_t, kStandings> standings = {};  ///< by Standing, of all branches
  std::vector<CountedRepository> repositories;          ///< that are switched on, by name
  /// Those that are switched on and were ever to be synced, the first ones of each repository by name. Of one
  /// that never was, not even its hosts are known to differ.
  std::vector<CountedBranch> branches;
  std::int64_t left_out = 0;  ///< for the limits
  // The queue: what is pending, whether it is bound or not.
  std::int64_t due = 0;          ///< also what runs
  std::int64_t backing_off = 0;  ///< for a planned attempt, or a host's Retry-After
  std::int64_t quarantined = 0;
};

/// Reads all lanes, some at a time. Errors: those of Store.
Result<BranchCensus> branch_census(const BindingSnapshot& bindings, Store& store, const CensusLimits& limits,
                                   std::int64_t now_ms);

}  // namespace gitferry
