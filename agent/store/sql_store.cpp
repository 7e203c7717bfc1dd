#include "agent/store/sql_store.h"

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/store/audit.h"
#include "agent/store/binding_ids.h"
#include "agent/store/deliveries.h"
#include "agent/store/lanes.h"
#include "agent/store/overrides.h"
#include "agent/store/paging.h"
#include "agent/store/runs.h"
#include "agent/store/sealing.h"

namespace gitferry {

Result<Receipt> Store::record_delivery(const DeliveryRecord& record, std::span<const LaneMark> marks) {
  const NewDelivery delivery{record, {marks.begin(), marks.end()}};
  auto receipts = record_deliveries(std::span(&delivery, 1));
  if (!receipts) return fail(std::move(receipts.error()));
  return std::move(receipts->front());
}

Result<std::vector<Receipt>> SqlStore::record_deliveries(std::span<const NewDelivery> deliveries) {
  using Receipts = std::vector<Receipt>;
  return writer().write("record the delivery", [&](SqlConnection& connection) -> Result<Receipts> {
    Receipts receipts;
    std::optional<std::int64_t> first_id;
    bool is_time_to_prune = false;
    const auto now_ms = to_epoch_ms(clock_.now());
    for (const auto& delivery : deliveries) {
      receipts.push_back(store_delivery(connection, delivery, first_id, now_ms));
      const auto id = receipts.back().delivery_id;
      if (!first_id) first_id = id;
      if (!receipts.back().marked.empty()) connection.announce(StoreNews::LanesMarked);
      if (id % kPruneEvery == 0) is_time_to_prune = true;
    }
    if (is_time_to_prune) {
      prune_deliveries(connection, options_.deliveries, now_ms);
      crash_point(CrashPoint::DeliveriesPruned);
    }
    return receipts;
  });
}

Result<Receipt> SqlStore::mark_lanes(std::span<const LaneMark> marks, Trigger trigger) {
  return writer().write("mark the lanes", [&](SqlConnection& connection) -> Result<Receipt> {
    Receipt receipt;
    const MarkCause cause{trigger, std::nullopt, to_epoch_ms(clock_.now())};
    for (const auto& mark : marks) receipt.marked.push_back(mark_lane(connection, mark, cause));
    connection.announce(StoreNews::LanesMarked);
    return receipt;
  });
}

Result<std::int64_t> Store::begin_run(const LaneRow& lane, Direction direction, std::int64_t started_at_ms) {
  auto begun = begin_runs(std::span(&lane, 1), direction, started_at_ms);
  if (!begun) return fail(std::move(begun.error()));
  return std::move(begun->front());
}

Result<std::vector<Result<std::int64_t>>> SqlStore::begin_runs(std::span<const LaneRow> lanes,
                                                               Direction direction,
                                                               std::int64_t started_at_ms) {
  using Begun = std::vector<Result<std::int64_t>>;
  return writer().write("open the run", [&](SqlConnection& connection) -> Result<Begun> {
    Begun begun;
    begun.reserve(lanes.size());
    bool is_time_to_prune = false;
    for (const auto& lane : lanes) {
      auto may = may_claim(connection, lane);
      if (may) may = may_begin(connection, lane, direction);
      if (!may) {
        begun.emplace_back(fail(std::move(may.error())));
        continue;
      }
      const auto id = insert_run(connection, lane, direction, started_at_ms);
      note_run_began(connection, lane, direction);
      if (id % kPruneEvery == 0) is_time_to_prune = true;
      begun.emplace_back(id);
    }
    if (is_time_to_prune) {
      prune_runs(connection, options_.runs, to_epoch_ms(clock_.now()));
      crash_point(CrashPoint::RunsPruned);
    }
    return begun;
  });
}

Status SqlStore::finish_runs(std::span<const RunEnd> ends) {
  return writer().write("record the end of the run", [&](SqlConnection& connection) -> Status {
    for (const auto& end : ends) {
      if (!end_run(connection, end)) return fail(lost_run(connection, end.run_id));
      note_run_ended(connection, end);
    }
    return {};
  });
}

Status Store::drop_lane_request(std::int64_t lane_id, std::int64_t done_seq, const Error& reason) {
  const LaneDrop drop{lane_id, done_seq, reason};
  return drop_lane_requests(std::span(&drop, 1));
}

Status SqlStore::drop_lane_requests(std::span<const LaneDrop> drops) {
  return writer().write("drop the lane's request", [&](SqlConnection& connection) -> Status {
    for (const auto& drop : drops) {
      if (!puts_off(connection, drop)) drop_request(connection, drop.lane_id, drop.done_seq, drop.reason);
    }
    return {};
  });
}

Status SqlStore::retry_now(std::span<const std::string> repositories) {
  return writer().write("have lanes tried again at once", [&](SqlConnection& connection) -> Status {
    make_pending_due_of(connection, repositories);
    connection.announce(StoreNews::LanesMarked);
    return {};
  });
}

Result<std::optional<LaneRow>> SqlStore::first_due(std::int64_t now_ms,
                                                   const std::function<Offer(const LaneRow&)>& offer) {
  ScanPosition position;
  for (;;) {
    // A few at a time, because `offer` must not be called while a connection is held.
    auto few =
        readers().read("find a due lane", [&](SqlConnection& connection) -> Result<std::vector<LaneRow>> {
          return due_lanes(connection, now_ms, position);
        });
    if (!few) return fail(few.error());
    if (few->empty()) return std::optional<LaneRow>{};
    for (auto& lane : *few) {
      if (position.is_past(lane)) continue;
      const auto answer = offer(lane);
      if (answer == Offer::Taken) return std::optional(std::move(lane));
      if (answer == Offer::EndOfSearch) return std::optional<LaneRow>{};
      position.pass(lane, answer == Offer::RepositoryRefused);
    }
  }
}

Result<std::vector<std::int64_t>> SqlStore::due_of(const LaneGroup& group, std::int64_t now_ms,
                                                   std::size_t limit) {
  return readers().read("find due lanes of a repository",
                        [&](SqlConnection& connection) -> Result<std::vector<std::int64_t>> {
                          return due_lanes_of(connection, group, now_ms, limit);
                        });
}

Result<std::vector<LaneRow>> SqlStore::lanes_to_run(std::span<const std::int64_t> ids) {
  return readers().read("read lanes", [&](SqlConnection& connection) -> Result<std::vector<LaneRow>> {
    return find_lanes_to_run(connection, ids);
  });
}

Result<std::optional<std::int64_t>> SqlStore::next_due_after(std::int64_t now_ms) {
  return readers().read("find the next due time",
                        [&](SqlConnection& connection) -> Result<std::optional<std::int64_t>> {
                          return next_due(connection, now_ms);
                        });
}

Result<std::optional<LaneRow>> SqlStore::lane(std::int64_t id) {
  return readers().read("read a lane", [&](SqlConnection& connection) -> Result<std::optional<LaneRow>> {
    return find_lane(connection, id);
  });
}

Result<std::vector<LaneRow>> SqlStore::lanes() {
  return readers().read("read the lanes", [&](SqlConnection& connection) -> Result<std::vector<LaneRow>> {
    return all_lanes(connection);
  });
}

Result<std::vector<LaneRow>> SqlStore::lanes_behind(const LaneKey& key, std::size_t limit) {
  return readers().read("read some lanes", [&](SqlConnection& connection) -> Result<std::vector<LaneRow>> {
    return find_lanes_behind(connection, key, limit);
  });
}

Result<Listing<RunRow>> SqlStore::runs(const RunFilter& filter, const Page& page) {
  return readers().read("read the sync log", [&](SqlConnection& connection) -> Result<Listing<RunRow>> {
    return list_runs(connection, filter, page);
  });
}

Result<std::optional<RunRow>> SqlStore::run(std::int64_t id) {
  return readers().read("read a run", [&](SqlConnection& connection) -> Result<std::optional<RunRow>> {
    return find_run(connection, id);
  });
}

Result<std::vector<std::vector<RunMark>>> SqlStore::latest_runs(std::span<const std::int64_t> lanes,
                                                                std::int64_t limit) {
  using Found = std::vector<std::vector<RunMark>>;
  return readers().read("read the last runs of lanes", [&](SqlConnection& connection) -> Result<Found> {
    const ReadTransaction snapshot(connection);
    Found found;
    found.reserve(lanes.size());
    for (const auto lane : lanes) found.push_back(latest_runs_of(connection, lane, limit));
    return found;
  });
}

Result<Listing<DeliveryRow>> SqlStore::deliveries(const DeliveryFilter& filter, const Page& page) {
  return readers().read("read the deliveries",
                        [&](SqlConnection& connection) -> Result<Listing<DeliveryRow>> {
                          return list_deliveries(connection, filter, page);
                        });
}

Result<std::vector<std::optional<LaneRow>>> SqlStore::lanes_of(std::span<const LaneKey> keys) {
  using Found = std::vector<std::optional<LaneRow>>;
  return readers().read("read some lanes", [&](SqlConnection& connection) -> Result<Found> {
    const ReadTransaction snapshot(connection);
    Found found;
    found.reserve(keys.size());
    for (const auto& key : keys) found.push_back(find_lane(connection, key));
    return found;
  });
}

Result<std::vector<LaneRow>> SqlStore::lanes_of_repositories(std::span<const std::string> repositories) {
  return readers().read("read the lanes of some repositories",
                        [&](SqlConnection& connection) -> Result<std::vector<LaneRow>> {
                          return gitferry::lanes_of_repositories(connection, repositories);
                        });
}

Result<std::vector<std::int64_t>> SqlStore::lane_counts(std::span<const std::string> repositories) {
  return readers().read("count lanes", [&](SqlConnection& connection) -> Result<std::vector<std::int64_t>> {
    const ReadTransaction snapshot(connection);
    return count_lanes(connection, repositories);
  });
}

Result<std::vector<std::int64_t>> SqlStore::tag_lane_counts(std::span<const std::string> repositories) {
  return readers().read("count lanes", [&](SqlConnection& connection) -> Result<std::vector<std::int64_t>> {
    const ReadTransaction snapshot(connection);
    return count_tag_lanes(connection, repositories);
  });
}

Result<std::optional<DeliveryRow>> SqlStore::delivery(std::int64_t id) {
  return readers().read("read a delivery",
                        [&](SqlConnection& connection) -> Result<std::optional<DeliveryRow>> {
                          return find_delivery(connection, id);
                        });
}

Result<OverrideRows> SqlStore::overrides() {
  return readers().read("read the overrides", [&](SqlConnection& connection) {
    return read_overrides(connection, Sealing(options_.sealing_key));
  });
}

Status SqlStore::change_overrides(const OverrideChange& change) {
  return writer().write("change the overrides", [&](SqlConnection& connection) -> Status {
    if (auto written = write_overrides(connection, change, Sealing(options_.sealing_key)); !written) {
      return written;
    }
    for (const auto& repository : change.forget_lanes_of) forget_lanes(connection, repository);
    for (const auto& known : change.addresses) note_addresses(connection, known);
    const auto now_ms = to_epoch_ms(clock_.now());
    bool is_time_to_prune = false;
    for (const auto& entry : change.audit) {
      if (insert_audit(connection, entry, now_ms) % kPruneEvery == 0) is_time_to_prune = true;
    }
    if (is_time_to_prune) prune_audit(connection, options_.audit, now_ms);
    connection.announce(StoreNews::OverridesChanged);
    return {};
  });
}

Result<BindingIds> SqlStore::binding_ids(const BindingNames& names) {
  auto ids = readers().read("look up binding ids", [&](SqlConnection& connection) -> Result<BindingIds> {
    return find_binding_ids(connection, names);
  });
  if (!ids || is_complete(*ids)) return ids;
  return writer().write("allot binding ids", [&](SqlConnection& connection) -> Result<BindingIds> {
    allot_binding_ids(connection, names, *ids, to_epoch_ms(clock_.now()));
    crash_point(CrashPoint::IdsAllotted);
    return std::move(*ids);
  });
}

Result<Listing<AuditRow>> SqlStore::audit(const AuditFilter& filter, const Page& page) {
  return readers().read("read the audit", [&](SqlConnection& connection) -> Result<Listing<AuditRow>> {
    return list_audit(connection, filter, page);
  });
}

Error SqlStore::lost_run(SqlConnection& /*connection*/, std::int64_t run_id) {
  return {ErrorCode::Internal, fmt::format("record the end of run {}: it is not running", run_id), "", {}};
}

std::vector<LaneKey> close_left_over_runs(SqlConnection& connection, std::int64_t now_ms) {
  auto quarantined = count_crashes(connection);
  crash_point(CrashPoint::CrashesCounted);
  if (!quarantined.empty()) crash_point(CrashPoint::LanesQuarantined);
  interrupt_runs(connection, now_ms);
  crash_point(CrashPoint::RunsInterrupted);
  return quarantined;
}

void prune_history(SqlConnection& connection, const StoreOptions& options, std::int64_t now_ms) {
  prune_deliveries(connection, options.deliveries, now_ms);
  prune_runs(connection, options.runs, now_ms);
  prune_audit(connection, options.audit, now_ms);
}

void log_quarantine(const LaneKey& lane) {
  log::error(
      "a branch is set aside: gitferry ended three times while it ran; sync it by hand to try it again",
      {{"repo", lane.repository}, {"internal_ref", lane.internal_ref}, {"external_ref", lane.external_ref}});
}

}  // namespace gitferry
