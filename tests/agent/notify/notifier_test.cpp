#include "agent/notify/notifier.h"

#include <atomic>
#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/model/webhook_source.h"
#include "tests/agent/notify/notice_fixture.h"
#include "tests/agent/store/store_fixture.h"
#include "tests/support/certificate.h"
#include "tests/support/notice_receiver.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using test::NoticeReceiver;
using ::testing::HasSubstr;

constexpr const char* kHookSecret = "whsec_Z2l0ZmVycnktbm90aWZ5LXRlc3Qta2V5LW9mLTMyLWI=";

/// A notifier on a real store, and real time: what it waits for is short.
class NotifierTest : public StoreTest {
 protected:
  NotifierTest() {
    auto& robot = bindings_->repositories["robot"];
    robot.name = "robot";
    robot.internal = parse_remote_url("https://in.example/acme/robot.git", any_scheme())->url;
    robot.external = parse_remote_url("https://out.example/acme/robot.git", any_scheme())->url;
    for (int i = 0; i < 40; ++i) robot.branches.push_back({"b" + std::to_string(i), "b" + std::to_string(i)});
    test::replace_file((directory_ / "secret").string(), kHookSecret);
  }
  ~NotifierTest() override { notifier_.reset(); }

  void start(const std::string& url, ChannelKind kind = ChannelKind::Webhook,
             milliseconds digest = milliseconds(1)) {
    test::replace_file((directory_ / "url").string(), url);
    NotifyOptions options;
    options.channels = {channel_of(kind)};
    options.channels[0].url.file = (directory_ / "url").string();
    options.channels[0].secret.file = (directory_ / "secret").string();
    options.channels[0].old_secret = old_secret_;
    options.channels[0].digest = digest;
    options.outgoing.http.addresses = *AddressPolicy::from({"127.0.0.0/8"});
    options.outgoing.allows_http = true;
    notifier_ = std::make_unique<Notifier>(
        Notifier::Parts{store().notices(), wall_, [this] { return Snapshot(bindings_); },
                        [] { return std::vector<std::string>{}; }, pace_},
        std::move(options));
    notifier_->start();
  }
  /// Once it is noted that all was sent: what was on its way would be sent again, with the same id.
  void stop() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (store().notices().open_message(channel_of(ChannelKind::Webhook).name).value() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    notifier_.reset();
  }

  void run(const std::string& branch, std::optional<ErrorCode> error) {
    const auto row = lane(marked(mark_of(branch)).marked.at(0).lane_id);
    auto end = success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value());
    if (error) end.report.error = Error{*error, "it failed", {}, {}};
    ASSERT_TRUE(store().finish_run(end));
  }
  /// Waits, and says which events came in which order.
  static std::string events_of(NoticeReceiver& receiver, std::size_t requests) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (receiver.received().size() < requests && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    std::string events;
    for (const auto& one : receiver.received()) {
      for (auto at = one.body.find(R"("event":")"); at != std::string::npos;
           at = one.body.find(R"("event":")", at + 1)) {
        const auto begin = at + 9;
        events += one.body.substr(begin, one.body.find('"', begin) - begin) + " ";
      }
      events += "| ";
    }
    return events;
  }
  /// Until the notifier looked once more, whatever it found.
  void wait_for_a_look() {
    const auto seen = looks_.load();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (looks_.load() < seen + 2 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(2));
    }
  }

  std::shared_ptr<BindingSnapshot> bindings_ = std::make_shared<BindingSnapshot>();
  std::atomic<int> looks_{0};
  SecretPlace old_secret_;
  SystemClock wall_;
  Notifier::Pace pace_{milliseconds(5),  milliseconds(5),  milliseconds(1),
                       milliseconds(20), milliseconds(40), std::chrono::hours(24)};
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, TellsATroubleAndItsEndOnceEachAlsoOverRestarts) {
  NoticeReceiver receiver;
  run("b1", ErrorCode::AuthenticationFailed);
  start(receiver.url());
  EXPECT_EQ(events_of(receiver, 1), "failed | ");
  run("b1", ErrorCode::AuthenticationFailed);
  stop();
  reopen();
  start(receiver.url());
  run("b1", ErrorCode::AuthenticationFailed);
  run("b2", ErrorCode::Diverged);
  EXPECT_EQ(events_of(receiver, 2), "failed | diverged | ");
  stop();
  run("b1", std::nullopt);
  reopen();
  start(receiver.url());
  EXPECT_EQ(events_of(receiver, 3), "failed | diverged | recovered | ");
}

TEST_F(NotifierTest, SignsWhatItSendsAndKeepsTheIdOverRetries) {
  NoticeReceiver receiver([](std::size_t number) {
    if (number == 0) return NoticeReceiver::answer("500 Internal Server Error", "oops");
    if (number == 1) return NoticeReceiver::answer("429 Too Many Requests", "");
    return NoticeReceiver::ok();
  });
  start(receiver.url());
  run("b1", ErrorCode::AuthenticationFailed);
  EXPECT_EQ(events_of(receiver, 3), "failed | failed | failed | ");
  const auto received = receiver.received();
  const auto id = received.at(0).headers.at("webhook-id");
  EXPECT_THAT(id, HasSubstr("msg_"));
  const auto key = standard_webhooks_key(Secret(kHookSecret));
  for (const auto& one : received) {
    EXPECT_EQ(one.headers.at("webhook-id"), id);
    const auto content = id + "." + one.headers.at("webhook-timestamp") + "." + one.body;
    EXPECT_EQ(one.headers.at("webhook-signature"), "v1," + to_base64(hmac_sha256(*key, content)));
  }
}

TEST_F(NotifierTest, SignsWithBothSecretsWhileOneIsExchanged) {
  NoticeReceiver receiver([](std::size_t) { return NoticeReceiver::ok(); });
  const std::string old = "whsec_b2xkLWtleS1vZi10aGUtcmVjZWl2ZXItMzItYnl0ZXMhIQ==";
  test::replace_file((directory_ / "old").string(), old);
  old_secret_.file = (directory_ / "old").string();
  start(receiver.url());
  run("b1", ErrorCode::AuthenticationFailed);
  EXPECT_EQ(events_of(receiver, 1), "failed | ");
  const auto one = receiver.received().at(0);
  const auto content =
      one.headers.at("webhook-id") + "." + one.headers.at("webhook-timestamp") + "." + one.body;
  const auto with = [&](const std::string& secret) {
    return "v1," + to_base64(hmac_sha256(*standard_webhooks_key(Secret(secret)), content));
  };
  EXPECT_EQ(one.headers.at("webhook-signature"), with(kHookSecret) + " " + with(old));
}

TEST_F(NotifierTest, SaysThatAChannelFailsUntilItTakesANotice) {
  std::atomic<bool> works{false};
  NoticeReceiver receiver([&](std::size_t) {
    return works ? NoticeReceiver::ok() : NoticeReceiver::answer("503 Service Unavailable", "");
  });
  start(receiver.url());
  EXPECT_EQ(notifier_->state(), "ok");
  run("b1", ErrorCode::AuthenticationFailed);
  const auto becomes = [&](const std::string& state) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (notifier_->state() != state && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    return notifier_->state() == state;
  };
  EXPECT_TRUE(becomes("1 of 1 channels failing"));
  works = true;
  EXPECT_TRUE(becomes("ok"));
}

TEST_F(NotifierTest, ManyAtOnceAreOneMessage) {
  NoticeReceiver receiver;
  for (int i = 0; i < 30; ++i) run("b" + std::to_string(i), ErrorCode::AccessDenied);
  start(receiver.url(), ChannelKind::Slack);
  events_of(receiver, 1);
  stop();
  ASSERT_EQ(receiver.received().size(), 1U);
  EXPECT_THAT(receiver.received()[0].body, HasSubstr("[gitferry] 30 gone bad, 0 well again"));
}

TEST_F(NotifierTest, IsOffWithoutChannels) {
  notifier_ = std::make_unique<Notifier>(
      Notifier::Parts{store().notices(), wall_, [this] { return Snapshot(bindings_); },
                      [this] {
                        ++looks_;
                        return std::vector<std::string>{};
                      },
                      pace_},
      NotifyOptions{});
  notifier_->start();
  EXPECT_EQ(notifier_->state(), "off");
  run("b1", ErrorCode::Diverged);
  NoticeReceiver receiver;
  test::replace_file((directory_ / "url").string(), receiver.url());
  NotifyOptions options;
  options.channels = {channel_of(ChannelKind::Webhook)};
  options.channels[0].url.file = (directory_ / "url").string();
  options.channels[0].secret.file = (directory_ / "secret").string();
  options.channels[0].digest = milliseconds(1);
  options.outgoing.http.addresses = *AddressPolicy::from({"127.0.0.0/8"});
  options.outgoing.allows_http = true;
  notifier_->replace(std::move(options));
  EXPECT_EQ(events_of(receiver, 1), "diverged | ") << "what is bad by then is told";
  wait_for_a_look();
  EXPECT_EQ(receiver.received().size(), 1U);
}

TEST_F(NotifierTest, GivesUpVisibly) {
  pace_.give_up_after = milliseconds(50);
  NoticeReceiver receiver(
      [](std::size_t) { return NoticeReceiver::answer("500 Internal Server Error", ""); });
  start(receiver.url());
  run("b1", ErrorCode::AuthenticationFailed);
  const auto is_seen = [&] {
    const auto states = store().notices().channels().value();
    return !states.empty() && states[0].given_up == 1 && notifier_->state() == "1 of 1 channels failing";
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_seen() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_TRUE(is_seen()) << notifier_->state();
}

}  // namespace
}  // namespace gitferry
