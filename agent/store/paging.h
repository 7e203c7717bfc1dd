#pragma once

#include "agent/store/page_bounds.h"
#include "agent/store/sql.h"

namespace gitferry {

/// Several queries on one state of the database.
class ReadTransaction {
 public:
  explicit ReadTransaction(SqlConnection& connection) : connection_(connection) {
    connection_.begin_reading();
  }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction() {
    // Nothing was written, so there is nothing that could fail to be kept; the next BEGIN would tell.
    static_cast<void>(attempt("end a read", [&]() -> Status {
      connection_.roll_back();
      return {};
    }));
  }

 private:
  SqlConnection& connection_;
};

}  // namespace gitferry
