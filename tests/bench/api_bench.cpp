// Measures `gitferry serve` with a file of 10,000 repositories of three branches each, all of them with a
// last run: how long it starts, what it holds in memory, how long pages of its lists take, and what one
// reading of /metrics costs, over real http, one connection a request. Rounds are interleaved, and the best
// round of each row is shown: what else the machine does only ever makes a figure worse.
//
//   ./dev bench api [rounds] [requests]

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "agent/base/clock.h"
#include "agent/model/ref_name.h"
#include "agent/store/store.h"
#include "tests/bench/measured_process.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::bench {
namespace {

using test::AgentProcess;

constexpr int kRepositories = 10'000;
constexpr std::array<const char*, 3> kBranches{"main", "develop", "release/1.x"};
constexpr double kStartGoalMs = 1000;
constexpr double kMemoryGoalMib = 64;
constexpr double kPageGoalMs = 10;
/// Prometheus gives up after ten seconds, and an agent is to have other things to do.
constexpr double kMetricsGoalMs = 1000;
constexpr int kMetricsReadings = 5;

[[noreturn]] void give_up(const std::string& reason) {
  fmt::print(stderr, "could not measure: {}\n", reason);
  std::exit(1);
}

double ms_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

std::string name_of_repository(int number) {
  return fmt::format("service-{:05}", number);
}

/// What the configuration says of all repositories. No host has these names, and nothing asks for a run.
std::string repositories_yaml() {
  std::string yaml = "repos:\n";
  for (int i = 0; i < kRepositories; ++i) {
    const auto name = name_of_repository(i);
    yaml += fmt::format(
        "  - name: {0}\n    internal: https://gitlab.inside.invalid/platform/{0}.git\n"
        "    external: https://github.outside.invalid/platform/{0}.git\n    direction: to_outer\n"
        "    branches:\n",
        name);
    for (const auto* branch : kBranches)
      yaml += fmt::format("      - {{internal: {0}, external: {0}}}\n", branch);
  }
  return yaml;
}

/// Gives every branch a lane that was asked for and has ended, as if the agent had run for long. The database
/// must not be open elsewhere.
void end_a_run_of_every_branch(const std::filesystem::path& database) {
  SystemClock clock;
  StoreOptions options;
  options.path = database.string();
  auto store = Store::open(options, clock);
  if (!store) give_up(store.error().text());
  std::vector<LaneMark> marks;
  for (int i = 0; i < kRepositories; ++i) {
    for (const auto* branch : kBranches) {
      auto& mark = marks.emplace_back();
      mark.key = {name_of_repository(i), branch_ref(branch), branch_ref(branch)};
      mark.direction = Direction::ToOuter;
    }
  }
  const auto receipt = (*store)->mark_lanes(marks, Trigger::Manual);
  if (!receipt) give_up(receipt.error().text());
  const Error reason{ErrorCode::ConnectionFailed, "connect to the host: it has no address", {}, {}};
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> writers;
  // Writers at once share commits.
  for (int i = 0; i < 64; ++i) {
    writers.emplace_back([&] {
      for (std::size_t at = 0; (at = next++) < receipt->marked.size();) {
        const auto& lane = receipt->marked[at];
        if (auto ended = (*store)->drop_lane_request(lane.lane_id, lane.seq, reason); !ended)
          give_up(ended.error().text());
      }
    });
  }
}

constexpr double kUnmeasured = std::numeric_limits<double>::max();

/// One line of the table: the best round.
struct Row {
  std::string what;
  std::string unit = "ms";
  double goal = 0;              ///< for `judged`; 0: none was set
  double judged = kUnmeasured;  ///< p99, or the figure
  double p50 = kUnmeasured;
  double cpu_ms = kUnmeasured;  ///< of the agent; for a request, or for the start

  void add(double value) { judged = std::min(judged, value); }
  void add(std::vector<double> samples) {
    if (samples.empty()) give_up("no sample of: " + what);
    std::sort(samples.begin(), samples.end());
    p50 = std::min(p50, samples[samples.size() / 2]);
    add(samples[samples.size() * 99 / 100]);
  }
  void add_cpu(double value) { cpu_ms = std::min(cpu_ms, value); }
  [[nodiscard]] std::string text(double value) const {
    return value == kUnmeasured ? std::string() : fmt::format("{:.2f} {}", value, unit);
  }
  void print() const {
    fmt::print("{:<44} {:>9} {:>11} {:>12} {:>14}  {}\n", what,
               goal > 0 ? fmt::format("{:.0f} {}", goal, unit) : "-", text(cpu_ms), text(p50), text(judged),
               goal <= 0        ? ""
               : judged <= goal ? "met"
                                : "MISSED");
  }
};

/// One of the lists, as a client asks for a page of it.
struct List {
  const char* name;
  int rows;             ///< in all
  const char* path;     ///< `{}`: a repository's name
  bool while_changing;  ///< also measured while another client binds and unbinds
};
constexpr std::array<List, 3> kLists{{{"repositories", kRepositories, "/cerobot/sync/repo", true},
                                      {"status", kRepositories * 3, "/cerobot/sync/status", true},
                                      {"branches of one", 3, "/cerobot/sync/{}/branch", false}}};

class Bench {
 public:
  Bench(int rounds, int requests) : rounds_(rounds), requests_(requests) {
    for (const auto& list : kLists) {
      for (const int size : {10, 100}) pages_.push_back({&list, size, false, page_row(list, size, ""), {}});
    }
    for (const auto& list : kLists) {
      for (const int size : {10, 100}) {
        if (list.while_changing)
          pages_.push_back({&list, size, true, page_row(list, size, ", bindings change"), {}});
      }
    }
  }

  void run() {
    test::write_agent_config(aged_.path(), yaml_);
    measure_start(aged_, first_start_);
    end_a_run_of_every_branch(aged_.path() / "data" / "gitferry.db");
    for (int round = 0; round < rounds_; ++round) {
      const test::TemporaryDirectory fresh;
      test::write_agent_config(fresh.path(), yaml_);
      measure_start(fresh, first_start_);
      measure_start(aged_, second_start_, [this](AgentProcess& agent) {
        memory_.add(resident_memory_mib(agent.pid()));
        for (auto& page : pages_) measure(agent, page);
        measure_metrics(agent);
        memory_after_.add(resident_memory_mib(agent.pid()));
      });
    }
  }

  void print() const {
    fmt::print(
        "serve with {} repositories of {} branches; {} requests a row and round; of {} interleaved rounds "
        "the "
        "best one of each row\n\n{:<44} {:>9} {:>11} {:>12} {:>14}\n",
        kRepositories, kBranches.size(), requests_, rounds_, "what", "goal", "agent's cpu", "p50",
        "p99 or figure");
    for (const auto* row : {&first_start_, &second_start_, &memory_, &memory_after_}) row->print();
    for (const auto& page : pages_) page.row.print();
    for (const auto* row : {&bind_, &unbind_, &metrics_}) row->print();
  }

 private:
  struct PageRow {
    const List* list;
    int size;
    bool changing;
    Row row;
    std::mt19937 random;  ///< from the same seed each time: the same pages in every run
  };

  static Row page_row(const List& list, int size, const std::string& beside) {
    return {fmt::format("page of {} {}{}", size, list.name, beside), "ms", kPageGoalMs};
  }

  static void measure_start(const test::TemporaryDirectory& directory, Row& row,
                            const std::function<void(AgentProcess&)>& then = {}) {
    const auto begin = std::chrono::steady_clock::now();
    AgentProcess agent(directory.path());
    if (!agent.wait_until_ready()) give_up("the agent did not start:\n" + agent.log());
    row.add(ms_since(begin));
    row.add_cpu(cpu_s(agent.pid()) * 1000);
    if (then) then(agent);
    agent.kill(SIGTERM);
    if (const int code = agent.wait(); code != 0) give_up(fmt::format("the agent ended with {}", code));
  }

  static double timed(const AgentProcess& agent, const std::string& method, const std::string& target,
                      const std::string& body = {}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = agent.api(method, target, body);
    const double took = ms_since(begin);
    if (answer.status != 200) {
      const auto log = agent.log();
      give_up(fmt::format("{} {}: {} {}\n{}", method, target, answer.status, answer.body,
                          log.substr(log.size() - std::min<std::size_t>(log.size(), 2000))));
    }
    return took;
  }

  std::vector<double> ask(const AgentProcess& agent, PageRow& page) const {
    const auto& [list, size, changing, row, random] = page;
    std::uniform_int_distribution number(1, std::max(1, list->rows / size));
    std::uniform_int_distribution repository(0, kRepositories - 1);
    std::vector<double> samples;
    for (int i = 0; i < requests_; ++i) {
      const auto path = fmt::format(fmt::runtime(list->path), name_of_repository(repository(page.random)));
      samples.push_back(
          timed(agent, "GET", fmt::format("{}?page_num={}&page_size={}", path, number(page.random), size)));
    }
    return samples;
  }

  void measure(const AgentProcess& agent, PageRow& page) {
    if (!page.changing) {
      const double before = cpu_s(agent.pid());
      page.row.add(ask(agent, page));
      page.row.add_cpu((cpu_s(agent.pid()) - before) * 1000 / requests_);
      return;
    }
    std::atomic<bool> enough{false};
    std::vector<double> binds;
    std::vector<double> unbinds;
    std::jthread client([&] {
      do {
        binds.push_back(timed(agent, "POST", "/cerobot/sync/repo", R"({"repo_name": "passing", "enable": true,
          "internal_repo_address": "https://gitlab.inside.invalid/passing.git", "sync_granularity": 2,
          "external_repo_address": "https://github.outside.invalid/passing.git", "sync_direction": 1})"));
        unbinds.push_back(timed(agent, "DELETE", "/cerobot/sync/repo/passing"));
      } while (!enough);
    });
    auto samples = ask(agent, page);
    enough = true;
    client.join();
    page.row.add(std::move(samples));
    bind_.add(std::move(binds));
    unbind_.add(std::move(unbinds));
  }

  /// With as many series of branches as there may be.
  void measure_metrics(const AgentProcess& agent) {
    const double before = cpu_s(agent.pid());
    std::vector<double> samples;
    for (int i = 0; i < kMetricsReadings; ++i) samples.push_back(timed(agent, "GET", "/metrics"));
    metrics_.add_cpu((cpu_s(agent.pid()) - before) * 1000 / kMetricsReadings);
    metrics_.add(std::move(samples));
  }

  int rounds_;
  int requests_;
  const std::string yaml_ = repositories_yaml();
  test::TemporaryDirectory aged_;
  Row first_start_{"start until ready, no database", "ms", kStartGoalMs};
  Row second_start_{"start until ready, again", "ms", kStartGoalMs};
  Row memory_{"resident memory, idle", "MiB", kMemoryGoalMib};
  Row memory_after_{"resident memory after the requests", "MiB"};
  std::vector<PageRow> pages_;
  Row bind_{"bind a repository while pages are read"};
  Row unbind_{"unbind a repository while pages are read"};
  Row metrics_{"one reading of /metrics", "ms", kMetricsGoalMs};
};

}  // namespace
}  // namespace gitferry::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 3;
  const int requests = argc > 2 ? std::max(100, std::atoi(argv[2])) : 500;
  gitferry::bench::Bench bench(rounds, requests);
  bench.run();
  bench.print();
}
