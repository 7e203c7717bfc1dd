// The n-th call to a host fails, or the n-th piece of memory is not to be had, for every n of a run: nothing
// crashes, nothing is told as done that is not, the target is whole, and the next run arrives.

#include <cstdint>
#include <cstdio>
#include <functional>
#include <new>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/agent/git/noise.h"
#include "tests/agent/git/protocol_way.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/tapped_transport.h"
#include "tests/support/failing_allocations.h"

namespace gitferry::test {
namespace {

/// What the disturbed runs came to.
struct Counts {
  std::int64_t faults = 0;
  int failed = 0;
  int arrived = 0;     ///< all the same
  int unreported = 0;  ///< there was no memory for a report
};

class R03_NthCall : public RelayFixture, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    kind = GetParam().engine;
    source.commit_many(kMain, 5);
    expect_arrived(relay(request()));
    old_tip = target.tip(kMain).value();
    source.commit({.message = "Larger than a buffer", .files = {{"file", noise(100'000)}}});
    source.commit_many(kMain, 2);
  }
  std::unique_ptr<Engine> engine() {
    transport_ = std::make_unique<VersionedTransport>(GetParam().version);
    return engine_over(std::make_unique<TappedTransport>(*transport_, taps));
  }

  /// Runs with a fault at every `step`-th n, until a run comes through without meeting it.
  Counts fail_each(std::int64_t step,
                   const std::function<bool(std::int64_t n, const std::function<void()>& run)>& disturb) {
    Counts counts;
    for (std::int64_t n = 1;; n += step) {
      SCOPED_TRACE(fmt::format("at call {}", n));
      target.set_ref(kMain, old_tip);
      std::optional<RunReport> report;
      const auto engine = this->engine();
      const bool has_struck = disturb(n, [&] { report = std::move(engine->sync(request(), {}).front()); });
      expect_true(report);
      if (!has_struck || ::testing::Test::HasFailure()) {
        if (report) expect_arrived(*report);
        return counts;
      }
      ++counts.faults;
      ++(!report ? counts.unreported : report->error ? counts.failed : counts.arrived);
      // Through the same engine: whatever it keeps must be fit for use.
      expect_arrived(engine->sync(request(), {}).front());
    }
  }
  void print(const char* what, const Counts& counts) const {
    std::printf("R-03 %s, %s: faults=%lld failed=%d arrived=%d unreported=%d\n", GetParam().name, what,
                static_cast<long long>(counts.faults), counts.failed, counts.arrived, counts.unreported);
  }
  Counts fail_each_call(std::int64_t step) {
    return fail_each(step, [this](std::int64_t n, const auto& run) {
      std::int64_t calls = 0;
      taps.on_call = [&]() -> Status {
        return ++calls == n ? fail(ErrorCode::ConnectionFailed, "the line broke") : Status{};
      };
      run();
      taps.on_call = nullptr;
      return calls >= n;
    });
  }
  Counts fail_each_allocation(std::int64_t step, FailingAllocations::Until until) {
    return fail_each(step, [until](std::int64_t n, const auto& run) {
      const FailingAllocations none(n, until);
      try {
        run();
      } catch (const std::bad_alloc&) {
        return true;
      }
      return FailingAllocations::has_struck();
    });
  }

  Taps taps;

 private:
  /// What is told is true.
  void expect_true(const std::optional<RunReport>& report) {
    const auto tip = target.tip(kMain);
    EXPECT_TRUE(tip == old_tip || tip == source.tip(kMain));
    EXPECT_EQ(target.fsck(), "");
    if (!report) return;
    if (report->error) {
      EXPECT_FALSE(report->error->message.empty());
    } else {
      EXPECT_EQ(tip, source.tip(kMain));
      EXPECT_EQ(report->target_tip_after, tip);
    }
  }

  std::unique_ptr<VersionedTransport> transport_;
  ObjectId old_tip = ObjectId::null(ObjectFormat::Sha1);
};

INSTANTIATE_TEST_SUITE_P(Of, R03_NthCall, ::testing::Values(kPipesV2, kMirrorPipesV2), name_of_way);

class FullR03_NthCall : public R03_NthCall {};
INSTANTIATE_TEST_SUITE_P(FullOf, FullR03_NthCall, ::testing::Values(kPipesV2, kMirrorPipesV2), name_of_way);

TEST_P(R03_NthCall, ToAHostFails) {
  const auto counts = fail_each_call(4);
  print("calls to hosts", counts);
  EXPECT_GT(counts.failed, 3);
}

TEST_P(FullR03_NthCall, ToAHostFails) {
  const auto counts = fail_each_call(1);
  print("calls to hosts", counts);
  EXPECT_GT(counts.failed, 15);
}

/// With the relay alone: the mirror lists directories, and libstdc++ 12 ends the program where its iterator
/// gets no memory.
class R03_NthAllocation : public R03_NthCall {};
class FullR03_NthAllocation : public R03_NthCall {};
INSTANTIATE_TEST_SUITE_P(Of, R03_NthAllocation, ::testing::Values(kPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOf, FullR03_NthAllocation, ::testing::Values(kPipesV2), name_of_way);

TEST_P(R03_NthAllocation, OfARunFails) {
  const auto counts = fail_each_allocation(37, FailingAllocations::Until::Once);
  print("allocations", counts);
  EXPECT_GT(counts.faults, 5);
  EXPECT_GT(counts.failed, 3);
}

TEST_P(FullR03_NthAllocation, OfARunFails) {
  const auto counts = fail_each_allocation(1, FailingAllocations::Until::Once);
  print("allocations", counts);
  EXPECT_GT(counts.failed, 100);
}

TEST_P(FullR03_NthAllocation, OfARunFailsAndSoDoAllThatFollow) {
  const auto counts = fail_each_allocation(7, FailingAllocations::Until::End);
  print("allocations from one on", counts);
  EXPECT_GT(counts.faults, 10);
}

}  // namespace
}  // namespace gitferry::test
