#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {

/// Several stores on one schema of a PostgreSQL of the test program's own.
class SharedStoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server(); }
  static test::PostgresServer& server() {
    static test::PostgresServer one;
    return one;
  }

  SharedStoreTest() : url_(server().new_schema()) {}

  [[nodiscard]] SharedStoreOptions options() const {
    SharedStoreOptions options;
    options.url = url_;
    options.lease = std::chrono::milliseconds(1500);
    return options;
  }
  std::unique_ptr<PostgresStore> open(std::function<void(StoreNews)> on_news = nullptr) {
    auto wanted = options();
    wanted.on_news = std::move(on_news);
    auto opened = PostgresStore::open(wanted, clock_);
    if (!opened) {
      ADD_FAILURE() << opened.error().text();
      std::abort();
    }
    return std::move(*opened);
  }

  [[nodiscard]] std::int64_t now_ms() const { return to_epoch_ms(clock_.now()); }
  std::int64_t mark(SqlStore& store, const std::string& branch) const {
    const auto wanted = mark_of(branch);
    const auto receipt = store.mark_lanes(std::span(&wanted, 1), Trigger::Webhook);
    if (!receipt) ADD_FAILURE() << receipt.error().text();
    return receipt ? receipt->marked.at(0).lane_id : 0;
  }
  [[nodiscard]] RunEnd success(const LaneRow& row, std::int64_t run_id) const {
    return success_of(row, run_id, now_ms());
  }
  static bool eventually(const std::function<bool()>& holds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  std::string sql(const std::string& text) const { return test::PostgresServer::run(url_, text); }

  std::string url_;
  FakeClock clock_;
};

}  // namespace gitferry
