#include "agent/sync/status_overview.h"

#include <algorithm>
#include <utility>

#include "agent/base/error.h"
#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/store/page_bounds.h"

namespace gitferry {
namespace {

constexpr std::array<Standing, kStandings> kAll{Standing::Quarantined, Standing::Diverged, Standing::Failed,
                                                Standing::Retrying,    Standing::Pending,  Standing::Never,
                                                Standing::InSync,      Standing::Disabled};

bool has_name(const BranchStatus& branch, std::string_view wanted) {
  const auto has = [&](std::string_view name) { return to_lower(name).find(wanted) != std::string::npos; };
  return has(branch.key.repository) || has(branch_or_ref(branch.key.internal_ref)) ||
         has(branch_or_ref(branch.key.external_ref));
}

}  // namespace

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::Quarantined:
      return name_of(SyncState::Quarantined);
    case Standing::Diverged:
      return "diverged";
    case Standing::Failed:
      return name_of(SyncState::Failed);
    case Standing::Retrying:
      return name_of(SyncState::Retrying);
    case Standing::Pending:
      return name_of(SyncState::Pending);
    case Standing::Never:
      return name_of(SyncState::Never);
    case Standing::InSync:
      return name_of(SyncState::InSync);
    case Standing::Disabled:
      return name_of(SyncState::Disabled);
  }
  return name_of(SyncState::Never);
}

std::optional<Standing> standing_called(std::string_view name) {
  const auto* const found =
      std::find_if(kAll.begin(), kAll.end(), [&](Standing standing) { return name_of(standing) == name; });
  if (found == kAll.end()) return std::nullopt;
  return *found;
}

Standing standing_of(const BranchStatus& branch) {
  return standing_of(branch.state, branch.lane ? &*branch.lane : nullptr);
}

Standing standing_of(SyncState state, const LaneRow* lane) {
  switch (state) {
    case SyncState::Quarantined:
      return Standing::Quarantined;
    case SyncState::Failed:
      return lane != nullptr && lane->last_error == info(ErrorCode::Diverged).name ? Standing::Diverged
                                                                                   : Standing::Failed;
    case SyncState::Retrying:
      return Standing::Retrying;
    case SyncState::Pending:
      return Standing::Pending;
    case SyncState::Never:
      return Standing::Never;
    case SyncState::InSync:
      return Standing::InSync;
    case SyncState::Disabled:
      return Standing::Disabled;
  }
  return Standing::Never;
}

Result<StatusOverview> status_overview(const BindingSnapshot& bindings, Store& store,
                                       const std::string& repository, const StatusFilter& filter,
                                       const Page& page) {
  auto branches = all_branch_statuses(bindings, store, repository);
  if (!branches) return fail(branches.error());
  const auto search = to_lower(filter.search);
  const auto& wanted = filter.standings;
  const auto first = page_offset(page);
  const auto size = page_limit(page);
  StatusOverview overview;
  for (auto& branch : *branches) {
    const auto standing = standing_of(branch);
    ++overview.counts.at(static_cast<std::size_t>(standing));
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), standing) == wanted.end()) continue;
    if (!search.empty() && !has_name(branch, search)) continue;
    const auto place = overview.listing.total++;
    if (place >= first && place < first + size) overview.listing.rows.push_back(std::move(branch));
  }
  return overview;
}

}  // namespace gitferry
