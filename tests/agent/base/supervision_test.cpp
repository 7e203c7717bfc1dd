#include "agent/base/supervision.h"

#include <chrono>
#include <condition_variable>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include "agent/base/guarded.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// With a patience that is over at once, and the usual one afterwards.
class Supervision : public ::testing::Test {
 protected:
  void SetUp() override { set_supervision_patience(milliseconds{0}); }
  void TearDown() override { set_supervision_patience(usual_); }

  static bool is_late(const std::string& name) {
    for (const auto& thread : late_threads()) {
      if (thread.name == name) return true;
    }
    return false;
  }
  /// Until the clock has moved on.
  static bool becomes_late(const std::string& name) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < deadline) {
      if (is_late(name)) return true;
    }
    return false;
  }

 private:
  const milliseconds usual_ = supervision_patience();
};

TEST_F(Supervision, AThreadThatDoesNotBeatIsLateUntilItDoes) {
  const SupervisedThread supervised("slow");
  EXPECT_TRUE(becomes_late("slow"));
  EXPECT_THAT(text_of(late_threads()), HasSubstr("slow (overdue by 0 s)"));
  set_supervision_patience(std::chrono::hours{1});
  EXPECT_TRUE(is_late("slow")) << "what it promised at its last beat counts";
  beat();
  EXPECT_FALSE(is_late("slow"));
}

TEST_F(Supervision, WhoSaysThatItTakesLongIsNotLateBeforeThat) {
  const SupervisedThread supervised("long");
  beat_for(std::chrono::hours{1});
  EXPECT_FALSE(is_late("long"));
  beat();
  EXPECT_TRUE(becomes_late("long"));
}

TEST_F(Supervision, WhoEndsIsForgotten) {
  {
    const SupervisedThread supervised("ending");
    EXPECT_TRUE(becomes_late("ending"));
  }
  EXPECT_FALSE(is_late("ending"));
  beat();  // nobody's
}

TEST_F(Supervision, AWaitBeatsAndKeepsItsDeadline) {
  set_supervision_patience(std::chrono::hours{1});
  const SupervisedThread supervised("waiting");
  set_supervision_patience(milliseconds{4});
  std::condition_variable never;
  Guarded<bool> value(false);
  auto locked = value.lock();
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{20};
  int looks = 0;
  EXPECT_FALSE(wait_beating(locked, never, deadline, [&](bool) { return ++looks == 0; }));
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  EXPECT_GT(looks, 2);
  set_supervision_patience(milliseconds{0});
  EXPECT_TRUE(becomes_late("waiting")) << "it beat with the patience of the moment";
  EXPECT_TRUE(
      wait_beating(locked, never, std::chrono::steady_clock::time_point::max(), [](bool) { return true; }));
}

TEST_F(Supervision, AThreadIsCalledByItsNameInTheSystemToo) {
  std::string name(16, '\0');
  std::thread([&] {
    const SupervisedThread supervised("a name that is too long");
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  }).join();
  EXPECT_STREQ(name.c_str(), "a name that is ");
}

}  // namespace
}  // namespace gitferry
