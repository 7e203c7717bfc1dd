#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/git/object_counter.h"
#include "agent/model/transfer_progress.h"

namespace gitferry {

/// Tells a TransferProgress how far one pack is.
///
/// Objects are counted only while that costs next to nothing of the transfer's time: a line that is faster
/// than counting is told in bytes alone.
class PackMeter {
 public:
  /// Begins anew with a pack of which nothing came yet. `progress` must outlive it; null: nobody looks.
  explicit PackMeter(TransferProgress* progress);

  void enter(TransferPhase phase);
  /// The source's next bytes, in order.
  void received(std::string_view bytes);
  /// The pack goes to the target from its first byte on; `id_size`: bytes of an object id in it.
  void begin_sending(std::size_t id_size);
  /// The next bytes for the target, in order.
  void sending(std::string_view bytes);
  void sent(std::size_t bytes);

 private:
  void take_header(std::string_view bytes);

  TransferProgress* progress_;
  std::size_t header_size_ = 0;
  std::uint32_t total_ = 0;
  std::optional<ObjectCounter> counter_;
  MonotonicTime sending_since_{};
  std::chrono::nanoseconds spent_{};
};

}  // namespace gitferry
