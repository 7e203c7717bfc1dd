// Measures the relay against git, over real hosts, interleaved: each pair runs one after the other on the
// same machine state, and the order alternates. Prints medians and their ratios.
//
//   ./dev bench relay [PAIRS] [PART…]     parts: see kParts; all of them where none is named

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tests/bench/relay_field.h"

namespace gitferry::bench {
namespace {

const std::vector<std::string> kMain{"refs/heads/main"};
/// Commits of a medium repository, which makes more than 150,000 objects.
constexpr int kMedium = 20'000;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Samples {
  std::vector<double> wall_ratio, cpu_ratio, ferry_wall, ferry_cpu, other_wall, other_cpu;

  void add(const Cost& ferry, const Cost& other) {
    ferry_wall.push_back(ferry.wall_s * 1e3);
    ferry_cpu.push_back(ferry.cpu_s * 1e3);
    other_wall.push_back(other.wall_s * 1e3);
    other_cpu.push_back(other.cpu_s * 1e3);
    wall_ratio.push_back(ferry.wall_s / other.wall_s);
    cpu_ratio.push_back(ferry.cpu_s / other.cpu_s);
  }
};

/// Runs `pairs` pairs after one unmeasured pair; `prepare` before each pair.
Samples measure(int pairs, const std::function<void()>& prepare, const std::function<Cost()>& ferry,
                const std::function<Cost()>& other) {
  Samples samples;
  for (int i = -1; i < pairs; ++i) {
    prepare();
    Cost a;
    Cost b;
    if (i % 2 == 0) {
      a = ferry();
      b = other();
    } else {
      b = other();
      a = ferry();
    }
    if (i >= 0) samples.add(a, b);
  }
  return samples;
}

std::string verdict(double value, double goal) {
  if (goal <= 0) return {};
  return fmt::format("(goal {:.2f}: {})", goal, value <= goal ? "met" : "MISSED");
}

/// Goals of 0 are none.
void row(const std::string& name, const Samples& s, double wall_goal = 0, double cpu_goal = 0) {
  const double wall = median(s.wall_ratio);
  const double cpu = median(s.cpu_ratio);
  fmt::print("  {:<40} wall {:8.1f} / {:8.1f} ms = {:5.3f} {:<19} cpu {:7.2f} / {:8.2f} ms = {:5.3f} {}\n",
             name, median(s.ferry_wall), median(s.other_wall), wall, verdict(wall, wall_goal),
             median(s.ferry_cpu), median(s.other_cpu), cpu, verdict(cpu, cpu_goal));
  std::fflush(stdout);
}

void memory_row(const RunReport& report, double idle, double goal) {
  const double over = peak_memory_mib() - idle;
  fmt::print(
      "  {:<40} {:.1f} MiB pack, {:.1f} MiB over idle at the peak {}, {} bytes written to disk (goal 0)\n",
      "", static_cast<double>(report.pack_bytes) / 1048576, over, verdict(over, goal), report.spooled_bytes);
}

/// First sync, one commit, a hundred, none: of one branch, over `way`.
void one_branch(Way way, int commits, int pairs) {
  RelayField field(way);
  const std::string name = "one";
  field.make_source(name, commits);
  const auto engine = field.make_engine();
  const auto ferry = [&] { return field.ferry(*engine, name, kMain); };
  const auto git = [&] { return field.git(name, kMain); };
  const auto pipe = [&] { return field.one_pipe(name); };
  const int few = std::min(pairs, commits > 5000 ? 3 : pairs);
  fmt::print("{}, one branch of {} commits, {} objects\n", name_of(way), commits, field.objects(name));

  reset_peak_memory();
  const double idle = resident_memory_mib();
  const auto fresh = [&] { field.make_targets(name); };
  row("initial, fetch && push", measure(few, fresh, ferry, git));
  field.check_equal(name, {"ferry", "git"});
  memory_row(field.last(), idle, 16);
  row("initial, one pipe", measure(few, fresh, ferry, pipe), way == Way::Local ? 1.1 : 0);
  field.check_equal(name, {"ferry", "pipe"});

  // All contenders begin from the same state.
  field.git(name, kMain);
  const double wall_goal = way == Way::Http ? 0.5 : 0;
  row("one commit, fetch && push (warm)",
      measure(
          pairs, [&] { field.commit(name, 1); }, ferry, git),
      wall_goal, way == Way::Http ? 0.15 : 0);
  row("100 commits, fetch && push (warm)", measure(
                                               few, [&] { field.commit(name, 100); }, ferry, git));
  field.check_equal(name, {"ferry", "git"});
  field.one_pipe(name);
  row("100 commits, one pipe",
      measure(
          few, [&] { field.commit(name, 100); }, ferry, pipe),
      way == Way::Local ? 1.1 : 0);
  field.check_equal(name, {"ferry", "pipe"});
  const auto nothing = [] {};
  row("no-op, ls-remote twice", measure(pairs, nothing, ferry, [&] { return field.ls_remote_twice(name); }),
      way == Way::Http ? 0.4 : 0, way == Way::Http ? 0.05 : 0);
}

/// One commit to a source with 20,000 refs and to one with ten; and a first sync of all of them.
void many_refs(Way way, int pairs) {
  RelayField field(way);
  field.make_source("many", 2000, 20'000);
  field.make_source("few", 2000, 10);
  const auto engine = field.make_engine();
  const auto to = [&](const std::string& name) {
    return [&field, &engine, name] { return field.ferry(*engine, name, kMain); };
  };
  fmt::print("{}, 20,000 refs on the source\n", name_of(way));
  const auto commit = [&] {
    field.commit("many", 1);
    field.commit("few", 1);
  };
  row("one commit, a source of 10 refs", measure(pairs, commit, to("many"), to("few")), 1.3);
  field.git("many", kMain);
  row("one commit, fetch && push (warm)",
      measure(
          pairs, [&] { field.commit("many", 1); }, to("many"), [&] { return field.git("many", kMain); }));

  std::vector<std::string> all;
  for (int i = 0; i < 20'000; ++i) all.push_back(fmt::format("refs/heads/topic/{:05}", i));
  // git takes its refs as arguments; with that many it is asked for all of them.
  const std::vector<std::string> pattern{"refs/heads/*"};
  row("first sync of all, fetch && push", measure(
                                              std::min(pairs, 3), [&] { field.make_targets("many"); },
                                              [&] {
                                                Cost sum;
                                                for (std::size_t i = 0; i < all.size(); i += 4096) {
                                                  const auto end = std::min(i + 4096, all.size());
                                                  const auto cost = field.ferry(
                                                      *engine, "many",
                                                      {all.begin() + static_cast<std::ptrdiff_t>(i),
                                                       all.begin() + static_cast<std::ptrdiff_t>(end)});
                                                  sum.wall_s += cost.wall_s;
                                                  sum.cpu_s += cost.cpu_s;
                                                }
                                                return sum;
                                              },
                                              [&] { return field.git("many", pattern); }));
}

/// A hundred branches that changed at once.
void hundred_branches(Way way, int pairs) {
  RelayField field(way);
  field.make_source("hundred", 2000, 100);
  const auto engine = field.make_engine();
  std::vector<std::string> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(fmt::format("refs/heads/topic/{:05}", i));
  field.ferry(*engine, "hundred", refs);
  field.git("hundred", refs);
  fmt::print("{}, 100 branches with a commit each\n", name_of(way));
  const auto commit = [&] { field.commit_on_branches("hundred"); };
  const auto ferry = [&] { return field.ferry(*engine, "hundred", refs); };
  row("one transfer, a loop of fetch && push", measure(std::min(pairs, 3), commit, ferry, [&] {
        Cost sum;
        for (const auto& ref : refs) {
          const auto cost = field.git("hundred", {ref});
          sum.wall_s += cost.wall_s;
          sum.cpu_s += cost.cpu_s;
        }
        return sum;
      }));
  row("one transfer, one fetch && push of all",
      measure(pairs, commit, ferry, [&] { return field.git("hundred", refs); }));
}

/// Eight repositories at a time, a commit to each.
void eight_at_a_time(Way way, int pairs) {
  constexpr int eight = 8;
  RelayField field(way);
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Engine>> engines;
  for (int i = 0; i < eight; ++i) {
    names.push_back(fmt::format("eighth-{}", i));
    field.make_source(names.back(), 500);
    engines.push_back(field.make_engine());
    field.ferry(*engines.back(), names.back(), kMain);
    field.git(names.back(), kMain);
  }
  // Wall time alone: what the process costs cannot be told apart by thread.
  const auto all = [&](const std::function<void(int)>& one) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < eight; ++i) threads.emplace_back([&one, i] { one(i); });
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    return Cost{wall.count(), 1};
  };
  std::vector<double> ferry_rate;
  std::vector<double> git_rate;
  for (int i = -1; i < pairs; ++i) {
    for (const auto& name : names) field.commit(name, 1);
    const auto at = [](int n) { return static_cast<std::size_t>(n); };
    const auto ferry = all([&](int n) { field.transfer(*engines[at(n)], names[at(n)], kMain); });
    const auto git = all([&](int n) { field.git(names[at(n)], kMain); });
    if (i < 0) continue;
    ferry_rate.push_back(eight / ferry.wall_s);
    git_rate.push_back(eight / git.wall_s);
  }
  fmt::print(
      "{}, eight repositories at a time\n  {:<40} {:.1f} / {:.1f} syncs a second = {:.2f} times as many\n",
      name_of(way), "one commit each, fetch && push (warm)", median(ferry_rate), median(git_rate),
      median(ferry_rate) / median(git_rate));
}

const std::map<std::string, std::function<void(int pairs)>> kParts{
    {"http-small", [](int pairs) { one_branch(Way::Http, 10, pairs); }},
    {"http-2000", [](int pairs) { one_branch(Way::Http, 2000, pairs); }},
    {"http-medium", [](int pairs) { one_branch(Way::Http, kMedium, pairs); }},
    {"http-refs", [](int pairs) { many_refs(Way::Http, pairs); }},
    {"http-branches", [](int pairs) { hundred_branches(Way::Http, pairs); }},
    {"http-eight", [](int pairs) { eight_at_a_time(Way::Http, pairs); }},
    {"ssh-small", [](int pairs) { one_branch(Way::Ssh, 10, pairs); }},
    {"ssh-medium", [](int pairs) { one_branch(Way::Ssh, kMedium, pairs); }},
    {"ssh-refs", [](int pairs) { many_refs(Way::Ssh, pairs); }},
    {"ssh-branches", [](int pairs) { hundred_branches(Way::Ssh, pairs); }},
    {"ssh-eight", [](int pairs) { eight_at_a_time(Way::Ssh, pairs); }},
    {"local-medium", [](int pairs) { one_branch(Way::Local, kMedium, pairs); }},
};

int main_of(int pairs, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    if (kParts.contains(part)) continue;
    fmt::print(stderr, "there is no part '{}'; there are:", part);
    for (const auto& [name, unused] : kParts) fmt::print(stderr, " {}", name);
    fmt::print(stderr, "\n");
    return 2;
  }
  fmt::print("the relay / the other, medians of {} interleaved pairs (3 where they are long)\n", pairs);
  for (const auto& [name, part] : kParts) {
    if (parts.empty() || std::ranges::find(parts, name) != parts.end()) part(pairs);
  }
  return 0;
}

}  // namespace
}  // namespace gitferry::bench

int main(int argc, char** argv) {
  const int pairs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  return gitferry::bench::main_of(pairs, {argv + std::min(argc, 2), argv + argc});
}
