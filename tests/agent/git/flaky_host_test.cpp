// A line that breaks, stalls, lies or repeats itself between us and a real git host: the run ends with the
// right error, within its limits, the target is whole, and the next run through the same engine arrives.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/agent/git/hosted_repository.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/support/flaky_proxy.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using Kind = LineFault::Kind;
using From = LineFault::From;

enum class Side { Source, Target };

enum class Strikes { Some, All };

/// One side is a real host behind a proxy; the other one is a local path.
class FlakyHost : public RelayFixture,
                  public ::testing::WithParamInterface<std::tuple<Side, Wire, Strikes, EngineKind>> {
 protected:
  FlakyHost() {
    kind = std::get<EngineKind>(GetParam());
    (is_source() ? source : target) = hosted.repository();
    source.commit_many(kMain, 5);
    target.fetch_from(source, kMain);
    old_tip = target.tip(kMain).value();
    // More than what is held before the target's request opens.
    source.commit({.message = "Large", .files = {{"large.bin", noise(3U << 20U)}}});
  }

  /// Longer than a handshake takes.
  [[nodiscard]] static milliseconds short_stall() {
    return std::get<Wire>(GetParam()) == Wire::Ssh ? milliseconds(10'000) : milliseconds(3'000);
  }
  [[nodiscard]] static bool is_source() { return std::get<Side>(GetParam()) == Side::Source; }

  [[nodiscard]] SyncRequest request() const {
    auto asked = RelayFixture::request();
    (is_source() ? asked.source : asked.target) = hosted.remote(proxy.port());
    return asked;
  }
  std::unique_ptr<Engine> engine() { return engine_over(loopback_transport()); }
  RunReport sync(Engine& engine) { return std::move(engine.sync(request(), {}).front()); }

  /// Where to strike: of an undisturbed run, before anything is said, in what comes first, in the middle, and
  /// near the end, in each direction.
  std::vector<LineFault> strikes(Kind damage) {
    proxy.arm(std::nullopt);
    const auto undisturbed = engine();
    expect_arrived(sync(*undisturbed));
    std::vector<LineFault> faults;
    for (const auto from : {From::Server, From::Clients}) {
      const auto total = proxy.forwarded(from);
      middle_[from] = total / 2;
      for (const auto at : {std::uint64_t{0}, total / 20, total / 2, total - 30}) {
        faults.push_back({damage, from, at});
      }
    }
    return faults;
  }

  /// All of them, or one of each direction: in the middle of the large one, early in the other.
  static std::vector<LineFault> some_of(const std::vector<LineFault>& faults) {
    if (std::get<Strikes>(GetParam()) == Strikes::All) return faults;
    return is_source() ? std::vector{faults.at(2), faults.at(5)} : std::vector{faults.at(1), faults.at(6)};
  }

  /// Runs into `fault`, then again without it, through the same engine.
  RunReport disturbed(const LineFault& fault) {
    SCOPED_TRACE(
        fmt::format("from the {} at {}", fault.from == From::Server ? "server" : "client", fault.at));
    target.set_ref(kMain, old_tip);
    // What a mirror has already, no source is asked for.
    std::filesystem::remove_all(directory / "mirrors");
    const auto engine = this->engine();
    proxy.arm(fault);
    auto report = sync(*engine);
    // Lengths differ by some bytes from run to run: the last one may lie behind the end.
    if (fault.at <= middle_.at(fault.from)) {
      EXPECT_TRUE(proxy.has_struck());
    }
    EXPECT_TRUE(proxy.has_struck() || !report.error);
    const auto tip = target.tip(kMain);
    if (report.error) {
      // Where only the report was lost, the target has moved.
      EXPECT_TRUE(tip == old_tip || tip == source.tip(kMain)) << report.error->text();
      EXPECT_FALSE(report.target_tip_after && report.target_tip_after != tip) << report.error->text();
    } else {
      EXPECT_EQ(tip, source.tip(kMain));
    }
    EXPECT_EQ(target.fsck(), "");
    if (report.error && report.error->code == ErrorCode::Timeout) {
      EXPECT_EQ(report.error->host, hosted.remote(proxy.port()).url.host_key());
    }
    proxy.arm(std::nullopt);
    auto again = sync(*engine);
    // A host that heard a part of a request twice answers that as well, on the connection that was kept.
    if (again.error && fault.kind == Kind::Repeat) again = sync(*engine);
    expect_arrived(again);
    return report;
  }

  HostedRepository hosted{std::get<Wire>(GetParam())};
  FlakyProxy proxy{hosted.port()};
  ObjectId old_tip = ObjectId::null(ObjectFormat::Sha1);

 private:
  std::map<From, std::uint64_t> middle_;  ///< of what an undisturbed run sends
};

std::string name_of_line(const ::testing::TestParamInfo<FlakyHost::ParamType>& test) {
  return fmt::format("{}Over{}{}", std::get<Side>(test.param) == Side::Source ? "Source" : "Target",
                     name_of(std::get<Wire>(test.param)),
                     std::get<EngineKind>(test.param) == EngineKind::Mirror ? "WithMirror" : "");
}

INSTANTIATE_TEST_SUITE_P(Of, FlakyHost,
                         ::testing::Values(std::tuple{Side::Source, Wire::Http, Strikes::Some,
                                                      EngineKind::Relay}),
                         name_of_line);
INSTANTIATE_TEST_SUITE_P(FullOf, FlakyHost,
                         ::testing::Combine(::testing::Values(Side::Source, Side::Target),
                                            ::testing::Values(Wire::Http, Wire::Ssh),
                                            ::testing::Values(Strikes::All),
                                            ::testing::Values(EngineKind::Relay, EngineKind::Mirror)),
                         name_of_line);

TEST_P(FlakyHost, AResetIsToldAsALostConnection) {
  for (const auto& fault : some_of(strikes(Kind::Reset))) {
    const auto report = disturbed(fault);
    if (!report.error) continue;
    EXPECT_EQ(report.error->code, ErrorCode::ConnectionFailed) << report.error->text();
    EXPECT_TRUE(report.error->is_transient());
  }
}

TEST_P(FlakyHost, AnEndInTheMiddleIsToldAsALostConnection) {
  for (const auto& fault : some_of(strikes(Kind::Truncate))) {
    const auto report = disturbed(fault);
    if (!report.error) continue;
    EXPECT_EQ(report.error->code, ErrorCode::ConnectionFailed) << report.error->text();
  }
}

TEST_P(FlakyHost, SilenceEndsAtTheStallLimit) {
  const auto faults = strikes(Kind::Stall);
  limits.stall = short_stall();
  for (const auto& fault : some_of(faults)) {
    const auto report = disturbed(fault);
    if (!report.error) continue;
    EXPECT_EQ(report.error->code, ErrorCode::Timeout) << report.error->text();
  }
}

TEST_P(FlakyHost, ATrickleEndsAtTheTotal) {
  const auto faults = strikes(Kind::Trickle);
  limits.total = short_stall() * 2;
  // In the middle of what is large.
  const auto report = disturbed(faults.at(is_source() ? 2 : 6));
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Timeout) << report.error->text();
}

TEST_P(FlakyHost, AFlippedBitNeverDamagesTheTarget) {
  const auto faults = strikes(Kind::Flip);
  // A length that lies makes us wait for bytes that never come.
  limits.stall = short_stall();
  for (const auto& fault : some_of(faults)) disturbed(fault);
}

TEST_P(FlakyHost, AnAnswerThatComesTwiceNeverDamagesTheTarget) {
  const auto faults = strikes(Kind::Repeat);
  limits.stall = short_stall();
  for (const auto& fault : some_of(faults)) disturbed(fault);
}

}  // namespace
}  // namespace gitferry::test
