#pragma once

#include <functional>
#include <memory>

#include "agent/store/notice_book.h"
#include "agent/store/postgres/membership.h"
#include "agent/store/readers.h"
#include "agent/store/shared_store.h"
#include "agent/store/sql_store.h"

namespace gitferry {

/// The Store on PostgreSQL, which several processes share.
class PostgresStore final : public SqlStore {
 public:
  /// See open_shared_store().
  static Result<std::unique_ptr<PostgresStore>> open(const SharedStoreOptions& options, const Clock& clock);
  ~PostgresStore() override;

  /// What the database takes of the server's disk. Of its log, and of how much is free, PostgreSQL tells
  /// nothing: -1.
  Result<StoreUsage> usage() override;
  NoticeBook& notices() override { return notices_; }
  /// The number of this agent. It changes where the agent was buried meanwhile.
  [[nodiscard]] std::int64_t agent() const { return target_.agent->load(); }

 private:
  PostgresStore(const SharedStoreOptions& options, const Clock& clock, PostgresTarget target,
                AgentIdentity identity, std::unique_ptr<SqlConnection> writing);
  Writer& writer() override { return writer_; }
  Readers& readers() override { return readers_; }
  Status may_claim(SqlConnection& connection, const LaneRow& lane) override;
  bool puts_off(SqlConnection& connection, const LaneDrop& drop) override;
  Error lost_run(SqlConnection& connection, std::int64_t run_id) override;

  const PostgresTarget target_;
  Writer writer_;
  Readers readers_;
  SqlNoticeBook notices_{writer_, readers_};
  std::unique_ptr<Membership> membership_;
};

}  // namespace gitferry
