#pragma once

#include <functional>
#include <span>
#include <utility>

#include "agent/git/ref_batch.h"

namespace gitferry {

/// Offers a target many refs at once. What it refuses as a whole, as hosts with a pre-receive hook do for one
/// bad ref among many, is offered again in halves, until the bad ones stand alone: a branch that is refused
/// does not hold back the rest.
class HalvedOffers {
 public:
  /// One transfer of some items; whether the target refused all that was pushed.
  using Offer = std::function<bool(std::span<BatchItem>)>;

  explicit HalvedOffers(Offer offer) : offer_(std::move(offer)) {}

  /// The order of `items` changes.
  void make(std::span<BatchItem> items);

 private:
  /// Finding k refused refs among n by halves takes about 2 k log2(n) pushes. More than this is a target that
  /// takes nothing.
  static constexpr int kLimit = 256;

  Offer offer_;
  int left_ = kLimit;
};

}  // namespace gitferry
