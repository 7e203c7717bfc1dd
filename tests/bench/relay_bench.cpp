// Measures the relay against `git fetch && git push` with a persistent bare cache, over real http hosts,
// interleaved: each pair runs one after the other on the same machine state, and the order alternates. Prints
// medians and ratios.
//
//   ./dev bench relay [pairs] [commits]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/git/relay.h"
#include "agent/git/transports.h"
#include "tests/bench/measured_process.h"

namespace gitferry::bench {
namespace {

namespace fs = std::filesystem;

/// A fast-import stream (git-fast-import(1)) of `count` commits on main after `parent`: three files each,
/// spread over directories, so that trees and blobs come in realistic proportion.
std::string history(int first, int count, const std::string& parent) {
  std::string stream;
  for (int i = first; i < first + count; ++i) {
    const auto message = fmt::format("Change {}\n\nA few words about why change {} was made.\n", i, i);
    stream += fmt::format("commit refs/heads/main\ncommitter Bench <bench@example.org> {} +0000\ndata {}\n{}",
                          1'600'000'000 + i * 60, message.size(), message);
    if (i == first && !parent.empty()) stream += fmt::format("from {}\n", parent);
    for (int part = 0; part < 3; ++part) {
      std::string content;
      for (int line = 0; line < 40; ++line)
        content += fmt::format("line {} of {} {}\n", line, i * (part + 1), line * i % 97);
      stream += fmt::format("M 100644 inline src/{}/{}/file{}.txt\ndata {}\n{}\n", (i * 7 + part) % 23,
                            i % 41, (i + part) % 11, content.size(), content);
    }
  }
  return stream + "done\n";
}

std::string git_host(const std::vector<std::string>& words) {
  std::vector<std::string> argv{GITFERRY_GIT_HOST};
  argv.insert(argv.end(), words.begin(), words.end());
  return output_of(argv);
}

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

/// Two hosts, a source with history, a target for each contender, and git's cache.
class Field {
 public:
  Field(fs::path root, int commits) : root_(std::move(root)) {
    source_url_ = git_host({"start", "--root", (root_ / "a").string()}) + "/source.git";
    target_base_ = git_host({"start", "--root", (root_ / "b").string()});
    run({"git", "init", "-q", "--bare", "-b", "main", source()});
    run({"git", "-C", source(), "fast-import", "--quiet", "--done"}, history(0, commits, ""));
    run({"git", "-C", source(), "repack", "-adq"});
    commits_ = commits;
    for (const auto* name : {"ferry", "git"}) make_target(name);
    make_cache();
    TransportOptions options;
    options.addresses = AddressPolicy::from({"127.0.0.0/8"}).value();
    engine_ =
        std::make_unique<RelayEngine>(make_transport(options), limits_, (root_ / "spool").string(), clock_);
    fs::create_directories(root_ / "spool");
  }
  ~Field() {
    git_host({"stop", "--root", (root_ / "a").string()});
    git_host({"stop", "--root", (root_ / "b").string()});
    fs::remove_all(root_);
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  void make_target(const std::string& name) {
    const auto path = root_ / "b" / "repos" / (name + ".git");
    fs::remove_all(path);
    run({"git", "init", "-q", "--bare", "-b", "main", path.string()});
  }
  void make_cache() {
    fs::remove_all(root_ / "cache");
    run({"git", "init", "-q", "--bare", cache()});
  }

  void commit(int count) {
    run({"git", "-C", source(), "fast-import", "--quiet", "--done", "--force"},
        history(commits_, count, "refs/heads/main^0"));
    commits_ += count;
  }

  Cost ferry() {
    SyncRequest request;
    request.source.url = parse_remote_url(source_url_, any_scheme())->url;
    request.target.url = parse_remote_url(target_base_ + "/ferry.git", any_scheme())->url;
    request.refs = {{"refs/heads/main", "refs/heads/main"}};
    const double cpu = own_cpu_s();
    const auto begin = std::chrono::steady_clock::now();
    last_ = std::move(engine_->sync(request, {}).front());
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    if (last_.error) {
      fmt::print(stderr, "relay failed: {}\n", last_.error->text());
      std::exit(1);
    }
    return {wall.count(), own_cpu_s() - cpu};
  }

  Cost git() {
    const auto fetch =
        run({"git", "-C", cache(), "fetch", "-q", source_url_, "+refs/heads/main:refs/heads/main"});
    const auto push = run(
        {"git", "-C", cache(), "push", "-q", target_base_ + "/git.git", "refs/heads/main:refs/heads/main"});
    return {fetch.wall_s + push.wall_s, fetch.cpu_s + push.cpu_s};
  }

  Cost ls_remote_twice() {
    const auto first = run({"git", "ls-remote", "-q", source_url_, "refs/heads/nothing"});
    const auto second = run({"git", "ls-remote", "-q", target_base_ + "/git.git", "refs/heads/nothing"});
    return {first.wall_s + second.wall_s, first.cpu_s + second.cpu_s};
  }

  void check_equal() {
    const auto tip = output_of({"git", "-C", source(), "rev-parse", "refs/heads/main"});
    for (const auto* name : {"ferry", "git"}) {
      const auto path = root_ / "b" / "repos" / (std::string(name) + ".git");
      if (output_of({"git", "-C", path.string(), "rev-parse", "refs/heads/main"}) != tip) {
        fmt::print(stderr, "{}'s target is not where the source is\n", name);
        std::exit(1);
      }
    }
  }

  [[nodiscard]] const RunReport& last() const { return last_; }
  [[nodiscard]] double spool_files() const {
    return static_cast<double>(
        std::distance(fs::directory_iterator(root_ / "spool"), fs::directory_iterator{}));
  }

 private:
  [[nodiscard]] std::string source() const { return (root_ / "a" / "repos" / "source.git").string(); }
  [[nodiscard]] std::string cache() const { return (root_ / "cache").string(); }

  fs::path root_;
  std::string source_url_, target_base_;
  int commits_ = 0;
  SystemClock clock_;
  TransferLimits limits_;
  std::unique_ptr<Engine> engine_;
  RunReport last_;
};

/// Runs `pairs` pairs after one unmeasured pair; `prepare` before each contender pair.
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

void row(const char* name, const Samples& s, double wall_goal, double cpu_goal) {
  const double wall = median(s.wall_ratio);
  const double cpu = median(s.cpu_ratio);
  const auto verdict = [](double value, double goal) {
    return goal <= 0 ? std::string()
                     : fmt::format("(goal {:.2f}: {})", goal, value <= goal ? "met" : "MISSED");
  };
  fmt::print("{:<34} wall {:8.1f} / {:8.1f} ms = {:5.3f} {:<20} cpu {:7.2f} / {:7.2f} ms = {:5.3f} {}\n",
             name, median(s.ferry_wall), median(s.other_wall), wall, verdict(wall, wall_goal),
             median(s.ferry_cpu), median(s.other_cpu), cpu, verdict(cpu, cpu_goal));
}

int main_of(int pairs, int commits) {
  const auto root = fs::temp_directory_path() / fmt::format("gitferry-bench-{}", ::getpid());
  Field field(root, commits);
  fmt::print("relay against git over http, {} commits, medians of {} interleaved pairs, gitferry / other\n",
             commits, pairs);

  reset_peak_memory();
  const double idle = resident_memory_mib();
  const auto initial = measure(
      pairs,
      [&] {
        field.make_target("ferry");
        field.make_target("git");
        field.make_cache();
      },
      [&] { return field.ferry(); }, [&] { return field.git(); });
  field.check_equal();
  row("initial, fetch && push", initial, 0, 0);
  fmt::print("{:<34} {:.1f} MiB pack, {:.1f} MiB over idle at the peak {}\n", "",
             static_cast<double>(field.last().pack_bytes) / 1048576, peak_memory_mib() - idle,
             peak_memory_mib() - idle <= 16 ? "(goal 16: met)" : "(goal 16: MISSED)");

  const auto one = measure(
      pairs, [&] { field.commit(1); }, [&] { return field.ferry(); }, [&] { return field.git(); });
  field.check_equal();
  row("one commit, fetch && push (warm)", one, 0.5, 0.15);

  const auto hundred = measure(
      pairs, [&] { field.commit(100); }, [&] { return field.ferry(); }, [&] { return field.git(); });
  field.check_equal();
  row("100 commits, fetch && push (warm)", hundred, 0, 0);

  const auto nothing = measure(
      pairs, [] {}, [&] { return field.ferry(); }, [&] { return field.ls_remote_twice(); });
  row("no-op, ls-remote twice", nothing, 0.4, 0.05);
  const auto nothing_git = measure(
      pairs, [] {}, [&] { return field.ferry(); }, [&] { return field.git(); });
  row("no-op, fetch && push (warm)", nothing_git, 0, 0);

  fmt::print("{:<34} {} bytes by the last run, {} files left (goal 0)\n", "written to disk",
             field.last().spooled_bytes, field.spool_files());
  return 0;
}

}  // namespace
}  // namespace gitferry::bench

int main(int argc, char** argv) {
  const int pairs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  const int commits = argc > 2 ? std::max(10, std::atoi(argv[2])) : 2000;
  return gitferry::bench::main_of(pairs, commits);
}
