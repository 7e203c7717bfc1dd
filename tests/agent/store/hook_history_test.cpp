#include "agent/store/hook_history.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/store/database.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class HookHistoryTest : public StoreTest {
 protected:
  std::int64_t arrive(const std::string& hook, Side side, Verdict verdict = Verdict::Accepted) {
    auto record = delivery_of("d");
    record.hook = hook;
    record.repository = "robot";
    record.side = side;
    record.verdict = verdict;
    record.reason = verdict == Verdict::Accepted ? "" : "ping";
    record.received_at_ms = ++time_;
    EXPECT_TRUE(store().record_delivery(record, {}));
    return time_;
  }
  std::optional<HookArrival> last(const std::string& provider, Side side) {
    auto arrival = peek_last_arrival(options_.path, provider, "robot", side);
    EXPECT_TRUE(arrival) << (arrival ? "" : arrival.error().text());
    return arrival.value_or(std::nullopt);
  }

  std::int64_t time_ = now_ms();
};

TEST_F(HookHistoryTest, KnowsTheLatestOfEachHookBesideTheAgent) {
  EXPECT_FALSE(last("github", Side::Internal));
  arrive("github/robot", Side::Internal);
  const auto ignored = arrive("github/robot", Side::Internal, Verdict::Ignored);
  const auto other_side = arrive("github/robot", Side::External);
  arrive("gitlab:group-a", Side::Internal);
  EXPECT_EQ(last("github", Side::Internal)->received_at_ms, ignored);
  EXPECT_EQ(last("github", Side::Internal)->verdict, Verdict::Ignored);
  EXPECT_EQ(last("github", Side::Internal)->reason, "ping");
  EXPECT_EQ(last("github", Side::External)->received_at_ms, other_side);
  EXPECT_EQ(last("github", Side::External)->verdict, Verdict::Accepted);
  EXPECT_FALSE(last("gitlab", Side::Internal));
}

TEST_F(HookHistoryTest, KnowsTheLatestOfEachOwnerOfAnOrganisationsHook) {
  const auto arrive_for = [&](const std::string& named) {
    auto record = delivery_of("d");
    record.hook = "gitlab:group-a";
    record.named_repository = named;
    record.received_at_ms = ++time_;
    EXPECT_TRUE(store().record_delivery(record, {}));
    return time_;
  };
  const auto last_of = [&](const std::string& owner) {
    const auto arrival = peek_last_organisation_arrival(options_.path, "gitlab", "group-a", owner);
    EXPECT_TRUE(arrival);
    return arrival && *arrival ? (*arrival)->received_at_ms : 0;
  };
  EXPECT_EQ(last_of(""), 0);
  const auto first = arrive_for("Group/Sub/robot");
  const auto second = arrive_for("group-b/rover");
  arrive("gitlab/robot", Side::Internal);
  EXPECT_EQ(last_of("group"), first);
  EXPECT_EQ(last_of("group/sub"), first);
  EXPECT_EQ(last_of("group-b"), second);
  EXPECT_EQ(last_of("group/su"), 0) << "a part of a name is another name";
  EXPECT_EQ(last_of("grou_"), 0);
  EXPECT_EQ(last_of(""), second);
}

TEST_F(HookHistoryTest, CountsNoRepetitionOnDemand) {
  const auto first = arrive("github/robot", Side::Internal);
  auto repeated = delivery_of("d");
  repeated.hook = "github/robot";
  repeated.repository = "robot";
  repeated.side = Side::Internal;
  repeated.replay_of = 1;
  ASSERT_TRUE(store().record_delivery(repeated, {}));
  EXPECT_EQ(last("github", Side::Internal)->received_at_ms, first);
}

TEST(HookHistory, HasNothingWhereThereIsNoDatabase) {
  const auto arrival = peek_last_arrival("/nonexistent/gitferry.db", "github", "robot", Side::Internal);
  ASSERT_TRUE(arrival);
  EXPECT_FALSE(*arrival);
}

}  // namespace
}  // namespace gitferry
