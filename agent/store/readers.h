#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/store/sql.h"

namespace gitferry {

/// A few read-only connections, taken in turn.
///
/// Threading: read() from any thread. Blocking: for the query, and for another reader on the same connection.
class Readers {
 public:
  /// Throws what `make` throws.
  explicit Readers(const std::function<std::unique_ptr<SqlConnection>()>& make) {
    for (auto& slot : slots_) *slot.lock() = make();
  }

  /// Runs `query(SqlConnection&)`, which gives a Result. It must not call back into the store.
  template <typename Action>
  auto read(std::string_view attempted, Action query) -> std::invoke_result_t<Action&, SqlConnection&> {
    auto connection = slots_.at(turn_.fetch_add(1) % slots_.size()).lock();
    return attempt(attempted, [&] { return query(**connection); });
  }

 private:
  std::array<Guarded<std::unique_ptr<SqlConnection>>, 4> slots_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace gitferry
