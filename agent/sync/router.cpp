#include "agent/sync/router.h"

#include <algorithm>

#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Why a change is none of this binding's business, before its branches are looked at; empty if it may be.
std::string_view refusal(const RefChange& change, const RepositoryBinding& binding, Side side) {
  if (!binding.enabled) return "repository_disabled";
  if (!binding.is_source(side)) return "not_a_source";
  if (is_tag(change.ref) && binding.tags == Tags::None) return "not_a_branch";
  if (!checked_synced_ref(change.ref)) return "not_a_branch";
  return {};
}

/// The lanes of an event that says no more than that something moved: any bound branch may be it.
Route route_unspecific(const RepositoryBinding& binding, Side side) {
  Route result;
  if (!binding.enabled) {
    result.unspecific_reason = "repository_disabled";
    return result;
  }
  if (!binding.is_source(side)) {
    result.unspecific_reason = "not_a_source";
    return result;
  }
  // What there is of a whole repository, and of tags, only its host knows.
  result.needs_listing = binding.granularity == Granularity::All || binding.tags == Tags::All;
  for (const auto& bound : binding.branches) {
    if (bound.enabled) result.marks.push_back({lane_key(binding, bound), direction_from_side(side)});
  }
  if (result.marks.empty() && !result.needs_listing)
    result.unspecific_reason = binding.branches.empty() ? "branch_not_bound" : "branch_disabled";
  return result;
}

/// A payload may name a ref twice; one mark is enough.
void sort_marks(std::vector<LaneMark>& marks) {
  const auto by_key = [](const LaneMark& left, const LaneMark& right) { return left.key < right.key; };
  const auto same_key = [](const LaneMark& left, const LaneMark& right) { return left.key == right.key; };
  std::stable_sort(marks.begin(), marks.end(), by_key);
  marks.erase(std::unique(marks.begin(), marks.end(), same_key), marks.end());
}

std::string_view mark_bound(const RefChange& change, const RepositoryBinding& binding, Side side,
                            std::vector<LaneMark>& marks) {
  const auto branch = branch_of(change.ref);
  std::string_view reason = "branch_not_bound";
  bool is_marked = false;
  for (const auto& bound : binding.branches) {
    if (bound.name(side) != branch) continue;
    if (!bound.enabled) {
      if (reason == "branch_not_bound") reason = "branch_disabled";
    } else if (change.deleted && binding.deletions_of(bound) == Deletions::Ignore) {
      reason = "deletion_ignored";
    } else {
      marks.push_back({lane_key(binding, bound), direction_from_side(side)});
      is_marked = true;
    }
  }
  return is_marked ? std::string_view{} : reason;
}

/// Appends the lanes that a change asks for, or says why there are none.
std::string_view mark_ref(const RefChange& change, const RepositoryBinding& binding, Side side,
                          std::vector<LaneMark>& marks) {
  if (binding.granularity == Granularity::One && !is_tag(change.ref)) {
    return mark_bound(change, binding, side, marks);
  }
  if (change.deleted && binding.deletions == Deletions::Ignore) return "deletion_ignored";
  marks.push_back({{binding.name, change.ref, change.ref}, direction_from_side(side)});
  return {};
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
    if (reason.empty()) reason = mark_ref(change, binding, side, result.marks);
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
