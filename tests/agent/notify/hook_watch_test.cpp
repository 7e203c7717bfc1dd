#include "agent/notify/hook_watch.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

constexpr std::int64_t kNow = 1'790'000'000'000;
constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kDay = 24 * 60 * kMinute;

/// A book of what a store would have; nothing is told or sent by it.
class KnownBook : public NoticeBook {
 public:
  std::vector<MissedPushes> missed;
  std::map<std::pair<std::string, Side>, std::int64_t> heard;
  std::optional<Error> broken;
  std::int64_t asked_since_ms = 0;

  Result<std::vector<MissedPushes>> missed_pushes(std::int64_t since_ms) override {
    asked_since_ms = since_ms;
    if (broken) return fail(*broken);
    return missed;
  }
  Result<std::int64_t> last_delivery_at_ms(const std::string& repository, Side side) override {
    if (broken) return fail(*broken);
    return heard[{repository, side}];
  }

  Result<TroubleView> look() override { return unasked<TroubleView>(); }
  Result<bool> has_succeeded_since(std::span<const std::string> /*repositories*/,
                                   std::int64_t /*since_ms*/) override {
    return unasked<bool>();
  }
  Status tell(const Telling& /*telling*/) override { return unasked<void>(); }
  Result<std::optional<NoticeMessage>> open_message(const std::string& /*channel*/) override {
    return unasked<std::optional<NoticeMessage>>();
  }
  Result<std::optional<NoticeMessage>> make_message(const std::string& /*channel*/, const std::string& /*id*/,
                                                    std::size_t /*most*/, std::int64_t /*now_ms*/) override {
    return unasked<std::optional<NoticeMessage>>();
  }
  Status note_sent(const NoticeMessage& /*message*/, std::int64_t /*now_ms*/) override {
    return unasked<void>();
  }
  Status note_failed(const NoticeMessage& /*message*/, const std::string& /*error*/, std::int64_t /*now_ms*/,
                     std::int64_t /*next_attempt_at_ms*/) override {
    return unasked<void>();
  }
  Status give_up(const NoticeMessage& /*message*/, const std::string& /*error*/,
                 std::int64_t /*now_ms*/) override {
    return unasked<void>();
  }
  Status keep_channels(std::span<const std::string> /*names*/) override { return unasked<void>(); }
  Result<std::vector<ChannelState>> channels() override { return unasked<std::vector<ChannelState>>(); }

 private:
  template <typename T>
  static Result<T> unasked() {
    ADD_FAILURE() << "hooks are judged without that";
    return fail(ErrorCode::Internal, "nobody asks for that");
  }
};

RemoteUrl url(const std::string& text) {
  return parse_remote_url(text, any_scheme())->url;
}

/// A repository `robot` to which pushes come on the internal side, and a webhook there that has gone silent.
class HookWatch : public ::testing::Test {
 protected:
  HookWatch() {
    binding_.name = "robot";
    binding_.internal = url("https://in.example/acme/robot.git");
    binding_.external = url("https://out.example/acme/robot.git");
    binding_.internal_webhook = WebhookSource{};
    book_.missed = {{"robot", Side::Internal, 2, kNow - 60 * kMinute, kNow - 3 * kMinute, kNow - kDay}};
  }
  Findings judge(const std::vector<Told>& told = {}) {
    BindingSnapshot bindings;
    if (is_bound_) bindings.repositories["robot"] = binding_;
    bindings.hooks = hooks_;
    auto found = judge_hooks({{}, told}, bindings, book_, kNow);
    EXPECT_TRUE(found);
    return found ? std::move(*found) : Findings{};
  }
  bool tells() { return !judge().notices.empty(); }
  MissedPushes& missed() { return book_.missed.front(); }
  static Told told_of(const std::string& name = "robot/internal") {
    return {{NoticeSubject::Kind::Hook, name}, NoticeEvent::HookSilent, kNow - kDay, kNow - 30 * kMinute};
  }
  static OrganisationHook hook_of(const std::string& instance, std::vector<std::string> owners) {
    OrganisationHook hook;
    hook.name = "everybody";
    // As a host's address is kept: without a repository.
    hook.instance = url(instance + "x");
    hook.instance.path.clear();
    hook.owners = std::move(owners);
    return hook;
  }

  RepositoryBinding binding_;
  bool is_bound_ = true;
  std::vector<OrganisationHook> hooks_;
  KnownBook book_;
};

TEST_F(HookWatch, TellsOfAHookThatMissedPushesTwice) {
  const auto found = judge();
  ASSERT_EQ(found.notices.size(), 1U);
  const auto& notice = found.notices[0];
  EXPECT_EQ(notice.event, NoticeEvent::HookSilent);
  EXPECT_EQ(notice.subject, told_of().subject);
  EXPECT_EQ(notice.key.repository, "robot");
  EXPECT_EQ(notice.side, Side::Internal);
  EXPECT_EQ(notice.branches, 2);
  EXPECT_EQ(notice.since_ms, kNow - 60 * kMinute);
  EXPECT_EQ(notice.at_ms, kNow);
  ASSERT_EQ(found.put.size(), 1U);
  EXPECT_EQ(found.put[0].subject, notice.subject);
  EXPECT_TRUE(found.forget.empty());
  EXPECT_EQ(book_.asked_since_ms, kNow - 7 * kDay) << "what is older says nothing of today";
}

TEST_F(HookWatch, LeavesAloneWhatOneMissedPushOrALateWebhookExplains) {
  missed().found = 1;
  EXPECT_FALSE(tells());
  missed().found = 2;
  missed().last_found_at_ms = kNow - 2 * kMinute + 1;
  EXPECT_FALSE(tells()) << "its webhook may still come";
  missed().last_found_at_ms = kNow - 2 * kMinute;
  EXPECT_TRUE(tells());
}

TEST_F(HookWatch, LeavesAloneWhatNobodyWaitsFor) {
  binding_.enabled = false;
  EXPECT_FALSE(tells());
  binding_.enabled = true;
  missed().side = Side::External;
  EXPECT_FALSE(tells()) << "no push of the target is synced";
  binding_.direction = BindingDirection::Both;
  EXPECT_TRUE(tells());
  is_bound_ = false;
  EXPECT_FALSE(tells());
}

TEST_F(HookWatch, LeavesASideAloneThatNeverHadAHook) {
  binding_.internal_webhook.reset();
  EXPECT_TRUE(tells()) << "deliveries came, whoever sent them";
  missed().last_delivery_at_ms = 0;
  EXPECT_FALSE(tells()) << "the reconcile is all it has";
}

TEST_F(HookWatch, CountsOrganisationsHooksThatCoverTheSide) {
  binding_.internal_webhook.reset();
  missed().last_delivery_at_ms = 0;
  const std::vector<std::pair<OrganisationHook, bool>> cases{
      {hook_of("https://in.example/", {}), true},
      {hook_of("https://in.example/", {"acme"}), true},
      {hook_of("https://in.example/", {"other", "acme/robot"}), true},
      {hook_of("https://in.example/", {"acm"}), false},  // a part of a name is another name
      {hook_of("https://in.example/", {"acme/rob"}), false},
      {hook_of("https://out.example/", {}), false},
  };
  for (const auto& [hook, covers] : cases) {
    hooks_ = {hook};
    EXPECT_EQ(tells(), covers) << hook.instance.host << " " << ::testing::PrintToString(hook.owners);
  }
}

TEST_F(HookWatch, TellsOnce) {
  EXPECT_TRUE(judge({told_of()}).empty());
  EXPECT_EQ(judge({told_of("robot/external")}).notices.size(), 1U) << "the other side is another hook";
  const Told of_lane{{NoticeSubject::Kind::Lane, "robot/internal"}, NoticeEvent::Failed, 0, 0};
  EXPECT_EQ(judge({of_lane}).notices.size(), 1U);
}

TEST_F(HookWatch, TellsThatItIsHeardAgain) {
  auto& heard = book_.heard[{"robot", Side::Internal}];
  heard = kNow - 30 * kMinute;  // when it was told
  EXPECT_TRUE(judge({told_of()}).empty());
  heard += 1;
  const auto found = judge({told_of()});
  ASSERT_EQ(found.notices.size(), 1U);
  EXPECT_EQ(found.notices[0].event, NoticeEvent::HookHeard);
  EXPECT_EQ(found.notices[0].since_ms, kNow - kDay);
  EXPECT_EQ(found.forget, std::vector{told_of().subject});
  EXPECT_TRUE(found.put.empty());
}

TEST_F(HookWatch, ForgetsWithoutAWordWhatNobodyWaitsForAnyMore) {
  const auto is_forgotten = [&] {
    const auto found = judge({told_of()});
    return found.forget == std::vector{told_of().subject} && found.notices.empty() && found.put.empty();
  };
  book_.missed.clear();
  EXPECT_FALSE(is_forgotten());
  binding_.enabled = false;
  EXPECT_TRUE(is_forgotten());
  binding_.enabled = true;
  binding_.direction = BindingDirection::ToInter;
  EXPECT_TRUE(is_forgotten()) << "pushes come on the other side now";
  binding_.direction = BindingDirection::ToOuter;
  is_bound_ = false;
  EXPECT_TRUE(is_forgotten());
}

TEST_F(HookWatch, PassesOnWhatTheBookCannotSay) {
  book_.broken = Error{ErrorCode::StoreBusy, "read the book: it is busy", {}, {}};
  BindingSnapshot bindings;
  bindings.repositories["robot"] = binding_;
  for (const auto& told : {std::vector<Told>{}, std::vector{told_of()}}) {
    const auto found = judge_hooks({{}, told}, bindings, book_, kNow);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::StoreBusy);
  }
}

}  // namespace
}  // namespace gitferry
