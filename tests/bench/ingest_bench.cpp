// Measures how fast `gitferry serve` takes signed deliveries, each on the disk before it is answered, and how
// it bears clients that mean harm. Beside it, interleaved in the same run: the same server with its database
// in memory (what durability costs), a bare loop that only groups commits on the same disk (what the disk
// gives), and adnanh/webhook where it is installed (which keeps nothing), once starting `true` for each
// delivery and once nothing at all.
//
// What it answers is checked: afterwards the agent is killed, and its database must hold what it
// acknowledged.
//
//   ./dev bench ingest [rounds] [seconds]

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/bench/bare_loop.h"
#include "tests/bench/load_client.h"
#include "tests/bench/measured_process.h"
#include "tests/bench/receivers.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::bench {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using test::TemporaryDirectory;

constexpr std::array kConnections{1, 32, 256};
constexpr double kP99GoalMs = 20;
constexpr double kLivenessGoalMs = 50;
constexpr double kMemoryGoalMib = 64;

double ms_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// A directory in memory, where nothing survives a power cut and fsync() costs nothing.
std::unique_ptr<TemporaryDirectory> directory_in_memory() {
  const char* before = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): no other thread runs
  const std::optional<std::string> kept =
      before == nullptr ? std::nullopt : std::optional<std::string>(before);
  ::setenv("TMPDIR", "/dev/shm", 1);  // NOLINT(concurrency-mt-unsafe): no other thread runs
  auto directory = std::make_unique<TemporaryDirectory>();
  if (kept) {
    ::setenv("TMPDIR", kept->c_str(), 1);  // NOLINT(concurrency-mt-unsafe): no other thread runs
  } else {
    ::unsetenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): no other thread runs
  }
  return directory;
}

struct Spread {
  double lowest = 0;
  double median = 0;
  double highest = 0;
};

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

/// The rounds of one contestant at one number of connections.
struct Rounds {
  std::vector<double> rate;
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> cpu_us;  ///< of one delivery
  std::size_t refused = 0;
};

struct Contestant {
  const char* name;
  std::function<LoadResult(int connections)> offer;
  std::function<double()> cpu_s;
  std::map<int, Rounds> rounds{};
  std::size_t acknowledged = 0;

  void measure(int connections) {
    const double before = cpu_s();
    const auto result = offer(connections);
    const double spent = cpu_s() - before;
    auto& of_these = rounds[connections];
    of_these.rate.push_back(result.per_second);
    of_these.p50.push_back(result.percentile(50));
    of_these.p99.push_back(result.percentile(99));
    of_these.cpu_us.push_back(spent * 1e6 /
                              static_cast<double>(std::max<std::size_t>(1, result.latencies_ms.size())));
    of_these.refused += result.others;
    acknowledged += result.latencies_ms.size();
  }
};

/// Of each round, because what else the machine does changes from round to round.
Spread ratio(Contestant& of, Contestant& to, int connections) {
  std::vector<double> ratios;
  const auto& above = of.rounds[connections].rate;
  const auto& below = to.rounds[connections].rate;
  for (std::size_t i = 0; i < above.size(); ++i) ratios.push_back(above[i] / below[i]);
  return spread_of(ratios);
}

void judge(const std::string& what, std::string_view sign, double goal, const Spread& value) {
  const bool is_met = sign.empty() || (sign == ">=" ? value.median >= goal : value.median <= goal);
  fmt::print("{:<58} {:>8} {:>8.2f} {:>8.2f} {:>8.2f}  {}\n", what,
             sign.empty() ? "-" : fmt::format("{} {}", sign, goal), value.median, value.lowest, value.highest,
             sign.empty() ? ""
             : is_met     ? "met"
                          : "MISSED");
}

class IngestBench {
 public:
  IngestBench(int rounds, std::chrono::milliseconds duration) : rounds_(rounds), duration_(duration) {
    all_ = {&durable_, &bare_, &forgetful_};
    if (webhook_.is_there()) all_.insert(all_.end(), {&starting_, &verifying_});
  }

  void run() {
    for (int round = 0; round < rounds_; ++round) {
      for (const int connections : kConnections) {
        for (auto* contestant : all_) contestant->measure(connections);
      }
    }
    agent_.kill();
  }

  void print() {
    fmt::print(
        "signed deliveries of 1 KiB, one connection each; medians of {} interleaved rounds of {} ms\n\n"
        "{:<34} {:>11} {:>10} {:>9} {:>9} {:>9} {:>9}\n",
        rounds_, duration_.count(), "what", "connections", "a second", "p50 ms", "p99 ms", "CPU us",
        "refused");
    for (const int connections : kConnections) {
      for (auto* contestant : all_) print_row(*contestant, connections);
    }
    fmt::print("\n{:<58} {:>8} {:>8} {:>8} {:>8}\n", "ratio, of each round", "goal", "median", "lowest",
               "highest");
    judge("at 32 connections: on the disk / bare group commit", ">=", 0.7, ratio(durable_, bare_, 32));
    judge("at 32 connections: p99 on the disk, ms", "<=", kP99GoalMs, spread_of(durable_.rounds[32].p99));
    for (const int connections : kConnections) {
      judge(fmt::format("at {} connections: on the disk / in memory", connections), "", 0,
            ratio(durable_, forgetful_, connections));
    }
    if (webhook_.is_there()) {
      judge("at 32 connections: on the disk / webhook starting `true`", ">=", 2,
            ratio(durable_, starting_, 32));
      judge("at 32 connections: on the disk / webhook starting nothing", "", 0,
            ratio(durable_, verifying_, 32));
    } else {
      fmt::print("adnanh/webhook is not installed: apt-get install webhook\n");
    }
    print_stored();
  }

 private:
  /// `requests` and the receiver live as long as the bench.
  template <typename Receiver>
  Contestant by_http(const char* name, const Receiver& receiver, const std::vector<std::string>& requests,
                     int expected) {
    return {name,
            [this, &receiver, &requests, expected](int connections) {
              return offer({receiver.port(), connections, duration_, requests, expected});
            },
            [&receiver] { return cpu_s(receiver.pid()); }};
  }

  static void print_row(Contestant& contestant, int connections) {
    const auto& rounds = contestant.rounds[connections];
    fmt::print("{:<34} {:>11} {:>10.0f} {:>9.2f} {:>9.2f} {:>9.0f} {:>9}\n", contestant.name, connections,
               spread_of(rounds.rate).median, spread_of(rounds.p50).median, spread_of(rounds.p99).median,
               spread_of(rounds.cpu_us).median, rounds.refused);
  }

  /// After `kill -9`. What was in flight when a round ended may be there too.
  void print_stored() {
    const auto stored = agent_.stored();
    const auto acknowledged = static_cast<std::int64_t>(durable_.acknowledged);
    fmt::print("\nacknowledged {}, in the database after kill -9: {} deliveries, {} marks  {}\n",
               acknowledged, stored.deliveries, stored.marks,
               stored.deliveries >= acknowledged && stored.marks >= acknowledged ? "none lost" : "LOST");
  }

  int rounds_;
  std::chrono::milliseconds duration_;
  SilentHost host_;
  TemporaryDirectory on_disk_;
  TemporaryDirectory elsewhere_;
  std::unique_ptr<TemporaryDirectory> in_memory_ = directory_in_memory();
  Agent agent_{on_disk_.path(), host_};
  Agent forgetful_agent_{in_memory_->path(), host_};
  OtherReceiver webhook_{elsewhere_.path(), OtherReceiver::Rule::Starts};
  OtherReceiver idle_webhook_{elsewhere_.path(), OtherReceiver::Rule::NeverMet};
  BareLoop loop_{elsewhere_.path()};
  std::vector<std::string> ours_ = requests_to("/webhooks/github/robot", host_.port());
  std::vector<std::string> theirs_ = requests_to("/hooks/robot", host_.port());

  Contestant durable_ = by_http("gitferry, on the disk", agent_, ours_, 202);
  Contestant bare_{"bare group commit, no HTTP",
                   [this](int connections) { return loop_.offer(connections, duration_); }, own_cpu_s};
  Contestant forgetful_ = by_http("gitferry, in memory", forgetful_agent_, ours_, 202);
  Contestant starting_ = by_http("adnanh/webhook, starts `true`", webhook_, theirs_, 200);
  Contestant verifying_ = by_http("adnanh/webhook, starts nothing", idle_webhook_, theirs_, 200);
  std::vector<Contestant*> all_;
};

/// Clients that mean harm, from begin to end of the object's life.
class Attack {
 public:
  using Client = std::function<void(const std::stop_token&, std::uint16_t port)>;

  Attack(std::uint16_t port, int clients, const Client& client) {
    for (int i = 0; i < clients; ++i) {
      threads_.emplace_back([client, port](const std::stop_token& stop) {
        while (!stop.stop_requested()) client(stop, port);
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

void drip(const std::stop_token& stop, std::uint16_t port, std::string_view bytes) {
  const auto fd = connection_to(port);
  if (!fd) return;
  for (std::size_t i = 0; !stop.stop_requested() && send_all(fd.get(), bytes.substr(i % bytes.size(), 1));
       ++i)
    std::this_thread::sleep_for(250ms);
}

void stay_silent(const std::stop_token& stop, std::uint16_t port) {
  const auto fd = connection_to(port);
  char byte = 0;
  while (fd && !stop.stop_requested()) {
    std::this_thread::sleep_for(50ms);
    const auto got = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
    if (got >= 0) return;
  }
}

void send_and_hang_up(std::uint16_t port, std::string_view head, std::string_view piece, std::size_t bytes) {
  const auto fd = connection_to(port);
  if (!fd || !send_all(fd.get(), head)) return;
  for (std::size_t sent = 0; sent < bytes && send_all(fd.get(), piece); sent += piece.size()) {
  }
  std::array<char, 512> answer{};
  static_cast<void>(::recv(fd.get(), answer.data(), answer.size(), 0));
}

struct AttackRow {
  const char* what;
  int clients;
  Attack::Client client;
};

constexpr std::size_t kLargestBody = 25U * 1024 * 1024;

std::vector<AttackRow> attacks() {
  static const std::string piece(64 * 1024, 'x');
  // Values without end inside of a part of the document that nobody asks for.
  static const std::string wide = signed_request(
      "/webhooks/github/robot",
      [] {
        std::string body = R"({"ref":"refs/heads/main","commits":[0)";
        while (body.size() + 4 < kLargestBody) body += ",{}";
        return body + "]}";
      }(),
      1);
  return {
      {"500 heads, a byte at a time", 500,
       [](const auto& stop, auto port) { drip(stop, port, "GET /livez HTTP/1.1 and it goes on and on"); }},
      {"500 connections without a byte", 500, [](const auto& stop, auto port) { stay_silent(stop, port); }},
      {"16 bodies of 25 MiB, wrong signature", 16,
       [](const auto&, auto port) {
         send_and_hang_up(
             port,
             fmt::format("POST /webhooks/github/robot HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\n"
                         "X-Hub-Signature-256: sha256={:064x}\r\nContent-Length: {}\r\n\r\n",
                         1, kLargestBody),
             piece, kLargestBody);
       }},
      {"16 heads without end", 16,
       [](const auto&, auto port) {
         send_and_hang_up(port, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", piece, kLargestBody);
       }},
      {"4 signed documents of 25 MiB, 8 million values", 4,
       [](const auto&, auto port) { send_and_hang_up(port, wide, {}, 0); }},
  };
}

/// How long /livez takes, asked again and again while an attack goes on.
std::vector<double> liveness(std::uint16_t port, std::chrono::milliseconds duration) {
  std::vector<double> samples;
  const auto end = SteadyClock::now() + duration;
  while (SteadyClock::now() < end) {
    const auto begin = SteadyClock::now();
    const auto answer = test::http(port, "GET", "/livez");
    samples.push_back(answer.status == 200 ? ms_since(begin) : 1e9);
    std::this_thread::sleep_for(5ms);
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

void measure_attacks(std::chrono::milliseconds duration) {
  fmt::print("\n{:<50} {:>10} {:>10} {:>10} {:>12}  goals: p99 <= {} ms, peak <= {} MiB\n", "attack",
             "/livez", "p50 ms", "p99 ms", "peak MiB", kLivenessGoalMs, kMemoryGoalMib);
  for (const auto& row : attacks()) {
    const SilentHost host;
    const TemporaryDirectory directory;
    const Agent agent(directory.path(), host);
    reset_peak_memory(agent.pid());
    std::vector<double> samples;
    {
      const Attack attack(agent.port(), row.clients, row.client);
      samples = liveness(agent.port(), duration);
    }
    const double peak = peak_memory_mib(agent.pid());
    const double p99 = samples[samples.size() * 99 / 100];
    fmt::print("{:<50} {:>10} {:>10.2f} {:>10.2f} {:>12.1f}  {}\n", row.what, samples.size(),
               samples[samples.size() / 2], p99, peak,
               p99 <= kLivenessGoalMs && peak <= kMemoryGoalMib ? "met" : "MISSED");
  }
}

}  // namespace
}  // namespace gitferry::bench

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  const int seconds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 2;
  {
    gitferry::bench::IngestBench bench(rounds, seconds * 1000ms);
    bench.run();
    bench.print();
  }
  gitferry::bench::measure_attacks(10s);
}
