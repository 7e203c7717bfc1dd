#include "agent/sync/known_addresses.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "agent/base/crypto.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

/// What has to be written for the repositories that are not between the addresses noted last.
Result<OverrideChange> changes_of(Store& store, const BindingSnapshot& in_force) {
  BindingNames names;
  names.repositories.reserve(in_force.repositories.size());
  for (const auto& [name, binding] : in_force.repositories) names.repositories.push_back(name);
  const auto ids = store.binding_ids(names);
  if (!ids) return fail(ids.error());
  OverrideChange change;
  std::size_t i = 0;
  for (const auto& [name, binding] : in_force.repositories) {
    const auto& noted = ids->repositories.at(i++).addresses;
    auto fingerprint = fingerprint_of(binding);
    if (noted == fingerprint) continue;
    if (!noted.empty()) change.forget_lanes_of.push_back(name);
    change.addresses.push_back({name, std::move(fingerprint)});
  }
  return change;
}

Status mark(Store& store, const BindingSnapshot& in_force, const std::vector<std::string>& moved) {
  const auto lanes = store.lanes_of_repositories(moved);
  if (!lanes) return fail(lanes.error());
  std::vector<LaneMark> marks;
  for (const auto& lane : *lanes) {
    if (lane.is_pending()) continue;
    if (const auto binding = binding_of(in_force, lane.key))
      marks.push_back({lane.key, first_direction((*binding)->direction)});
  }
  if (marks.empty()) return {};
  const auto marked = store.mark_lanes(marks, Trigger::Configuration);
  return marked ? Status{} : fail(marked.error());
}

}  // namespace

std::string fingerprint_of(const RepositoryBinding& binding) {
  return to_hex(sha256(binding.internal.str() + ' ' + binding.external.str()));
}

Status forget_moved(Store& store, const BindingSnapshot& in_force) {
  const auto change = changes_of(store, in_force);
  if (!change) return fail(change.error());
  if (change->addresses.empty()) return {};
  // The marks first: they outlive the forgetting, and a crash in between only marks once more.
  if (!change->forget_lanes_of.empty()) {
    if (auto marked = mark(store, in_force, change->forget_lanes_of); !marked) return marked;
  }
  return store.change_overrides(*change);
}

}  // namespace gitferry
