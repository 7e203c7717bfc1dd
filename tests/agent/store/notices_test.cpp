#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/store/notice_book.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class NoticesTest : public StoreTest {
 protected:
  NoticeBook& book() { return store().notices(); }

  static Notice notice_of(const std::string& subject, NoticeEvent event = NoticeEvent::Failed) {
    Notice notice;
    notice.event = event;
    notice.subject = {NoticeSubject::Kind::Lane, subject};
    notice.key = lane_key("main");
    notice.host = "git.example";
    notice.side = Side::External;
    notice.error = "timeout";
    notice.code_status = 20004;
    notice.text = "why";
    notice.attempts = 5;
    notice.branches = 3;
    notice.since_ms = 10;
    notice.at_ms = 20;
    return notice;
  }
  void queue(const Notice& notice, const std::string& channel = "ops") {
    Telling telling;
    telling.copies = {{channel, notice}};
    ASSERT_TRUE(book().tell(telling));
  }
  std::vector<std::string> waiting(const std::string& channel = "ops") {
    std::vector<std::string> found;
    const auto made = book().make_message(channel, "peek_" + channel, 100, now_ms()).value();
    if (!made) return found;
    for (const auto& notice : made->notices) found.push_back(notice.subject.name);
    return found;
  }
  ChannelState state(const std::string& channel = "ops") {
    const auto states = book().channels().value();
    for (const auto& one : states) {
      if (one.name == channel) return one;
    }
    return {};
  }
  /// A lane that was marked and ran with this error.
  std::int64_t failed_lane(const std::string& branch, ErrorCode error) {
    const auto id = marked(mark_of(branch)).marked.at(0).lane_id;
    const auto row = lane(id);
    auto end = success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value());
    end.report.error = Error{error, "it failed", {}, {}};
    if (end.report.error->is_transient()) end.done_seq.reset();
    EXPECT_TRUE(store().finish_run(end));
    return id;
  }
};

TEST_F(NoticesTest, LooksAtWhatFailedAndAtWhatWasToldOf) {
  const auto failed = failed_lane("main", ErrorCode::Diverged);
  marked(mark_of("fresh"));
  const auto mended = failed_lane("mended", ErrorCode::Timeout);
  const auto row = lane(mended);
  ASSERT_TRUE(store().finish_run(success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value())));
  EXPECT_EQ(book().look().value().lanes.size(), 1U);

  Telling telling;
  telling.put = {{{NoticeSubject::Kind::Lane, std::to_string(mended)}, NoticeEvent::Failed, 1, 2}};
  ASSERT_TRUE(book().tell(telling));
  reopen();
  const auto view = book().look().value();
  ASSERT_EQ(view.lanes.size(), 2U);
  EXPECT_EQ(view.lanes[0].lane_id, failed);
  EXPECT_EQ(view.lanes[0].last_error, "diverged");
  EXPECT_FALSE(view.lanes[0].is_pending);
  EXPECT_EQ(view.lanes[1].lane_id, mended);
  EXPECT_TRUE(view.lanes[1].last_error.empty());
  ASSERT_EQ(view.told.size(), 1U);
  EXPECT_EQ(view.told[0].subject, (NoticeSubject{NoticeSubject::Kind::Lane, std::to_string(mended)}));
  EXPECT_EQ(view.told[0].told_at_ms, 2);

  telling = {};
  telling.forget = {view.told[0].subject};
  ASSERT_TRUE(book().tell(telling));
  EXPECT_TRUE(book().look().value().told.empty());
}

TEST_F(NoticesTest, AMessageKeepsItsIdAndContentsUntilItIsSent) {
  const auto sent = notice_of("7");
  queue(sent);
  EXPECT_EQ(state().waiting, 1);
  EXPECT_EQ(state().oldest_waiting_at_ms, 20);
  const auto made = book().make_message("ops", "msg_1", 100, 1'000).value();
  ASSERT_TRUE(made);
  queue(notice_of("8"));
  reopen();
  const auto open = book().open_message("ops").value();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->id, "msg_1");
  ASSERT_EQ(open->notices.size(), 1U);
  const auto& kept = open->notices[0];
  EXPECT_EQ(kept.event, sent.event);
  EXPECT_EQ(kept.subject, sent.subject);
  EXPECT_EQ(kept.key, sent.key);
  EXPECT_EQ(kept.host, sent.host);
  EXPECT_EQ(kept.side, sent.side);
  EXPECT_EQ(kept.error, sent.error);
  EXPECT_EQ(kept.code_status, sent.code_status);
  EXPECT_EQ(kept.text, sent.text);
  EXPECT_EQ(kept.attempts, sent.attempts);
  EXPECT_EQ(kept.branches, sent.branches);
  EXPECT_EQ(kept.since_ms, sent.since_ms);
  EXPECT_EQ(kept.at_ms, sent.at_ms);

  ASSERT_TRUE(book().note_sent(*open, 2'000));
  EXPECT_FALSE(book().open_message("ops").value());
  EXPECT_EQ(state().last_sent_at_ms, 2'000);
  EXPECT_EQ(waiting(), std::vector<std::string>{"8"});
}

TEST_F(NoticesTest, AFailureIsKnownUntilASuccess) {
  queue(notice_of("7"));
  const auto made = book().make_message("ops", "msg_1", 100, 1'000).value();
  ASSERT_TRUE(book().note_failed(*made, "no answer", 2'000, 12'000));
  ASSERT_TRUE(book().note_failed(*made, "refused", 12'000, 32'000));
  const auto open = book().open_message("ops").value();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->attempts, 2);
  EXPECT_EQ(open->next_attempt_at_ms, 32'000);
  EXPECT_EQ(state().failing_since_ms, 2'000);
  EXPECT_EQ(state().last_error, "refused");
  ASSERT_TRUE(book().give_up(*open, "refused", 40'000));
  EXPECT_EQ(state().given_up, 1);
  EXPECT_EQ(state().waiting, 0);
  queue(notice_of("8"));
  ASSERT_TRUE(book().note_sent(*book().make_message("ops", "msg_2", 100, 50'000).value(), 50'000));
  EXPECT_EQ(state().failing_since_ms, 0);
  EXPECT_EQ(state().given_up, 0);
}

TEST_F(NoticesTest, WhatEndsBeforeItWasSentIsNotSent) {
  queue(notice_of("7"));
  queue(notice_of("8"));
  queue(notice_of("7"), "other");
  queue(notice_of("7", NoticeEvent::Recovered));
  EXPECT_EQ(waiting(), std::vector<std::string>{"8"});
  EXPECT_EQ(waiting("other"), std::vector<std::string>{"7"});
}

TEST_F(NoticesTest, WhatEndsAfterItWasSentIsTold) {
  queue(notice_of("7"));
  ASSERT_TRUE(book().make_message("ops", "msg_1", 100, 1'000).value());
  queue(notice_of("7", NoticeEvent::Recovered));
  EXPECT_EQ(waiting(), std::vector<std::string>{"7"});
}

TEST_F(NoticesTest, AMessageTakesNoMoreThanItIsAskedTo) {
  for (int i = 0; i < 5; ++i) queue(notice_of(std::to_string(i)));
  EXPECT_EQ(book().make_message("ops", "msg_1", 3, 1'000).value()->notices.size(), 3U);
  EXPECT_EQ(book().make_message("ops", "msg_2", 3, 1'000).value()->notices.size(), 2U);
  EXPECT_FALSE(book().make_message("ops", "msg_3", 3, 1'000).value());
  EXPECT_EQ(book().open_message("ops").value()->id, "msg_1");
}

TEST_F(NoticesTest, MoreThanTheLimitIsGivenUpTheOldestFirst) {
  Telling telling;
  for (std::int64_t i = 0; i < kMostWaitingNotices + 2; ++i) {
    telling.copies.push_back({"ops", notice_of(std::to_string(i))});
  }
  ASSERT_TRUE(book().tell(telling));
  EXPECT_EQ(state().waiting, kMostWaitingNotices);
  EXPECT_EQ(state().given_up, 2);
  EXPECT_EQ(waiting().front(), "2");
}

TEST_F(NoticesTest, ChannelsThatAreGoneAreForgotten) {
  queue(notice_of("7"), "old");
  ASSERT_TRUE(book().make_message("old", "msg_1", 100, 1'000).value());
  queue(notice_of("8"), "old");
  queue(notice_of("7"));
  const std::vector<std::string> kept{"ops"};
  ASSERT_TRUE(book().keep_channels(kept));
  const auto states = book().channels().value();
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].name, "ops");
}

TEST_F(NoticesTest, FindsWhatAReconcileFoundAndNoDeliveryTold) {
  const auto reconciled = [&](const std::string& branch, Plan plan = Plan::FastForward) {
    const auto id = marked(mark_of(branch), Trigger::Reconcile).marked.at(0).lane_id;
    const auto row = lane(id);
    auto end = success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value());
    end.report.plan = plan;
    ASSERT_TRUE(store().finish_run(end));
  };
  reconciled("main");
  reconciled("other");
  reconciled("equal", Plan::Nothing);
  auto missed = book().missed_pushes(0).value();
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_EQ(missed[0].repository, "robot");
  EXPECT_EQ(missed[0].side, Side::Internal);
  EXPECT_EQ(missed[0].found, 1) << "one comparison";
  clock_.advance(std::chrono::minutes(10));
  reconciled("main");
  EXPECT_EQ(book().missed_pushes(0).value().at(0).found, 2);
  EXPECT_EQ(book().last_delivery_at_ms("robot", Side::Internal).value(), 0);

  auto delivery = delivery_of("1");
  delivery.side = Side::External;
  delivery.received_at_ms = now_ms() + 1;
  ASSERT_TRUE(store().record_delivery(delivery, {}));
  EXPECT_EQ(book().missed_pushes(0).value().size(), 1U) << "the other side's hook";
  delivery.side = Side::Internal;
  ASSERT_TRUE(store().record_delivery(delivery, {}));
  EXPECT_TRUE(book().missed_pushes(0).value().empty());
  EXPECT_EQ(book().last_delivery_at_ms("robot", Side::Internal).value(), now_ms() + 1);
}

TEST_F(NoticesTest, KnowsWhetherARunSucceededSince) {
  const auto row = lane(marked(mark_of("main")).marked.at(0).lane_id);
  const std::vector<std::string> names{"robot"};
  EXPECT_FALSE(book().has_succeeded_since(names, 0).value());
  ASSERT_TRUE(store().finish_run(success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value())));
  EXPECT_TRUE(book().has_succeeded_since(names, now_ms() - 1).value());
  EXPECT_FALSE(book().has_succeeded_since(names, now_ms()).value());
}

}  // namespace
}  // namespace gitferry
