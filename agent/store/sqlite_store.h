#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/store/database.h"
#include "agent/store/readers.h"
#include "agent/store/sqlite_notice_book.h"
#include "agent/store/store.h"
#include "agent/store/writer.h"

namespace gitferry {

/// The Store on one SQLite file.
class SqliteStore final : public Store {
 public:
  /// See Store::open().
  static Result<std::unique_ptr<SqliteStore>> open(const StoreOptions& options, const Clock& clock);

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
  Result<StoreUsage> usage() override;

  /// What people were told of all this. Lives as long as the store.
  NoticeBook& notices() { return notices_; }
  /// How well commits are grouped.
  Writer::Counters counters() { return writer_.counters(); }

 private:
  SqliteStore(StoreOptions options, const Clock& clock, DataDirectory directory, SqlConnection writing);

  const StoreOptions options_;
  const Clock& clock_;
  // In this order: the lock is given back last, and the writer, which checkpoints when it closes, goes after
  // the readers.
  DataDirectory directory_;
  Writer writer_;
  Readers readers_;
  SqliteNoticeBook notices_{writer_, readers_};
};

}  // namespace gitferry
