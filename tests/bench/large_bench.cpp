// What a relay run takes where there is much to relay: peak memory over idle, bytes on the disk and time,
// between two real http hosts, for a repository of many large files, for a single blob, and for a proof
// through many commits.
//
//   ./dev bench large [MiB of the repository] [MiB of the blob] [commits]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/git/relay.h"
#include "agent/git/transports.h"
#include "tests/bench/measured_process.h"

namespace gitferry::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMiB = 1U << 20U;
constexpr std::size_t kFileMiB = 32;

std::string git_host(const std::vector<std::string>& words) {
  std::vector<std::string> argv{GITFERRY_GIT_HOST};
  argv.insert(argv.end(), words.begin(), words.end());
  return output_of(argv);
}

/// A file of bytes that do not compress (xorshift64, Marsaglia 2003), others with each seed.
void write_noise(const fs::path& path, std::size_t mib, std::uint64_t seed) {
  std::ofstream file(path, std::ios::binary);
  std::vector<std::uint64_t> words(kMiB / sizeof(std::uint64_t));
  std::uint64_t state = 0x9E3779B97F4A7C15ULL * (seed + 1);
  for (std::size_t i = 0; i < mib; ++i) {
    for (auto& word : words) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      word = state;
    }
    file.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(kMiB));
  }
}

/// Two hosts, and a pair of repositories for each case.
class Field {
 public:
  explicit Field(fs::path root) : root_(std::move(root)) {
    source_url_ = git_host({"start", "--root", (root_ / "a").string()});
    target_url_ = git_host({"start", "--root", (root_ / "b").string()});
    TransportOptions options;
    options.addresses = AddressPolicy::from({"127.0.0.0/8"}).value();
    TransferLimits limits;
    limits.total = std::chrono::hours(1);
    engine_ =
        std::make_unique<RelayEngine>(make_transport(options), limits, (root_ / "spool").string(), clock_);
  }
  ~Field() {
    git_host({"stop", "--root", (root_ / "a").string()});
    git_host({"stop", "--root", (root_ / "b").string()});
    fs::remove_all(root_);
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  void make(const std::string& name) {
    for (const auto* side : {"a", "b"}) {
      const auto path = repository(side, name);
      run({"git", "init", "-q", "--bare", "-b", "main", path});
      // Neither host is to spend its time on deltas of noise.
      for (const auto* setting : {"core.compression=0", "core.bigFileThreshold=1m"}) {
        const std::string_view text(setting);
        const auto equals = text.find('=');
        run({"git", "-C", path, "config", std::string(text.substr(0, equals)),
             std::string(text.substr(equals + 1))});
      }
    }
  }
  [[nodiscard]] std::string repository(const std::string& side, const std::string& name) const {
    return (root_ / side / "repos" / (name + ".git")).string();
  }
  /// A commit of `files` files of `mib` MiB each.
  void commit_noise(const std::string& name, std::size_t files, std::size_t mib) {
    const auto path = repository("a", name);
    const auto file = root_ / "noise";
    std::string tree;
    for (std::size_t i = 0; i < files; ++i) {
      write_noise(file, mib, i);
      const auto id = output_of({"git", "-C", path, "hash-object", "-w", file.string()});
      tree += fmt::format("100644 blob {}\tfile{:05}\n", id, i);
    }
    fs::remove(file);
    std::ofstream(root_ / "tree") << tree;
    const auto id = output_of({"sh", "-c", "git -C \"$0\" mktree <\"$1\"", path, (root_ / "tree").string()});
    const auto commit = output_of({"git", "-C", path, "-c", "user.name=b", "-c", "user.email=b@example.org",
                                   "commit-tree", "-m", "Large", id});
    run({"git", "-C", path, "update-ref", "refs/heads/main", commit});
  }
  /// `count` commits more on main.
  void commit_many(const std::string& name, int first, int count) {
    std::string stream;
    for (int i = first; i < first + count; ++i) {
      stream += fmt::format(
          "commit refs/heads/main\ncommitter Bench <bench@example.org> {} +0000\ndata 10\n{:09}\n",
          1'600'000'000 + i * 60, i);
      if (i == first && first > 0) stream += "from refs/heads/main^0\n";
      stream += fmt::format("M 100644 inline f\ndata 10\n{:09}\n\n", i);
    }
    run({"git", "-C", repository("a", name), "fast-import", "--quiet", "--done", "--force"},
        stream + "done\n");
  }

  /// One sync; ends the program where it fails.
  RunReport sync(const std::string& name) {
    SyncRequest request;
    request.source.url = parse_remote_url(source_url_ + "/" + name + ".git", any_scheme())->url;
    request.target.url = parse_remote_url(target_url_ + "/" + name + ".git", any_scheme())->url;
    request.refs = {{"refs/heads/main", "refs/heads/main"}};
    TransferProgress progress;
    request.progress = &progress;
    auto report = std::move(engine_->sync(request, {}).front());
    if (!report.error) return report;
    fmt::print(stderr, "relay failed: {}\n", report.error->text());
    std::exit(1);
  }
  void measure(const std::string& what, const std::string& name, double goal_mib) {
    // What making the repositories left behind would hide what the run takes.
    ::malloc_trim(0);
    reset_peak_memory();
    const double idle = resident_memory_mib();
    const double cpu = own_cpu_s();
    const auto begin = std::chrono::steady_clock::now();
    const auto report = sync(name);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    const double over = peak_memory_mib() - idle;
    fmt::print(
        "{:<28} pack {:8.1f} MiB, {:6.1f} s, cpu {:5.2f} s, {:5.1f} MiB over idle (goal {:.0f}: {}), {} "
        "bytes "
        "on disk\n",
        what, static_cast<double>(report.pack_bytes) / kMiB, wall.count(), own_cpu_s() - cpu, over, goal_mib,
        over <= goal_mib ? "met" : "MISSED", report.spooled_bytes);
    std::fflush(stdout);
    fs::remove_all(repository("b", name));
  }

 private:
  fs::path root_;
  std::string source_url_, target_url_;
  SystemClock clock_;
  std::unique_ptr<Engine> engine_;
};

int main_of(std::size_t repository_mib, std::size_t blob_mib, int commits) {
  Field field(fs::temp_directory_path() / fmt::format("gitferry-bench-{}", ::getpid()));
  // The libraries are loaded and the connections made before anything is measured.
  field.make("small");
  field.commit_many("small", 0, 10);
  field.sync("small");

  field.make("files");
  field.commit_noise("files", repository_mib / kFileMiB, kFileMiB);
  field.measure(fmt::format("{} MiB in {} MiB files", repository_mib, kFileMiB), "files", 16);
  fs::remove_all(field.repository("a", "files"));

  field.make("blob");
  field.commit_noise("blob", 1, blob_mib);
  field.measure(fmt::format("one blob of {} MiB", blob_mib), "blob", 16);
  fs::remove_all(field.repository("a", "blob"));

  field.make("history");
  field.commit_many("history", 0, 10);
  field.sync("history");
  field.commit_many("history", 10, commits);
  field.measure(fmt::format("{} commits to prove", commits), "history", 96);
  return 0;
}

}  // namespace
}  // namespace gitferry::bench

int main(int argc, char** argv) {
  const auto number = [&](int index, int otherwise) {
    return argc > index ? std::max(1, std::atoi(argv[index])) : otherwise;
  };
  return gitferry::bench::main_of(static_cast<std::size_t>(number(1, 2048)),
                                  static_cast<std::size_t>(number(2, 1024)), number(3, 80'000));
}
