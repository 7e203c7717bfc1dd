#include "agent/store/writer.h"

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/failing_vfs.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class WriterTest : public StoreTest {
 protected:
  void open_writer(std::size_t queue_limit, const std::string& vfs = "") {
    directory_lock_ = std::make_unique<DataDirectory>(DataDirectory::claim(options_.path).value());
    writer_ = std::make_unique<Writer>(
        std::make_unique<SqliteConnection>(options_.path, vfs, SqliteConnection::Role::Writer), queue_limit);
    ASSERT_TRUE(writer_->write("make a table", [](SqlConnection& connection) -> Status {
      connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, filler TEXT) STRICT");
      return {};
    }));
  }
  Status insert(int number, std::size_t filler = 0) {
    return writer_->write("insert", [&](SqlConnection& connection) -> Status {
      connection.query("INSERT INTO t VALUES (?1, ?2)").bind(number, std::string(filler, 'x')).run();
      return {};
    });
  }
  std::vector<std::int64_t> numbers() {
    SqliteConnection reader(options_.path, "", SqliteConnection::Role::Reader);
    auto query = reader.query("SELECT n FROM t ORDER BY n");
    std::vector<std::int64_t> found;
    while (query.next()) found.push_back(query.integer(0));
    return found;
  }
  /// Keeps the writer busy inside a job until it is let go.
  struct Plug {
    std::latch entered{1};
    std::latch let_go{1};
    std::jthread thread;
  };
  std::unique_ptr<Plug> plug() {
    auto plug = std::make_unique<Plug>();
    plug->thread = std::jthread([this, p = plug.get()] {
      const auto done = writer_->write("wait", [p](SqlConnection&) -> Status {
        p->entered.count_down();
        p->let_go.wait();
        return {};
      });
      EXPECT_TRUE(done);
    });
    plug->entered.wait();
    return plug;
  }

  std::unique_ptr<DataDirectory> directory_lock_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, WhatArrivesDuringACommitSharesTheNextOne) {
  open_writer(100);
  const auto before = writer_->counters();
  auto busy = plug();
  std::vector<std::jthread> threads;
  std::atomic<int> started{0};
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      ++started;
      EXPECT_TRUE(insert(i));
    });
  }
  while (started < 20) std::this_thread::yield();
  busy->let_go.count_down();
  threads.clear();
  busy.reset();
  const auto after = writer_->counters();
  EXPECT_EQ(after.jobs - before.jobs, 21U);
  EXPECT_LT(after.commits - before.commits, 21U);
  EXPECT_EQ(numbers().size(), 20U);
}

TEST_F(WriterTest, AFailingJobLeavesTheOthersOfItsGroup) {
  open_writer(100);
  ASSERT_TRUE(insert(1));
  auto busy = plug();
  std::vector<std::jthread> threads;
  Status conflict;
  Status thrown;
  Status refused;
  threads.emplace_back([&] { EXPECT_TRUE(insert(2)); });
  threads.emplace_back([&] {
    conflict = writer_->write("insert twice", [](SqlConnection& connection) -> Status {
      connection.query("INSERT INTO t VALUES (10, '')").run();
      connection.query("INSERT INTO t VALUES (1, '')").run();
      return {};
    });
  });
  threads.emplace_back([&] {
    thrown = writer_->write("throw", [](SqlConnection& connection) -> Status {
      connection.query("INSERT INTO t VALUES (11, '')").run();
      throw std::runtime_error("out of luck");
    });
  });
  threads.emplace_back([&] {
    refused = writer_->write("refuse", [](SqlConnection& connection) -> Status {
      connection.query("INSERT INTO t VALUES (12, '')").run();
      return fail(ErrorCode::Internal, "no");
    });
  });
  threads.emplace_back([&] { EXPECT_TRUE(insert(3)); });
  busy->let_go.count_down();
  threads.clear();
  busy.reset();
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, ErrorCode::StoreFailed);
  EXPECT_NE(conflict.error().message.find("insert twice"), std::string::npos);
  ASSERT_FALSE(thrown);
  EXPECT_NE(thrown.error().message.find("out of luck"), std::string::npos);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Internal);
  EXPECT_EQ(numbers(), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_F(WriterTest, AFullQueueRefusesAtOnce) {
  open_writer(1);
  auto busy = plug();
  std::atomic<int> refused{0};
  std::atomic<int> ended{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      const auto done = insert(i);
      if (!done && done.error().code == ErrorCode::Unavailable) ++refused;
      ++ended;
    });
  }
  while (ended < 4) std::this_thread::yield();
  EXPECT_EQ(refused, 4);
  busy->let_go.count_down();
  threads.clear();
  EXPECT_EQ(numbers().size(), 1U);
}

TEST_F(WriterTest, AFailedCommitFailsEveryJobOfTheGroupAndTheNextOneWorks) {
  open_writer(100, FailingVfs::name());
  ASSERT_TRUE(insert(1));
  auto busy = plug();
  std::vector<std::jthread> threads;
  std::atomic<int> full{0};
  for (int i = 2; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const auto done = insert(i);
      if (!done && done.error().code == ErrorCode::StoreFull) ++full;
    });
  }
  {
    const FailingVfs::Full disk;
    // The plug's own commit fails too when a write shares it; it wrote nothing, so it needs no disk.
    busy->let_go.count_down();
    threads.clear();
  }
  busy.reset();
  EXPECT_EQ(full, 4);
  EXPECT_TRUE(insert(6));
  EXPECT_EQ(numbers(), (std::vector<std::int64_t>{1, 6}));
}

TEST_F(StoreTest, AFullDiskGivesNoReceipt) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  options_.vfs = FailingVfs::name();
  const std::vector marks{mark_of("main")};
  ASSERT_TRUE(store().record_delivery(delivery_of("before"), marks));
  {
    const FailingVfs::Full disk;
    const auto receipt = store().record_delivery(delivery_of("during"), marks);
    ASSERT_FALSE(receipt);
    EXPECT_EQ(receipt.error().code, ErrorCode::StoreFull) << receipt.error().text();
    EXPECT_TRUE(store().lanes());
  }
  ASSERT_TRUE(store().record_delivery(delivery_of("after"), marks));
  reopen();
  const auto rows = store().deliveries({}, {}).value().rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].record.provider_delivery_id, "after");
  EXPECT_EQ(rows[1].record.provider_delivery_id, "before");
  EXPECT_EQ(store().lanes().value().at(0).requested_seq, 2);
}

TEST_F(StoreTest, AFailingDiskGivesNoReceipt) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  options_.vfs = FailingVfs::name();
  ASSERT_TRUE(store().record_delivery(delivery_of("before"), {}));
  {
    const FailingVfs::SyncFails disk;
    const auto receipt = store().record_delivery(delivery_of("during"), {});
    ASSERT_FALSE(receipt);
    EXPECT_EQ(receipt.error().code, ErrorCode::StoreFailed) << receipt.error().text();
  }
  ASSERT_TRUE(store().record_delivery(delivery_of("after"), {}));
}

}  // namespace
}  // namespace gitferry
