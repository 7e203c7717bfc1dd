#include "agent/notify/troubles.h"

#include <gtest/gtest.h>

#include "agent/base/error.h"
#include "agent/model/ref_name.h"
#include "agent/notify/host_watch.h"

namespace gitferry {
namespace {

constexpr std::int64_t kNow = 1'790'000'000'000;
constexpr std::int64_t kMinute = 60'000;

RemoteUrl url(const std::string& text) {
  return parse_remote_url(text, any_scheme())->url;
}

/// A repository between two hosts with the branch `main`, and what is known of its lane.
class Troubles : public ::testing::Test {
 protected:
  Troubles() {
    auto& robot = add("robot");
    robot.branches = {{"main", "main"}, {"off", "off", false}};
  }
  RepositoryBinding& add(const std::string& name) {
    auto& binding = bindings_.repositories[name];
    binding.name = name;
    binding.internal = url("https://in.example/acme/" + name + ".git");
    binding.external = url("https://out.example/acme/" + name + ".git");
    return binding;
  }
  static LaneHealth lane(ErrorCode error, const std::string& branch = "main") {
    LaneHealth lane;
    lane.lane_id = 7;
    lane.key = {"robot", branch_ref(branch), branch_ref(branch)};
    lane.last_error = info(error).name;
    lane.last_code_status = info(error).code_status;
    lane.last_text = "internal main -> external main\nwhat went wrong";
    lane.last_run_at_ms = kNow - 1'000;
    lane.marked_at_ms = kNow - 2'000;
    return lane;
  }
  static LaneHealth retrying(ErrorCode error, int attempts) {
    auto trying = lane(error);
    trying.is_pending = true;
    trying.attempts = attempts;
    return trying;
  }
  static LaneHealth well() {
    auto lane = Troubles::lane(ErrorCode::Timeout);
    lane.last_error.clear();
    lane.last_success_at_ms = lane.last_run_at_ms;
    return lane;
  }
  static Told told(NoticeEvent event = NoticeEvent::Failed) {
    return {{NoticeSubject::Kind::Lane, "7"}, event, kNow - kMinute, kNow - kMinute};
  }
  Surroundings around() {
    return {bindings_, resting_, [this](const std::string&) { return answers_since_ms_; }, {}, now_ms_};
  }
  Findings judge(const LaneHealth& lane, const std::vector<Told>& known = {}) {
    return judge_lanes({{lane}, known}, around());
  }
  /// The one event that is told; unset: none.
  std::optional<NoticeEvent> event(const LaneHealth& lane, const std::vector<Told>& known = {}) {
    const auto found = judge(lane, known);
    EXPECT_LE(found.notices.size(), 1U);
    return found.notices.empty() ? std::nullopt : std::optional(found.notices[0].event);
  }

  BindingSnapshot bindings_;
  std::set<std::string> resting_;
  std::int64_t answers_since_ms_ = 0;
  std::int64_t now_ms_ = kNow;
};

TEST_F(Troubles, WhatWaitsForSomebodyIsToldAtOnce) {
  for (const auto error :
       {ErrorCode::AuthenticationFailed, ErrorCode::AccessDenied, ErrorCode::ProtectedBranch,
        ErrorCode::RejectedByRemote, ErrorCode::BranchMissing}) {
    const auto found = judge(lane(error));
    ASSERT_EQ(found.notices.size(), 1U) << info(error).name;
    EXPECT_EQ(found.notices[0].event, NoticeEvent::Failed);
    EXPECT_EQ(found.notices[0].error, info(error).name);
    EXPECT_EQ(found.notices[0].text, "what went wrong");
    EXPECT_EQ(found.put.size(), 1U);
  }
  EXPECT_EQ(event(lane(ErrorCode::Diverged)), NoticeEvent::Diverged);
  auto crashing = well();
  crashing.quarantined = true;
  EXPECT_EQ(event(crashing), NoticeEvent::Failed);
}

TEST_F(Troubles, ANewMarkDoesNotHideWhatWaitsForSomebody) {
  auto again = lane(ErrorCode::Diverged);
  again.is_pending = true;
  EXPECT_EQ(event(again), NoticeEvent::Diverged);
}

TEST_F(Troubles, WhatMayHealIsToldAfterSomeAttemptsOrSomeTime) {
  EXPECT_EQ(event(retrying(ErrorCode::Timeout, 4)), std::nullopt);
  EXPECT_EQ(event(retrying(ErrorCode::Timeout, 5)), NoticeEvent::Failed);
  auto slow = retrying(ErrorCode::LeaseLost, 1);
  slow.marked_at_ms = kNow - 10 * kMinute + 1;
  EXPECT_EQ(event(slow), std::nullopt);
  slow.marked_at_ms -= 1;
  EXPECT_EQ(event(slow), NoticeEvent::Failed);
  EXPECT_EQ(event(retrying(ErrorCode::Cancelled, 0)), std::nullopt);
}

TEST_F(Troubles, ToldOnceWhateverFollows) {
  for (const int attempts : {5, 20, 1'000}) {
    EXPECT_TRUE(judge(retrying(ErrorCode::Timeout, attempts), {told()}).empty()) << attempts;
  }
  EXPECT_TRUE(judge(lane(ErrorCode::AuthenticationFailed), {told()}).empty());
  EXPECT_TRUE(judge(retrying(ErrorCode::Timeout, 9), {told(NoticeEvent::Diverged)}).empty());
  EXPECT_TRUE(judge(retrying(ErrorCode::Timeout, 1), {told()}).empty());
}

TEST_F(Troubles, AFailureThatTurnsOutADivergenceIsToldAsOne) {
  EXPECT_EQ(event(lane(ErrorCode::Diverged), {told()}), NoticeEvent::Diverged);
  EXPECT_TRUE(judge(lane(ErrorCode::Diverged), {told(NoticeEvent::Diverged)}).empty());
}

TEST_F(Troubles, ARecoveryIsToldWhereTheTroubleWas) {
  const auto found = judge(well(), {told()});
  ASSERT_EQ(found.notices.size(), 1U);
  EXPECT_EQ(found.notices[0].event, NoticeEvent::Recovered);
  EXPECT_EQ(found.notices[0].since_ms, kNow - kMinute);
  EXPECT_EQ(found.forget.size(), 1U);
  EXPECT_TRUE(judge(well()).empty());
}

TEST_F(Troubles, WhatNobodySyncsIsForgottenWithoutAWord) {
  const auto forgotten = [](const Findings& found) {
    return found.notices.empty() && found.forget.size() == 1;
  };
  auto off = lane(ErrorCode::Diverged, "off");
  EXPECT_TRUE(judge(off).empty());
  EXPECT_TRUE(forgotten(judge(off, {told()})));
  EXPECT_TRUE(forgotten(judge(lane(ErrorCode::Diverged, "unbound"), {told()})));
  bindings_.repositories["robot"].enabled = false;
  EXPECT_TRUE(forgotten(judge(lane(ErrorCode::Diverged), {told()})));
  bindings_.repositories.clear();
  EXPECT_TRUE(forgotten(judge(lane(ErrorCode::Diverged), {told()})));
}

TEST_F(Troubles, NewAddressesEndWhatWasToldOfTheOldOnes) {
  auto renewed = well();
  renewed.last_run_at_ms = 0;
  const auto found = judge(renewed, {told()});
  EXPECT_TRUE(found.notices.empty());
  EXPECT_EQ(found.forget.size(), 1U);
}

TEST_F(Troubles, ADroppedRequestIsNoTrouble) {
  EXPECT_TRUE(judge(lane(ErrorCode::NotEnabled)).empty());
}

TEST_F(Troubles, OfAWholeRepositoryABranchThatIsGoneIsNoTrouble) {
  bindings_.repositories["robot"].granularity = Granularity::All;
  EXPECT_TRUE(judge(lane(ErrorCode::BranchMissing)).empty());
  EXPECT_FALSE(judge(lane(ErrorCode::Diverged)).empty());
}

TEST_F(Troubles, WhatWaitsForAHostIsTheHosts) {
  resting_ = {"out.example"};
  EXPECT_TRUE(judge(retrying(ErrorCode::Timeout, 50)).empty());
  EXPECT_EQ(event(lane(ErrorCode::Diverged)), NoticeEvent::Diverged);
  resting_.clear();
  answers_since_ms_ = kNow;
  EXPECT_TRUE(judge(retrying(ErrorCode::Timeout, 50)).empty()) << "it was not tried since";
  answers_since_ms_ = kNow - 1'000;
  EXPECT_FALSE(judge(retrying(ErrorCode::Timeout, 50)).empty());
}

TEST_F(Troubles, ABadCertificateMayBeTheWholeHosts) {
  EXPECT_TRUE(judge(lane(ErrorCode::TlsFailed)).empty());
  now_ms_ += kMinute;
  EXPECT_FALSE(judge(lane(ErrorCode::TlsFailed)).empty());
}

class HostTroubles : public Troubles {
 protected:
  Findings look(const std::vector<Told>& known = {}, bool has_succeeded = false) {
    watch_.see(resting_, now_ms_);
    return *watch_.judge({{}, known}, around(), [&](auto, auto) { return has_succeeded; });
  }
  static Told down() {
    return {
        {NoticeSubject::Kind::Host, "out.example"}, NoticeEvent::HostDown, kNow - kMinute, kNow - kMinute};
  }
  HostWatch watch_{kNow - kMinute};
};

TEST_F(HostTroubles, AHostThatRestsForLongIsToldOnce) {
  resting_ = {"out.example"};
  EXPECT_TRUE(look().empty());
  now_ms_ += kMinute;
  const auto found = look();
  ASSERT_EQ(found.notices.size(), 1U);
  EXPECT_EQ(found.notices[0].event, NoticeEvent::HostDown);
  EXPECT_EQ(found.notices[0].host, "out.example");
  EXPECT_TRUE(look({down()}).empty());
  resting_.clear();
  const auto up = look({down()});
  ASSERT_EQ(up.notices.size(), 1U);
  EXPECT_EQ(up.notices[0].event, NoticeEvent::HostUp);
  EXPECT_EQ(up.forget.size(), 1U);
}

TEST_F(HostTroubles, AShortRestIsNotTold) {
  resting_ = {"out.example"};
  EXPECT_TRUE(look().empty());
  resting_.clear();
  now_ms_ += 2 * kMinute;
  EXPECT_TRUE(look().empty());
}

TEST_F(HostTroubles, AfterARestartAHostIsUpOnlyWhenItAnswered) {
  EXPECT_TRUE(look({down()}).empty());
  resting_ = {"out.example"};
  now_ms_ += 2 * kMinute;
  EXPECT_TRUE(look({down()}).empty()) << "told already";
  resting_.clear();
  EXPECT_EQ(look({down()}).notices.size(), 1U);
}

TEST_F(HostTroubles, AfterARestartASuccessSaysThatItAnswers) {
  EXPECT_TRUE(look({down()}, false).empty());
  EXPECT_EQ(look({down()}, true).notices.size(), 1U);
}

TEST_F(HostTroubles, AHostThatIsBoundNoLongerIsForgotten) {
  bindings_.repositories.clear();
  const auto found = look({down()}, true);
  EXPECT_TRUE(found.notices.empty());
  EXPECT_EQ(found.forget.size(), 1U);
}

}  // namespace
}  // namespace gitferry
