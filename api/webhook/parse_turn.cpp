#include "api/webhook/parse_turn.h"

#include <algorithm>

namespace gitferry::api::webhook {

ParseTurns::Turn::Turn(ParseTurns& turns, std::size_t bytes)
    : turns_(turns), weight_(std::min(bytes, kMost)) {
  auto in_use = turns_.in_use_.lock();
  in_use.wait(turns_.has_room_, [&](std::size_t now) { return now + weight_ <= kTogether; });
  *in_use += weight_;
}

ParseTurns::Turn::~Turn() {
  *turns_.in_use_.lock() -= weight_;
  turns_.has_room_.notify_all();
}

}  // namespace gitferry::api::webhook
