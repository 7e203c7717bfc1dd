#include "tests/bench/bare_loop.h"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace gitferry::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kRowBytes = 300;  ///< about what the agent keeps of a delivery

}  // namespace

BareLoop::BareLoop(const std::filesystem::path& directory) {
  sqlite3_open((directory / "bare.db").c_str(), &database_);
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
  execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)");
  sqlite3_prepare_v2(database_, "INSERT INTO row (text) VALUES (?1)", -1, &insert_, nullptr);
}

BareLoop::~BareLoop() {
  sqlite3_finalize(insert_);
  sqlite3_close(database_);
}

LoadResult BareLoop::offer(int threads, std::chrono::milliseconds duration) {
  is_over_ = false;
  std::list<Asker> askers;
  const auto begin = SteadyClock::now();
  std::jthread writer([this] { write_until_over(); });
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back(
          [this, &asker = askers.emplace_back(), end = begin + duration] { ask_until(asker, end); });
    }
  }
  const std::chrono::duration<double> took = SteadyClock::now() - begin;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  arrived_.notify_one();
  writer.join();
  LoadResult result;
  for (const auto& asker : askers) {
    result.latencies_ms.insert(result.latencies_ms.end(), asker.latencies_ms.begin(),
                               asker.latencies_ms.end());
  }
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  result.per_second = static_cast<double>(result.latencies_ms.size()) / took.count();
  return result;
}

void BareLoop::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  fmt::print(stderr, "the bare loop's database: {}\n", sqlite3_errmsg(database_));
  std::exit(1);
}

void BareLoop::ask_until(Asker& asker, SteadyClock::time_point end) {
  for (auto now = SteadyClock::now(); now < end;) {
    const auto asked = now;
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(&asker);
    }
    arrived_.notify_one();
    asker.committed.acquire();
    now = SteadyClock::now();
    asker.latencies_ms.push_back(std::chrono::duration<double, std::milli>(now - asked).count());
  }
}

void BareLoop::write_until_over() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [&] { return is_over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto group = std::exchange(waiting_, {});
    lock.unlock();
    insert_rows(group.size());
    for (auto* asker : group) asker->committed.release();
    lock.lock();
  }
}

void BareLoop::insert_rows(std::size_t count) {
  const std::string text(kRowBytes, 'x');
  execute("BEGIN IMMEDIATE");
  for (std::size_t i = 0; i < count; ++i) {
    sqlite3_bind_text(insert_, 1, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    sqlite3_step(insert_);
    sqlite3_reset(insert_);
  }
  execute("COMMIT");
}

}  // namespace gitferry::bench
