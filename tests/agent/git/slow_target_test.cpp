// A target that takes its time does not make the source wait until its server cuts the line.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "tests/agent/git/hosted_repository.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/support/gate_proxy.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;

/// More than all buffers of the way together.
constexpr std::size_t kLarge = 24U << 20U;

/// How much of an answer was sent, in nginx's combined format.
std::uint64_t bytes_of(const std::string& line) {
  const auto quote = line.find("\" ");
  const auto status_end = line.find(' ', quote + 2);
  return std::stoull(line.substr(status_end + 1));
}

/// The target's host takes nothing more once a little of the pack was there, until the gate is opened.
class SlowTarget : public ::testing::TestWithParam<std::tuple<Wire, Wire>> {
 protected:
  SlowTarget() {
    static const std::string large = noise(kLarge);
    source.repository().commit({.message = "Large", .files = {{"large.bin", large}}});
    limits.hold = milliseconds(20);
  }
  /// Syncs while the gate is closed; `opens_when` is asked again and again from another thread.
  RunReport sync(const std::function<bool()>& opens_when) {
    gate.close_after(300'000);
    std::jthread opener([&](const std::stop_token& stop) {
      while (!stop.stop_requested() && !(gate.is_holding() && opens_when())) {
        std::this_thread::sleep_for(milliseconds(2));
      }
      gate.open();
    });
    RelayEngine engine(loopback_transport(), limits, directory / "spool", clock);
    SyncRequest request{source.remote(), target.remote(gate.port()), {{kMain, kMain}}};
    request.progress = &progress;
    return std::move(engine.sync(request, {}).front());
  }
  [[nodiscard]] bool has_received_all() const { return progress.bytes_received > kLarge; }
  void expect_untouched() {
    EXPECT_FALSE(target.repository().tip(kMain));
    EXPECT_EQ(target.repository().fsck(), "");
  }

  static constexpr const char* kMain = "refs/heads/main";
  TemporaryDirectory directory;
  HostedRepository source{std::get<0>(GetParam())};
  HostedRepository target{std::get<1>(GetParam())};
  GateProxy gate{target.port()};
  TransferLimits limits;
  SystemClock clock;
  TransferProgress progress;
};
std::string name_of_wires(const ::testing::TestParamInfo<std::tuple<Wire, Wire>>& test) {
  return std::string(name_of(std::get<0>(test.param))) + "To" + std::string(name_of(std::get<1>(test.param)));
}

INSTANTIATE_TEST_SUITE_P(Over, SlowTarget, ::testing::Values(std::tuple{Wire::Http, Wire::Http}),
                         name_of_wires);
INSTANTIATE_TEST_SUITE_P(FullOver, SlowTarget,
                         ::testing::Values(std::tuple{Wire::Local, Wire::Ssh},
                                           std::tuple{Wire::Local, Wire::Http},
                                           std::tuple{Wire::Http, Wire::Ssh},
                                           std::tuple{Wire::Ssh, Wire::Http},
                                           std::tuple{Wire::Ssh, Wire::Ssh}),
                         name_of_wires);

TEST_P(SlowTarget, TheSourceIsReadToItsEndMeanwhile) {
  const auto report = sync([this] { return has_received_all(); });
  ASSERT_FALSE(report.error) << report.error->text();
  EXPECT_EQ(target.repository().tip(kMain), source.repository().tip(kMain));
  EXPECT_EQ(target.repository().fsck(), "");
  EXPECT_GT(report.spooled_bytes, 0U);
  EXPECT_EQ(progress.bytes_sent, progress.bytes_received);
}

TEST_P(SlowTarget, WhatIsHeldHasALimit) {
  limits.spool_bytes = 1U << 20U;
  const auto report = sync([] { return false; });
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::LimitExceeded) << report.error->text();
  expect_untouched();
}

/// A file system that is full after a megabyte.
class TinyDisk {
 public:
  explicit TinyDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    is_mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  ~TinyDisk() {
    if (is_mounted_) ::umount(path_.c_str());
  }
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }

 private:
  std::string path_;
  bool is_mounted_ = false;
};

/// What does not depend on the wires.
class SlowHttpTarget : public SlowTarget {};
INSTANTIATE_TEST_SUITE_P(Over, SlowHttpTarget, ::testing::Values(std::tuple{Wire::Http, Wire::Http}),
                         [](const auto&) { return "HttpToHttp"; });

TEST_P(SlowHttpTarget, ASourceThatWasLeftWaitingWouldHaveCutTheLine) {
  limits.hold = std::chrono::hours(1);
  const auto lines = http_host().access_log().size();
  const auto was_cut = [&] {
    const auto log = http_host().access_log();
    return std::any_of(log.begin() + static_cast<std::ptrdiff_t>(lines), log.end(), [&](const auto& line) {
      return line.find("POST") != std::string::npos && line.find("/git-upload-pack") != std::string::npos &&
             bytes_of(line) > 100'000;
    });
  };
  const auto report = sync(was_cut);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::ConnectionFailed) << report.error->text();
  EXPECT_FALSE(has_received_all());
  EXPECT_EQ(report.spooled_bytes, 0U);
  expect_untouched();
}

TEST_P(SlowHttpTarget, AFullDiskIsToldAsThat) {
  const TinyDisk disk(directory / "spool");
  if (!disk.is_mounted()) GTEST_SKIP() << "needs the right to mount";
  const auto report = sync([] { return false; });
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::StoreFull) << report.error->text();
  expect_untouched();
}

TEST_P(SlowHttpTarget, ATargetThatKeepsUpCostsNoDisk) {
  limits.hold = TransferLimits{}.hold;
  RelayEngine engine(loopback_transport(), limits, directory / "spool", clock);
  const auto report =
      std::move(engine.sync({source.remote(), target.remote(), {{kMain, kMain}}}, {}).front());
  ASSERT_FALSE(report.error) << report.error->text();
  EXPECT_EQ(report.spooled_bytes, 0U);
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

}  // namespace
}  // namespace gitferry::test
