#include "tests/bench/bare_loop.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace gitferry::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kRowBytes = 300;  ///< about what the agent keeps of a delivery
constexpr int kReceivers = 64;          ///< as many threads as the agent has for it

/// Whether the body has come that the head announces.
bool is_whole(std::string_view request) {
  constexpr std::string_view kLength = "Content-Length: ";
  const auto end = request.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  const auto length = request.find(kLength);
  if (length >= end) return true;
  const auto bytes = std::strtoul(request.data() + length + kLength.size(), nullptr, 10);
  return request.size() >= end + 4 + bytes;
}

}  // namespace

BareLoop::BareLoop(const std::filesystem::path& directory) {
  sqlite3_open((directory / "bare.db").c_str(), &database_);
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
  execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)");
  sqlite3_prepare_v2(database_, "INSERT INTO row (text) VALUES (?1)", -1, &insert_, nullptr);
  writer_ = std::thread([this] { write_until_over(); });
}

BareLoop::~BareLoop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  arrived_.notify_one();
  writer_.join();
  sqlite3_finalize(insert_);
  sqlite3_close(database_);
}

void BareLoop::write_row(std::binary_semaphore& committed) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&committed);
  }
  arrived_.notify_one();
  committed.acquire();
}

LoadResult BareLoop::offer(int threads, std::chrono::milliseconds duration) {
  std::vector<std::vector<double>> latencies(static_cast<std::size_t>(threads));
  const auto begin = SteadyClock::now();
  {
    std::vector<std::jthread> askers;
    for (auto& mine : latencies) {
      askers.emplace_back([&, &committed = semaphore()] {
        for (auto now = begin; now < begin + duration;) {
          const auto asked = SteadyClock::now();
          write_row(committed);
          now = SteadyClock::now();
          mine.push_back(std::chrono::duration<double, std::milli>(now - asked).count());
        }
      });
    }
  }
  const std::chrono::duration<double> took = SteadyClock::now() - begin;
  LoadResult result;
  for (const auto& mine : latencies) {
    result.latencies_ms.insert(result.latencies_ms.end(), mine.begin(), mine.end());
  }
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  result.per_second = static_cast<double>(result.latencies_ms.size()) / took.count();
  return result;
}

void BareLoop::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  fmt::print(stderr, "the bare loop's database: {}\n", sqlite3_errmsg(database_));
  std::abort();
}

void BareLoop::write_until_over() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [&] { return is_over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto group = std::exchange(waiting_, {});
    lock.unlock();
    insert_rows(group.size());
    for (auto* committed : group) committed->release();
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

BareReceiver::BareReceiver(BareLoop& loop) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 1024) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  for (int i = 0; i < kReceivers; ++i) {
    threads_.emplace_back([this, &loop, &committed = loop.semaphore()] { receive(loop, committed); });
  }
}

BareReceiver::~BareReceiver() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept()
}

void BareReceiver::receive(BareLoop& loop, std::binary_semaphore& committed) const {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  std::array<char, 16384> buffer{};
  for (;;) {
    const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    std::size_t size = 0;
    while (!is_whole({buffer.data(), size})) {
      const auto got = ::recv(client.get(), buffer.data() + size, buffer.size() - size, 0);
      if (got <= 0) break;
      size += static_cast<std::size_t>(got);
    }
    if (!is_whole({buffer.data(), size})) continue;
    loop.write_row(committed);
    ::send(client.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  }
}

}  // namespace gitferry::bench
