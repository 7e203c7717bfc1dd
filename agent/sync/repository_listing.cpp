#include "agent/sync/repository_listing.h"

#include <utility>

#include <fmt/format.h>

#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

Result<std::vector<RefTip>> list_remote(Engine& engine, const RepositoryBinding& binding,
                                        const Remote& remote, const TimeLimit& limit) {
  const bool with_tags = binding.tags == Tags::All;
  auto refs =
      engine.list_refs(remote, with_tags ? RefScope::BranchesAndTags : RefScope::Branches, limit.token());
  if (refs || refs.error().code != ErrorCode::Cancelled || !limit.is_over()) return refs;
  const auto what = fmt::format("list the {} of '{}' for '{}'", with_tags ? "branches and tags" : "branches",
                                remote.url.str(), binding.name);
  if (limit.was_stopped()) return fail(ErrorCode::Unavailable, what + ": gitferry is stopping");
  return fail(ErrorCode::Timeout, what + ": the host did not answer in the time that was given",
              "wait longer, or do not wait at all (wait=0) and look at the status later");
}

RunReport refused_name(const RepositoryBinding& binding, const ListedLane& lane) {
  RunReport report;
  if (lane.source != nullptr) report.source_tip = *lane.source;
  // The caller's request is right: it is the source that has such a name.
  report.error = Error{ErrorCode::GitFailed,
                       fmt::format("sync '{}': {}", binding.name, lane.refused->message),
                       "rename it on the source; the others are synced all the same",
                       {}};
  return report;
}

std::optional<RunReport> settled(const RepositoryBinding& binding, const ListedLane& lane) {
  if (lane.refused) return refused_name(binding, lane);
  const bool has_failed = lane.row != nullptr && !lane.row->last_error.empty();
  if (!lane.is_equal() || has_failed) return std::nullopt;
  RunReport report;
  report.plan = Plan::Nothing;
  report.source_tip = report.target_tip_before = report.target_tip_after = *lane.source;
  return report;
}

}  // namespace

tl::expected<BothListings, ListingError> list_both(Engine& engine, const RepositoryBinding& binding,
                                                   Side first, const CredentialLookup& credentials,
                                                   const TimeLimit& limit) {
  BothListings listings;
  for (const auto side : {first, other(first)}) {
    const auto remote = remote_of(binding, side, credentials);
    if (!remote) return tl::unexpected(ListingError{remote.error()});
    auto refs = list_remote(engine, binding, *remote, limit);
    if (!refs) return tl::unexpected(ListingError{std::move(refs.error()), side});
    (side == Side::Internal ? listings.internal : listings.external) = std::move(*refs);
  }
  return listings;
}

Result<std::vector<RefTip>> list_one(Engine& engine, const RepositoryBinding& binding, Side side,
                                     const CredentialLookup& credentials, const TimeLimit& limit) {
  const auto remote = remote_of(binding, side, credentials);
  if (!remote) return fail(remote.error());
  return list_remote(engine, binding, *remote, limit);
}

std::vector<ListedRef> compared(const LaneSelection& selection, const BothListings& listings,
                                std::span<const LaneRow> rows) {
  const auto& binding = *selection.binding;
  std::vector<ListedRef> refs;
  for (auto& lane : listed_lanes(binding, listings, rows, selection.wish)) {
    // That a bound branch is missing, its run tells.
    const bool is_bound = binding.granularity == Granularity::One && !is_tag(lane.key.internal_ref);
    if (lane.source == nullptr && !lane.is_deletion && !is_bound) continue;
    auto report = settled(binding, lane);
    refs.push_back({std::move(lane.key), lane.direction, std::move(report)});
  }
  return refs;
}

Side first_side(const LaneSelection& selection) {
  return source_side(selection.wish.direction.value_or(first_direction(selection.binding->direction)));
}

}  // namespace gitferry
