#include "agent/sync/router.h"

#include <algorithm>

#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Why a change is none of this binding's business, before its branches are looked at; empty if it may be.
std::string_view refusal(const RefChange& change, const RepositoryBinding& binding, Side side) {
  if (!binding.enabled) return "repository_disabled";
  if (source_side(binding.direction) != side) return "not_a_source";
  if (branch_of(change.ref).empty() || !is_valid_ref(change.ref)) return "not_a_branch";
  if (change.deleted) return "deletion_ignored";
  return {};
}

/// The lanes of an event that says no more than that something moved: any bound branch may be it.
Route route_unspecific(const RepositoryBinding& binding, Side side) {
  Route result;
  if (!binding.enabled) {
    result.unspecific_reason = "repository_disabled";
  } else if (source_side(binding.direction) != side) {
    result.unspecific_reason = "not_a_source";
  } else if (binding.granularity == Granularity::All) {
    result.needs_listing = true;
  } else {
    for (const auto& bound : binding.branches) {
      if (bound.enabled) result.marks.push_back({lane_key(binding, bound), binding.direction});
    }
    if (result.marks.empty())
      result.unspecific_reason = binding.branches.empty() ? "branch_not_bound" : "branch_disabled";
  }
  return result;
}

/// A payload may name a ref twice; one mark is enough.
void sort_marks(std::vector<LaneMark>& marks) {
  const auto by_key = [](const LaneMark& left, const LaneMark& right) { return left.key < right.key; };
  const auto same_key = [](const LaneMark& left, const LaneMark& right) { return left.key == right.key; };
  std::stable_sort(marks.begin(), marks.end(), by_key);
  marks.erase(std::unique(marks.begin(), marks.end(), same_key), marks.end());
}

/// Appends the lanes that a change of `branch` asks for, or says why there are none.
std::string_view mark_branch(std::string_view branch, const RepositoryBinding& binding, Side side,
                             std::vector<LaneMark>& marks) {
  if (binding.granularity == Granularity::All) {
    marks.push_back({lane_key(binding.name, branch, branch), binding.direction});
    return {};
  }
  std::string_view reason = "branch_not_bound";
  for (const auto& bound : binding.branches) {
    if (bound.name(side) != branch) continue;
    if (bound.enabled) {
      marks.push_back({lane_key(binding, bound), binding.direction});
      reason = {};
    } else if (!reason.empty()) {
      reason = "branch_disabled";
    }
  }
  return reason;
}

}  // namespace

std::string Route::ignored_reason() const {
  if (!marks.empty() || needs_listing) return {};
  if (!unspecific_reason.empty()) return unspecific_reason;
  if (refs.empty()) return "no_changes";
  const auto& first = refs.front().reason;
  const bool all_alike =
      std::all_of(refs.begin(), refs.end(), [&](const RefVerdict& ref) { return ref.reason == first; });
  return all_alike ? first : "several_reasons";
}

Route route(const PushEvent& event, const RepositoryBinding& binding, Side side) {
  Route result;
  if (event.is_unspecific) result = route_unspecific(binding, side);
  for (const auto& change : event.changes) {
    auto reason = refusal(change, binding, side);
    if (reason.empty()) reason = mark_branch(branch_of(change.ref), binding, side, result.marks);
    result.refs.push_back({change.ref, std::string(reason), change.deleted});
  }
  sort_marks(result.marks);
  return result;
}

bool names_repository(const RepositoryIdentity& identity, const RemoteUrl& address) {
  for (const auto& url : identity.urls) {
    const auto parsed = parse_remote_url(url, any_scheme());
    if (parsed && parsed->url.identity() == address.identity()) return true;
  }
  // A host behind a proxy names itself by another host name than the one we were given.
  return !identity.full_name.empty() && plain_repository_name(identity.full_name) == address.full_name();
}

}  // namespace gitferry
