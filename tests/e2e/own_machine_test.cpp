// The agent's own machine fails: the disk is full or cannot be written, descriptors are gone, the clock
// jumps. Nothing is acknowledged that is not kept, and all is well again when the machine is.

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "agent/base/unique_fd.h"
#include "tests/e2e/api_world.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

/// A small file system of its own in the place of a directory.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path directory, const std::string& size) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    const auto options = "mode=0700,size=" + size;
    is_there_ = ::mount("none", directory_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_there_) ::umount2(directory_.c_str(), MNT_DETACH);
  }
  /// False where this user may not mount.
  [[nodiscard]] bool is_there() const { return is_there_; }
  void fill() const {
    std::ofstream file(directory_ / "ballast", std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void empty() const { std::filesystem::remove(directory_ / "ballast"); }
  [[nodiscard]] bool make_read_only(bool is_read_only) const {
    const auto flags = MS_REMOUNT | MS_NOSUID | MS_NODEV | (is_read_only ? MS_RDONLY : 0);
    return ::mount("none", directory_.c_str(), "tmpfs", flags, nullptr) == 0;
  }

 private:
  std::filesystem::path directory_;
  bool is_there_ = false;
};

class OwnMachine : public ApiWorld {
 protected:
  /// Commits and delivers; whether it was acknowledged.
  bool push() {
    commit(hosts.internal, "main", fmt::format("file{}", ++pushes));
    const auto answer = hosts.deliver("main");
    EXPECT_TRUE(answer.status == 202 || answer.status == 503) << answer.status << answer.body;
    acked += answer.status == 202 ? 1 : 0;
    return answer.status == 202;
  }
  bool has_arrived() {
    return hosts.tips_are_equal("main", "main") &&
           !api("GET", "/status?repo_name=robot")["data"][0]["pending"].asBool();
  }
  /// Of those at the agent's port that it has not accepted (proc(5), net/tcp: a listener's rx_queue).
  std::size_t connections_that_wait() {
    const auto listener = fmt::format(":{:04X} 00000000:0000 0A ", hosts.agent().port());
    std::ifstream table("/proc/net/tcp");
    for (std::string line; std::getline(table, line);) {
      const auto at = line.find(listener);
      if (at == std::string::npos) continue;
      return std::stoul(line.substr(line.find(':', at + listener.size()) + 1), nullptr, 16);
    }
    return 0;
  }
  int recorded() { return api("GET", "/deliveries?page_size=1")["total"].asInt(); }
  void expect_well_again() {
    ASSERT_TRUE(eventually([&] { return push(); })) << hosts.agent().log();
    EXPECT_TRUE(eventually([&] { return has_arrived(); })) << answers << hosts.agent().log();
    EXPECT_EQ(hosts.external.fsck(), "");
    EXPECT_GE(recorded(), acked);
  }

  int pushes = 0;
  int acked = 0;
};

TEST_F(OwnMachine, R05_AFullDiskOfTheDatabaseRefusesAndLosesNothing) {
  const SmallDisk disk(hosts.directory / "data", "8m");
  if (!disk.is_there()) GTEST_SKIP() << "this user may not mount: " << std::strerror(errno);
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] { return has_arrived(); }));
  disk.fill();
  ASSERT_TRUE(eventually([&] { return !push(); })) << "the disk is full and everything is acknowledged";
  EXPECT_EQ(http(hosts.agent().port(), "GET", "/livez").status, 200);
  const auto kept = recorded();
  EXPECT_EQ(kept, acked);
  disk.empty();
  expect_well_again();
}

TEST_F(OwnMachine, R05_AReadOnlyDiskOfTheDatabaseRefusesAndLosesNothing) {
  const SmallDisk disk(hosts.directory / "data", "8m");
  if (!disk.is_there()) GTEST_SKIP() << "this user may not mount: " << std::strerror(errno);
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] { return has_arrived(); }));
  hosts.agent().kill(SIGTERM);
  ASSERT_EQ(hosts.agent().wait(), 0);
  ASSERT_TRUE(disk.make_read_only(true)) << std::strerror(errno);
  hosts.agent().start();
  ASSERT_NE(hosts.agent().wait(), 0) << "it serves what it cannot keep";
  EXPECT_THAT(hosts.agent().log(), HasSubstr("gitferry.db"));
  ASSERT_TRUE(disk.make_read_only(false));
  hosts.agent().start();
  ASSERT_TRUE(hosts.agent().wait_until_ready()) << hosts.agent().log();
  expect_well_again();
}

TEST_F(OwnMachine, R05_AFullDiskOfTheSpoolFailsTheRunAndHealsWithIt) {
  const SmallDisk disk(hosts.directory / "spool", "32m");
  if (!disk.is_there()) GTEST_SKIP() << "this user may not mount: " << std::strerror(errno);
  BindingYaml binding;
  binding.more_sync = ", engine: mirror";
  ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
  disk.fill();
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] {
    const auto row = api("GET", "/status?repo_name=robot")["data"][0];
    return !row["error"].isNull();
  })) << answers;
  EXPECT_FALSE(hosts.tips_are_equal("main", "main"));
  disk.empty();
  expect_well_again();
}

/// The agent's limit of open files, until the end of this object.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(pid_t process) : process_(process) {
    if (::prlimit(process_, RLIMIT_NOFILE, nullptr, &before_) != 0) throw std::runtime_error("prlimit");
  }
  ~DescriptorLimit() { lift(); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

  /// What is open stays so; a new descriptor has to be below.
  void lower_to(rlim_t soft) const { set({soft, before_.rlim_max}); }
  void lift() const { set(before_); }

 private:
  void set(const rlimit& limit) const { ::prlimit(process_, RLIMIT_NOFILE, &limit, nullptr); }

  pid_t process_;
  rlimit before_{};
};

TEST_F(OwnMachine, R05_WithoutAnyDescriptorWhatArrivesWaitsAndIsServedThen) {
  BindingYaml binding;
  binding.reconcile = "1s";
  ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] { return has_arrived(); }));
  const DescriptorLimit limit(hosts.agent().pid());
  limit.lower_to(3);
  // What needs a descriptor by itself shows that there is none.
  ASSERT_TRUE(eventually([&] {
    return hosts.agent().log().find("a repository cannot be compared") != std::string::npos;
  })) << hosts.agent().log();
  commit(hosts.internal, "main", "waits");
  std::atomic<int> status{0};
  {
    const std::jthread sender([&] { status = hosts.deliver("main").status; });
    ASSERT_TRUE(eventually([&] { return connections_that_wait() > 0; }));
    EXPECT_EQ(status, 0) << "somebody was served";
    limit.lift();
  }
  EXPECT_EQ(status, 202);
  acked += status == 202 ? 1 : 0;
  expect_well_again();
}

TEST_F(OwnMachine, R05_WithAFewDescriptorsWhateverGetsInIsKept) {
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] { return has_arrived(); }));
  const DescriptorLimit limit(hosts.agent().pid());
  // A delivery needs one descriptor, its run more: at some limit the delivery gets in and the run cannot go.
  const auto open_now = static_cast<rlim_t>(std::distance(
      std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", hosts.agent().pid())), {}));
  for (rlim_t more = 0; more < 8; ++more) {
    commit(hosts.internal, "main", fmt::format("few{}", more));
    limit.lower_to(open_now + more);
    // What cannot be accepted waits for its connection; nobody waits for that here.
    std::jthread sender([&] { acked += hosts.deliver("main").status == 202 ? 1 : 0; });
    std::this_thread::yield();
    limit.lift();
  }
  expect_well_again();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMayPreload = false;  // a sanitizer has to be the first library
#else
constexpr bool kMayPreload = true;
#endif

/// The agent's wall clock, turned by libfaketime.
class TurnedClock : public OwnMachine {
 protected:
  TurnedClock() {
    for (const auto* triplet : {"x86_64-linux-gnu", "aarch64-linux-gnu"}) {
      const auto candidate = fmt::format("/usr/lib/{}/faketime/libfaketimeMT.so.1", triplet);
      if (std::filesystem::exists(candidate)) library = candidate;
    }
  }
  ~TurnedClock() override {
    for (const auto* name :
         {"LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC"})
      ::unsetenv(name);
  }
  void turn(const std::string& offset) const {
    std::ofstream(hosts.directory / "faketime") << offset << "\n";
  }
  void start_turned() {
    turn("+0");
    const std::string file = hosts.directory / "faketime";
    ::setenv("LD_PRELOAD", library.c_str(), 1);
    ::setenv("FAKETIME_TIMESTAMP_FILE", file.c_str(), 1);
    ::setenv("FAKETIME_NO_CACHE", "1", 1);
    ::setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    start();
  }

  std::string library;
};

TEST_F(TurnedClock, R24_JumpsOfADayLoseNothingAndDelayNothing) {
  if (!kMayPreload) GTEST_SKIP() << "not with a sanitizer";
  ASSERT_FALSE(library.empty()) << "libfaketime is missing";
  ASSERT_NO_FATAL_FAILURE(start_turned());
  std::set<std::string> days;
  for (const auto* offset : {"+0", "+1d", "-1d", "+3d", "+0"}) {
    turn(offset);
    SCOPED_TRACE(offset);
    ASSERT_NO_FATAL_FAILURE(expect_well_again());
    days.insert(api("GET", "/deliveries?page_size=1")["data"][0]["received_at"].asString().substr(0, 10));
  }
  EXPECT_GE(days.size(), 3U) << "the clock did not jump";
  EXPECT_EQ(recorded(), acked);
}

TEST_F(TurnedClock, R24_ARetryPlannedBeforeTheClockWentBackIsNotPutOffByADay) {
  if (!kMayPreload) GTEST_SKIP() << "not with a sanitizer";
  ASSERT_FALSE(library.empty()) << "libfaketime is missing";
  ASSERT_NO_FATAL_FAILURE(start_turned());
  turn("+1d");
  const auto config_file = hosts.external.path() + "/config";
  const auto config = content_of(config_file);
  std::ofstream(config_file, std::ios::app) << "[broken\n";
  ASSERT_TRUE(push());
  ASSERT_TRUE(eventually([&] {
    return api("GET", "/status?repo_name=robot")["data"][0]["attempts"].asInt() > 0;
  })) << answers
      << hosts.agent().log();
  turn("-1d");
  std::ofstream(config_file) << config;
  // Nobody delivers anything any more. SIGHUP has the workers look at the clock.
  hosts.agent().kill(SIGHUP);
  EXPECT_TRUE(eventually([&] { return has_arrived(); })) << answers << hosts.agent().log();
}

}  // namespace
}  // namespace gitferry::test
