#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/store/readers.h"
#include "agent/store/sql_notice_book.h"
#include "agent/store/store.h"
#include "agent/store/writer.h"

namespace gitferry {

/// The Store on a database that speaks SQL: everything but its connections, and what several processes on one
/// database have to agree on.
class SqlStore : public Store {
 public:
  Result<std::vector<Receipt>> record_deliveries(std::span<const NewDelivery> deliveries) override;
  Result<Receipt> mark_lanes(std::span<const LaneMark> marks, Trigger trigger) override;
  Result<std::vector<Result<std::int64_t>>> begin_runs(std::span<const LaneRow> lanes, Direction direction,
                                                       std::int64_t started_at_ms) override;
  Status finish_runs(std::span<const RunEnd> ends) override;
  Status drop_lane_requests(std::span<const LaneDrop> drops) override;
  Status retry_now(std::span<const std::string> repositories) override;
  Result<std::optional<LaneRow>> first_due(std::int64_t now_ms,
                                           const std::function<Offer(const LaneRow&)>& offer) override;
  Result<std::vector<std::int64_t>> due_of(const LaneGroup& group, std::int64_t now_ms,
                                           std::size_t limit) override;
  Result<std::vector<LaneRow>> lanes_to_run(std::span<const std::int64_t> ids) override;
  Result<std::optional<std::int64_t>> next_due_after(std::int64_t now_ms) override;
  Result<std::optional<LaneRow>> lane(std::int64_t id) override;
  Result<std::vector<LaneRow>> lanes() override;
  Result<std::vector<LaneRow>> lanes_behind(const LaneKey& key, std::size_t limit) override;
  Result<Listing<RunRow>> runs(const RunFilter& filter, const Page& page) override;
  Result<std::optional<RunRow>> run(std::int64_t id) override;
  Result<std::vector<std::vector<RunMark>>> latest_runs(std::span<const std::int64_t> lanes,
                                                        std::int64_t limit) override;
  Result<std::vector<std::optional<LaneRow>>> lanes_of(std::span<const LaneKey> keys) override;
  Result<std::vector<LaneRow>> lanes_of_repositories(std::span<const std::string> repositories) override;
  Result<std::vector<std::int64_t>> lane_counts(std::span<const std::string> repositories) override;
  Result<std::vector<std::int64_t>> tag_lane_counts(std::span<const std::string> repositories) override;
  Result<Listing<DeliveryRow>> deliveries(const DeliveryFilter& filter, const Page& page) override;
  Result<std::optional<DeliveryRow>> delivery(std::int64_t id) override;
  Result<OverrideRows> overrides() override;
  Status change_overrides(const OverrideChange& change) override;
  Result<BindingIds> binding_ids(const BindingNames& names) override;
  Result<Listing<AuditRow>> audit(const AuditFilter& filter, const Page& page) override;

  /// What people were told of all this. Lives as long as the store.
  virtual NoticeBook& notices() = 0;
  /// How well commits are grouped.
  Writer::Counters counters() { return writer().counters(); }

 protected:
  SqlStore(StoreOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  /// The implementation owns them, because they close in an order of its own.
  virtual Writer& writer() = 0;
  virtual Readers& readers() = 0;
  /// Whether a run of `lane` may begin as far as other processes are concerned. Within the transaction that
  /// begins it. Errors: Unavailable.
  virtual Status may_claim(SqlConnection& /*connection*/, const LaneRow& /*lane*/) { return {}; }
  /// Whether a request is put off that has no binding here, for another process may know one. Within the
  /// transaction that would drop it.
  virtual bool puts_off(SqlConnection& /*connection*/, const LaneDrop& /*drop*/) { return false; }
  /// Why the end of a run cannot be recorded that is not running, or not this process's.
  virtual Error lost_run(SqlConnection& connection, std::int64_t run_id);

  [[nodiscard]] const StoreOptions& options() const { return options_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  const StoreOptions options_;
  const Clock& clock_;
};

// Old rows go in the transaction of every so many new ones: often enough to be cheap each time.
constexpr std::int64_t kPruneEvery = 64;

/// Closes what processes that have ended left open: their runs become `interrupted`, and their lanes count
/// the crash. Those that are quarantined by it. Within a transaction.
std::vector<LaneKey> close_left_over_runs(SqlConnection& connection, std::int64_t now_ms);
/// Deletes rows that the options do not keep.
void prune_history(SqlConnection& connection, const StoreOptions& options, std::int64_t now_ms);
void log_quarantine(const LaneKey& lane);

}  // namespace gitferry
