#pragma once

#include <cstdint>
#include <limits>

namespace gitferry {

/// How an attempt of the relay differs from the first one of its run.
struct RelayOptions {
  bool thin_pack = true;    ///< false: the target could not unpack a thin one
  bool whole_pack = false;  ///< the target wants the request's length: hold the pack until it is complete

  /// So much of a pack is waited for before the push request opens. Up to the first size a pack is sent whole
  /// with its length, as git does below http.postBuffer.
  [[nodiscard]] std::uint64_t bytes_before_push() const {
    return whole_pack ? std::numeric_limits<std::uint64_t>::max() : 1U << 20U;
  }
};

}  // namespace gitferry
