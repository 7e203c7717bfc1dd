#include "agent/sync/router.h"

#include <algorithm>

#include "agent/base/text.h"
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
  if (!marks.empty()) return {};
  if (refs.empty()) return "no_changes";
  const auto& first = refs.front().reason;
  const bool all_alike =
      std::all_of(refs.begin(), refs.end(), [&](const RefVerdict& ref) { return ref.reason == first; });
  return all_alike ? first : "several_reasons";
}

Route route(const PushEvent& event, const RepositoryBinding& binding, Side side) {
  Route result;
  for (const auto& change : event.changes) {
    auto reason = refusal(change, binding, side);
    if (reason.empty()) reason = mark_branch(branch_of(change.ref), binding, side, result.marks);
    result.refs.push_back({change.ref, std::string(reason), change.deleted});
  }
  // A payload may name a ref twice; one mark is enough.
  const auto by_key = [](const LaneMark& left, const LaneMark& right) { return left.key < right.key; };
  const auto same_key = [](const LaneMark& left, const LaneMark& right) { return left.key == right.key; };
  std::stable_sort(result.marks.begin(), result.marks.end(), by_key);
  result.marks.erase(std::unique(result.marks.begin(), result.marks.end(), same_key), result.marks.end());
  return result;
}

bool names_repository(const RepositoryIdentity& identity, const RemoteUrl& address) {
  for (const auto& url : identity.urls) {
    const auto parsed = parse_remote_url(url, any_scheme());
    if (parsed && parsed->url.identity() == address.identity()) return true;
  }
  // A host behind a proxy names itself by another host name than the one we were given.
  return !identity.full_name.empty() && to_lower(identity.full_name) == address.full_name();
}

}  // namespace gitferry
