#include "api/webhook/parse_turn.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry::api::webhook {
namespace {

constexpr std::size_t kHuge = 25U << 20;

TEST(ParseTurns, S18_OneLargeDocumentAtATime) {
  ParseTurns turns;
  Guarded<std::vector<std::string>> order;
  std::jthread second;
  {
    const ParseTurns::Turn first(turns, kHuge);
    second = std::jthread([&] {
      const ParseTurns::Turn turn(turns, kHuge);
      order.lock()->push_back("second");
    });
    // Were it not made to wait, it would have all the time of these to get ahead.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    order.lock()->push_back("first");
  }
  second.join();
  EXPECT_EQ(*order.lock(), (std::vector<std::string>{"first", "second"}));
}

TEST(ParseTurns, S18_OrdinaryDocumentsDoNotWaitForALargeOne) {
  ParseTurns turns;
  const ParseTurns::Turn large(turns, kHuge);
  const ParseTurns::Turn one(turns, 30'000);
  const ParseTurns::Turn another(turns, 90'000);
}

}  // namespace
}  // namespace gitferry::api::webhook
