#include "agent/sync/host_breakers.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Access = HostBreakers::Access;
using Change = HostBreakers::Change;

const std::string kHost = "git.example.com";

/// Breakers and the time; each failure is of the next repository, unless a test names one.
class R32_HostBreakers : public ::testing::Test {
 protected:
  Change fail(const std::string& repository) {
    return breakers.note({kHost, repository, true}, is_of_probe, now);
  }
  Change fail() { return fail("r" + std::to_string(++failures)); }
  Change answer() { return breakers.note({kHost, "r"}, is_of_probe, now); }
  [[nodiscard]] Access access() const { return breakers.access(kHost, now); }
  void open() {
    while (fail() != Change::Opened) ASSERT_LT(failures, 100);
  }
  /// The probe that may go fails.
  void fail_probe() {
    ASSERT_EQ(access(), Access::Probe);
    breakers.take_probe(kHost);
    is_of_probe = true;
    EXPECT_EQ(fail(), Change::StaysOpen);
    is_of_probe = false;
    breakers.give_back_probe(kHost);
  }

  HostBreakers breakers;
  MonotonicTime now{minutes(1000)};
  bool is_of_probe = false;
  int failures = 0;
};

TEST_F(R32_HostBreakers, OpenAtTheFifthFailureInARow) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(fail(), Change::None);
  EXPECT_EQ(answer(), Change::None);
  EXPECT_EQ(fail(), Change::None) << "an answer came in between";
  EXPECT_EQ(access(), Access::Open);
  breakers = {};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(fail(), Change::None);
  EXPECT_EQ(access(), Access::Open);
  EXPECT_EQ(fail(), Change::Opened);
  EXPECT_EQ(access(), Access::Denied);
}

TEST_F(R32_HostBreakers, OpenAtSevenOfTheLastTenAndNotAtSix) {
  // Never five in a row: F F F A F F F A (A|F) …
  const auto opens = [&](std::string_view script) {
    breakers = {};
    Change last = Change::None;
    for (const auto step : script) last = step == 'F' ? fail() : answer();
    return last == Change::Opened;
  };
  EXPECT_TRUE(opens("FFFAFFFAAF"));
  EXPECT_FALSE(opens("FFFAFFAAAF"));
  EXPECT_FALSE(opens("FFFAFFFAAAF")) << "the first failure is the eleventh from the end";
  EXPECT_TRUE(opens("FFFFAFFF"));
}

TEST_F(R32_HostBreakers, OldFailuresDoNotCountAmongTheLast) {
  for (int i = 0; i < 3; ++i) fail();
  now += HostBreakers::kMemory;
  answer();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fail(), Change::None);
  answer();
  EXPECT_EQ(fail(), Change::None) << "four within the time, three before it";
}

TEST_F(R32_HostBreakers, OneRepositoryThatAlwaysFailsRestsNoHost) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(fail("broken"), Change::None);
  EXPECT_EQ(access(), Access::Open);
  EXPECT_EQ(fail("another"), Change::Opened);
}

TEST_F(R32_HostBreakers, RestForHalfAMinuteThenTwiceAsLongUpToTenMinutes) {
  open();
  const std::vector<seconds> rests{seconds(30),  seconds(60),  seconds(120), seconds(240),
                                   seconds(480), seconds(600), seconds(600)};
  for (const auto rest : rests) {
    EXPECT_EQ(breakers.rest_of(kHost), rest);
    EXPECT_EQ(breakers.next_probe(now), now + rest);
    EXPECT_EQ(access(), Access::Denied);
    now += rest - std::chrono::milliseconds(1);
    EXPECT_EQ(access(), Access::Denied);
    now += std::chrono::milliseconds(1);
    EXPECT_EQ(breakers.next_probe(now), std::nullopt);
    fail_probe();
  }
}

TEST_F(R32_HostBreakers, OneProbeGoesAndItsAnswerCloses) {
  open();
  now += HostBreakers::kFirstRest;
  ASSERT_EQ(access(), Access::Probe);
  breakers.take_probe(kHost);
  EXPECT_EQ(access(), Access::Denied);
  EXPECT_EQ(fail(), Change::None) << "a transfer that had begun before it opened";
  EXPECT_EQ(access(), Access::Denied);
  breakers.give_back_probe(kHost);
  EXPECT_EQ(access(), Access::Probe) << "the probe came to nothing";
  EXPECT_EQ(answer(), Change::Closed);
  EXPECT_EQ(access(), Access::Open);
  EXPECT_EQ(breakers.rest_of(kHost), seconds(0));
  EXPECT_TRUE(breakers.open().empty());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(fail(), Change::None) << "nothing is remembered";
}

TEST_F(R32_HostBreakers, AHostsRetryAfterIsItsRestWhereThatIsLonger) {
  for (int i = 0; i < 4; ++i) fail();
  EXPECT_EQ(breakers.note({kHost, "last", true, seconds(100)}, false, now), Change::Opened);
  EXPECT_EQ(breakers.next_probe(now), now + seconds(100));
  now += seconds(100);
  fail_probe();
  EXPECT_EQ(breakers.next_probe(now), now + seconds(60));
}

TEST_F(R32_HostBreakers, SomebodyWhoWantsToKnowHasItProbedAtOnce) {
  breakers.probe_soon(kHost, now);
  EXPECT_EQ(access(), Access::Open);
  open();
  breakers.probe_soon(kHost, now);
  EXPECT_EQ(access(), Access::Probe);
}

TEST_F(R32_HostBreakers, HostsDoNotKnowOfEachOther) {
  open();
  EXPECT_EQ(breakers.access("other.example.com", now), Access::Open);
  EXPECT_EQ(breakers.open(), std::vector<std::string>{kHost});
}

const std::vector<std::string> kHosts{"in", "out"};

RunReport report_of(std::optional<Error> error, Plan plan = Plan::Undecided) {
  RunReport report;
  report.plan = plan;
  report.error = std::move(error);
  return report;
}
Error error_at(const std::string& host, ErrorCode code) {
  return {code, "it went wrong", "", std::nullopt, host};
}

TEST(NewsOfHosts, ASuccessAndAPlanAreAnswersOfBoth) {
  const std::vector<HostNews> both_answered{{"in", "robot"}, {"out", "robot"}};
  EXPECT_EQ(news_of("robot", kHosts, {report_of(std::nullopt, Plan::Nothing)}), both_answered);
  EXPECT_EQ(news_of("robot", kHosts, {report_of(error_at("", ErrorCode::Diverged), Plan::Refuse)}),
            both_answered);
}

TEST(NewsOfHosts, AHostThatFailsSaysNothingOfTheOther) {
  EXPECT_EQ(news_of("robot", kHosts, {report_of(error_at("in", ErrorCode::Timeout))}),
            (std::vector<HostNews>{{"in", "robot", true}}));
  // It refused us, but it is there.
  EXPECT_EQ(news_of("robot", kHosts, {report_of(error_at("out", ErrorCode::AuthenticationFailed))}),
            (std::vector<HostNews>{{"out", "robot"}}));
}

TEST(NewsOfHosts, OneThatAnsweredAndFailedLaterHasFailed) {
  EXPECT_EQ(news_of("robot", kHosts,
                    {report_of(error_at("out", ErrorCode::ConnectionFailed), Plan::FastForward),
                     report_of(std::nullopt, Plan::Nothing)}),
            (std::vector<HostNews>{{"in", "robot"}, {"out", "robot", true}}));
}

TEST(NewsOfHosts, OurOwnFailureIsNoNews) {
  EXPECT_TRUE(news_of("robot", kHosts, {report_of(error_at("", ErrorCode::Internal))}).empty());
  EXPECT_TRUE(news_of("robot", kHosts, {report_of(error_at("", ErrorCode::Cancelled))}).empty());
}

TEST(NewsOfHosts, TheLongestRetryAfterCounts) {
  auto busy = error_at("in", ErrorCode::HostBusy);
  busy.retry_after = seconds(7);
  auto busier = busy;
  busier.retry_after = seconds(9);
  EXPECT_EQ(news_of("robot", kHosts, {report_of(busy), report_of(busier)}),
            (std::vector<HostNews>{{"in", "robot", true, seconds(9)}}));
}

}  // namespace
}  // namespace gitferry
