#pragma once

#include <memory>

#include "agent/store/database.h"
#include "agent/store/sql_store.h"

namespace gitferry {

/// The Store on one SQLite file.
class SqliteStore final : public SqlStore {
 public:
  /// See Store::open().
  static Result<std::unique_ptr<SqliteStore>> open(const StoreOptions& options, const Clock& clock);

  Result<StoreUsage> usage() override;

  NoticeBook& notices() override { return notices_; }

 private:
  SqliteStore(StoreOptions options, const Clock& clock, DataDirectory directory,
              std::unique_ptr<SqlConnection> writing);
  Writer& writer() override { return writer_; }
  Readers& readers() override { return readers_; }

  // In this order: the lock is given back last, and the writer, which checkpoints when it closes, goes after
  // the readers.
  DataDirectory directory_;
  Writer writer_;
  Readers readers_;
  SqlNoticeBook notices_{writer_, readers_};
};

}  // namespace gitferry
