// Measures how fast `gitferry serve` takes signed deliveries, each on the disk before it is answered, and how
// it bears clients that mean harm. Beside it, interleaved in the same run: the same server with its database
// in memory (what durability costs), a bare loop that only groups commits on the same disk (what the disk
// gives), and adnanh/webhook where it is installed (which keeps nothing).
//
//   ./dev bench ingest [rounds] [seconds]

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/secret.h"
#include "agent/base/unique_fd.h"
#include "tests/bench/load_client.h"
#include "tests/bench/measured_process.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::bench {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using test::AgentProcess;
using test::TemporaryDirectory;

constexpr std::array kConnections{1, 32, 256};
constexpr int kDifferentRequests = 1000;
constexpr const char* kSecret = "a-secret-of-the-benchmark-alone";
constexpr double kP99GoalMs = 20;
constexpr double kLivenessGoalMs = 50;
constexpr double kMemoryGoalMib = 64;

[[noreturn]] void give_up(const std::string& reason) {
  fmt::print(stderr, "could not measure: {}\n", reason);
  std::exit(1);
}

double ms_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd connection_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Takes connections and never says a word: a sync with it is in progress for as long as its time limit, so
/// that what is measured is taking deliveries and not making runs.
class SilentHost {
 public:
  SilentHost() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_.get(), 64) != 0 ||
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      give_up("no port for the silent host");
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

/// A push as GitHub announces it, cut down to what every sender has; `number` makes each one different.
std::string push_body(std::uint16_t host, int number) {
  return fmt::format(
      R"({{"ref":"refs/heads/main","before":"{0:040x}","after":"{1:040x}","repository":{{"full_name":"acme/robot",)"
      R"("clone_url":"http://127.0.0.1:{2}/acme/robot.git"}},"pusher":{{"name":"somebody"}},"commits":[)"
      R"({{"id":"{1:040x}","message":"{3:600}","added":["a"],"removed":[],"modified":["b"]}}]}})",
      number + 1, number + 2, host, "what was done");
}

std::string signed_request(const std::string& target, const std::string& body, int number) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
      "X-GitHub-Event: push\r\nX-GitHub-Delivery: {:08x}-0000-4000-8000-000000000000\r\n"
      "X-Hub-Signature-256: sha256={}\r\nContent-Length: {}\r\n\r\n{}",
      target, number, to_hex(hmac_sha256(Secret(kSecret), body)), body.size(), body);
}

std::vector<std::string> requests_to(const std::string& target, std::uint16_t host) {
  std::vector<std::string> requests;
  for (int i = 0; i < kDifferentRequests; ++i)
    requests.push_back(signed_request(target, push_body(host, i), i));
  return requests;
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

/// The agent with one bound branch. The limits that would stop one client of many connections are off.
class Agent {
 public:
  Agent(const std::filesystem::path& directory, const SilentHost& host) {
    write_private(directory / "hook", kSecret);
    test::write_agent_config(
        directory,
        fmt::format("sync: {{sync_dir: {0}/spool, reconcile_interval: off}}\n"
                    "network: {{allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}}\n"
                    "repos:\n"
                    "  - name: robot\n"
                    "    internal: http://127.0.0.1:{1}/acme/robot.git\n"
                    "    external: http://127.0.0.1:{1}/mirror/robot.git\n"
                    "    webhook: {{internal: {{provider: github, secret_file: {0}/hook}}}}\n"
                    "    branches: [{{internal: main, external: main}}]\n",
                    directory.string(), host.port()),
        "{listen: \"127.0.0.1:0\", limits: {connections: 1024, connections_per_address: 1024, requests: "
        "{per_second: 0}, "
        "deliveries: {per_second: 0}}}");
    process_ = std::make_unique<AgentProcess>(directory);
    if (!process_->wait_until_ready()) give_up("the agent did not start:\n" + process_->log());
  }
  [[nodiscard]] std::uint16_t port() const { return process_->port(); }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  std::unique_ptr<AgentProcess> process_;
};

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

/// adnanh/webhook with the same signature rule, starting `true` for each delivery, which is the least it can
/// do. Not there where it is not installed.
class OtherReceiver {
 public:
  explicit OtherReceiver(const std::filesystem::path& directory) {
    if (::access("/usr/bin/webhook", X_OK) != 0) return;
    write_private(directory / "hooks.json",
                  fmt::format(R"([{{"id":"robot","execute-command":"/bin/true","trigger-rule":{{"match":)"
                              R"({{"type":"payload-hmac-sha256","secret":"{}","parameter":)"
                              R"({{"source":"header","name":"X-Hub-Signature-256"}}}}}}}}])",
                              kSecret));
    const auto port = free_port();
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto hooks = (directory / "hooks.json").string();
      const auto number = std::to_string(port);
      ::execl("/usr/bin/webhook", "webhook", "-hooks", hooks.c_str(), "-ip", "127.0.0.1", "-port",
              number.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !connection_to(port); ++i) std::this_thread::sleep_for(10ms);
    port_ = port;
  }
  ~OtherReceiver() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  OtherReceiver(const OtherReceiver&) = delete;
  OtherReceiver& operator=(const OtherReceiver&) = delete;
  [[nodiscard]] bool is_there() const { return port_ != 0; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static std::uint16_t free_port() {
    const SilentHost taken;  // given back at once
    return taken.port();
  }
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// What the disk gives: threads that wait for one row each, and one writer that puts all waiting rows into
/// one commit (`synchronous=FULL`). No HTTP, no signature, no lanes.
class BareLoop {
 public:
  explicit BareLoop(const std::filesystem::path& directory) {
    if (sqlite3_open((directory / "bare.db").c_str(), &database_) != SQLITE_OK) give_up("no bare database");
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=FULL");
    execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)");
    sqlite3_prepare_v2(database_, "INSERT INTO row (text) VALUES (?1)", -1, &insert_, nullptr);
  }
  ~BareLoop() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  double rows_per_second(int threads, std::chrono::milliseconds duration) {
    is_over_ = false;
    std::atomic<std::size_t> done{0};
    const auto begin = SteadyClock::now();
    std::jthread writer([this] { write_until_over(); });
    {
      std::vector<std::jthread> producers;
      for (int i = 0; i < threads; ++i) {
        producers.emplace_back([&] {
          while (SteadyClock::now() < begin + duration) {
            wait_for_row();
            ++done;
          }
        });
      }
    }
    const double took = ms_since(begin) / 1000;
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    return static_cast<double>(done) / took;
  }

 private:
  void execute(const char* sql) {
    if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      give_up(sqlite3_errmsg(database_));
  }
  void wait_for_row() {
    std::unique_lock lock(mutex_);
    const auto mine = ++asked_;
    changed_.notify_all();
    committed_changed_.wait(lock, [&] { return committed_ >= mine; });
  }
  void write_until_over() {
    const std::string text(300, 'x');
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || asked_ > committed_; });
      if (asked_ == committed_) return;
      const auto upto = asked_;
      const auto count = upto - committed_;
      lock.unlock();
      execute("BEGIN IMMEDIATE");
      for (std::size_t i = 0; i < count; ++i) {
        sqlite3_bind_text(insert_, 1, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
        sqlite3_step(insert_);
        sqlite3_reset(insert_);
      }
      execute("COMMIT");
      lock.lock();
      committed_ = upto;
      committed_changed_.notify_all();
    }
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable committed_changed_;
  std::size_t asked_ = 0;
  std::size_t committed_ = 0;
  bool is_over_ = false;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The rounds of one contestant at one number of connections.
struct Row {
  std::vector<double> rate;
  std::vector<double> p50;
  std::vector<double> p99;
  std::size_t others = 0;

  void add(const LoadResult& result) {
    rate.push_back(result.per_second);
    p50.push_back(result.percentile(50));
    p99.push_back(result.percentile(99));
    others += result.others;
  }
};

class IngestBench {
 public:
  IngestBench(int rounds, std::chrono::milliseconds duration) : rounds_(rounds), duration_(duration) {}

  void run() {
    const TemporaryDirectory on_disk;
    const TemporaryDirectory elsewhere;
    const auto in_memory = directory_in_memory();
    const Agent agent(on_disk.path(), host_);
    const Agent forgetful(in_memory->path(), host_);
    const OtherReceiver other(elsewhere.path());
    BareLoop bare(elsewhere.path());
    const auto ours = requests_to("/webhooks/github/robot", host_.port());
    const auto theirs = requests_to("/hooks/robot", host_.port());
    for (int round = 0; round < rounds_; ++round) {
      for (const int connections : kConnections) {
        durable_[connections].add(offer({agent.port(), connections, duration_, ours}));
        bare_[connections].push_back(bare.rows_per_second(connections, duration_));
        forgetful_[connections].add(offer({forgetful.port(), connections, duration_, ours}));
        if (other.is_there()) other_[connections].add(offer({other.port(), connections, duration_, theirs}));
      }
    }
  }

  void print() {
    fmt::print(
        "signed deliveries of 1 KiB, one connection each; medians of {} interleaved rounds of {} ms\n\n"
        "{:<34} {:>11} {:>12} {:>9} {:>9} {:>9}\n",
        rounds_, duration_.count(), "what", "connections", "a second", "p50 ms", "p99 ms", "refused");
    for (const int connections : kConnections) {
      print_row("gitferry, on the disk", connections, durable_[connections]);
      print_row("gitferry, in memory", connections, forgetful_[connections]);
      if (!other_.empty()) print_row("adnanh/webhook, keeps nothing", connections, other_[connections]);
      fmt::print("{:<34} {:>11} {:>12.0f}\n", "bare group commit, no HTTP", connections,
                 median(bare_[connections]));
    }
    fmt::print("\n{:<52} {:>8} {:>8}\n", "ratio", "goal", "");
    const double rate = median(durable_[32].rate);
    judge("at 32 connections: durable / bare group commit", ">=", 0.7, rate / median(bare_[32]));
    judge("at 32 connections: p99 of durable, ms", "<=", kP99GoalMs, median(durable_[32].p99));
    for (const int connections : kConnections) {
      judge(fmt::format("at {} connections: durable / in memory", connections), "", 0,
            median(durable_[connections].rate) / median(forgetful_[connections].rate));
    }
    if (other_.empty()) return fmt::print("adnanh/webhook is not installed: apt-get install webhook\n");
    judge("at 32 connections: durable / adnanh/webhook", ">=", 2, rate / median(other_[32].rate));
  }

  static void judge(const std::string& what, std::string_view sign, double goal, double value) {
    const bool is_met = sign.empty() || (sign == ">=" ? value >= goal : value <= goal);
    fmt::print("{:<52} {:>8} {:>8.2f}  {}\n", what, sign.empty() ? "-" : fmt::format("{} {}", sign, goal),
               value,
               sign.empty() ? ""
               : is_met     ? "met"
                            : "MISSED");
  }

 private:
  static void print_row(const char* what, int connections, const Row& row) {
    fmt::print("{:<34} {:>11} {:>12.0f} {:>9.2f} {:>9.2f} {:>9}\n", what, connections, median(row.rate),
               median(row.p50), median(row.p99), row.others);
  }

  int rounds_;
  std::chrono::milliseconds duration_;
  SilentHost host_;
  std::map<int, Row> durable_;
  std::map<int, Row> forgetful_;
  std::map<int, Row> other_;
  std::map<int, std::vector<double>> bare_;
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
  gitferry::bench::IngestBench bench(rounds, seconds * 1000ms);
  bench.run();
  bench.print();
  gitferry::bench::measure_attacks(10s);
}
