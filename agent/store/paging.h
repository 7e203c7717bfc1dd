#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/store/database.h"
#include "agent/store/store.h"

namespace gitferry {

/// At most this many rows a page, whatever was asked for.
constexpr std::int64_t kPageLimit = 1000;

inline std::int64_t page_limit(const Page& page) {
  return std::clamp<std::int64_t>(page.size, 1, kPageLimit);
}
inline std::int64_t page_offset(const Page& page) {
  constexpr std::int64_t last = INT64_MAX / kPageLimit - 1;
  return (std::clamp<std::int64_t>(page.number, 1, last) - 1) * page_limit(page);
}

/// Several queries on one state of the database.
class ReadTransaction {
 public:
  explicit ReadTransaction(SqlConnection& connection) : connection_(connection) {
    connection_.query("BEGIN").run();
  }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction() {
    // Nothing was written, so there is nothing that could fail to be kept; the next BEGIN would tell.
    static_cast<void>(attempt("end a read", [&]() -> Status {
      connection_.query("ROLLBACK").run();
      return {};
    }));
  }

 private:
  SqlConnection& connection_;
};

}  // namespace gitferry
