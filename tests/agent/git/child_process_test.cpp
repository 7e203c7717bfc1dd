#include "agent/git/child_process.h"

#include <cerrno>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agent/git/transport_fixture.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;

ChildCommand sh(const std::string& script) {
  return {{"sh", "-c", script}, basic_child_environment(), "the test's child"};
}

class ReaderOf final : public ByteReader {
 public:
  explicit ReaderOf(ChildProcess& child) : child_(child) {}
  Result<std::size_t> read(std::span<char> out) override { return child_.read(out); }

 private:
  ChildProcess& child_;
};

std::string output(ChildProcess& child) {
  ReaderOf reader(child);
  auto all = read_all(reader);
  return all ? *all : all.error().text();
}

/// Gone, or a zombie that only the container's first process could reap.
bool is_gone(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) return line.find('Z') != std::string::npos;
  }
  return true;
}

TEST(ChildProcess, LeavesNoZombie) {
  auto child = ChildProcess::start({{"sleep", "60"}, basic_child_environment(), "sleep"}, patient());
  ASSERT_TRUE(child);
  const auto pid = (*child)->pid();
  child->reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(ChildProcess, EndsTheWholeGroup) {
  auto child = ChildProcess::start(sh("trap '' TERM; (trap '' TERM; sleep 60) & echo $!; wait"), patient());
  ASSERT_TRUE(child);
  ReaderOf reader(**child);
  const auto grandchild = std::stoi(read_until(reader, "\n").value());
  EXPECT_FALSE(is_gone(grandchild));
  child->reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_gone(grandchild) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(is_gone(grandchild));
}

TEST(ChildProcess, DoesNotInheritSignalDispositions) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  auto child = ChildProcess::start(
      {{"grep", "-E", "SigIgn|SigBlk", "/proc/self/status"}, basic_child_environment(), "grep"}, patient());
  ::signal(SIGPIPE, before);
  ASSERT_TRUE(child);
  const auto lines = output(**child);
  // The two lowest real-time signals belong to the C library, which leaves them alone.
  constexpr std::uint64_t standard_signals = 0x7FFFFFFF;
  for (const auto* name : {"SigBlk:\t", "SigIgn:\t"}) {
    const auto at = lines.find(name);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(std::stoull(lines.substr(at + 8, 16), nullptr, 16) & standard_signals, 0U) << lines;
  }
}

TEST(ChildProcess, S39_SeesOnlyWhatItIsGiven) {
  ::setenv("GITFERRY_TEST_CANARY", "x", 1);  // NOLINT(concurrency-mt-unsafe)
  const UniqueFd leaked(::open("/dev/null", O_RDONLY));
  const UniqueFd high(::fcntl(leaked.get(), F_DUPFD, 50));
  auto child = ChildProcess::start({{"env"}, {"PATH=/usr/bin:/bin", "A=b"}, "env"}, patient());
  ASSERT_TRUE(child);
  EXPECT_EQ(output(**child), "PATH=/usr/bin:/bin\nA=b\n");
  auto lister = ChildProcess::start(sh("test -e /proc/self/fd/50 && echo leaked; echo done"), patient());
  ASSERT_TRUE(lister);
  EXPECT_EQ(output(**lister), "done\n");
}

TEST(ChildProcess, PassesMoreThanAPipeHoldsBothWays) {
  auto child = ChildProcess::start({{"cat"}, basic_child_environment(), "cat"}, patient());
  ASSERT_TRUE(child);
  const std::string sent(400'000, 'x');
  ASSERT_TRUE((*child)->write(sent));
  (*child)->close_stdin();
  EXPECT_EQ(output(**child), sent);
  EXPECT_EQ((*child)->wait_for_exit().status, 0);
}

TEST(ChildProcess, AReaderThatLeftIsAnErrorAndNoSignal) {
  auto child = ChildProcess::start(sh("exit 4"), patient());
  ASSERT_TRUE(child);
  Status written;
  while (written) written = (*child)->write("x");
  EXPECT_EQ(written.error().code, ErrorCode::ConnectionFailed);
  EXPECT_EQ((*child)->wait_for_exit().status, 4);
}

TEST(ChildProcess, KeepsTheEndOfALongStderr) {
  auto child = ChildProcess::start(sh("yes error | head -c 300000 >&2; echo the end >&2; exit 3"), patient());
  ASSERT_TRUE(child);
  EXPECT_EQ(output(**child), "");
  const auto exit = (*child)->wait_for_exit();
  EXPECT_EQ(exit.status, 3);
  EXPECT_LE(exit.errors.size(), 8192U);
  EXPECT_TRUE(exit.errors.ends_with("the end\n"));
}

TEST(ChildProcess, SilenceEndsAtTheStallLimit) {
  auto child = ChildProcess::start(sh("sleep 60"), waiting_with(milliseconds(80)));
  ASSERT_TRUE(child);
  std::array<char, 10> room{};
  const auto count = (*child)->read(room);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, ErrorCode::Timeout);
  EXPECT_NE(count.error().message.find("no byte moved"), std::string::npos);
}

TEST(ChildProcess, AFullPipeEndsAtTheStallLimit) {
  auto child = ChildProcess::start(sh("sleep 60"), waiting_with(milliseconds(80)));
  ASSERT_TRUE(child);
  const auto written = (*child)->write(std::string(5'000'000, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::Timeout);
}

TEST(ChildProcess, ATricklingChildEndsAtTheTotal) {
  auto waiting = waiting_with(std::chrono::seconds(30));
  waiting.total_deadline = std::chrono::steady_clock::now() + milliseconds(150);
  auto child = ChildProcess::start(sh("while echo x; do sleep 0.01; done"), waiting);
  ASSERT_TRUE(child);
  std::array<char, 10> room{};
  auto count = (*child)->read(room);
  while (count) count = (*child)->read(room);
  EXPECT_EQ(count.error().code, ErrorCode::Timeout);
}

TEST(ChildProcess, AFloodEndsAtTheTotal) {
  auto waiting = patient();
  waiting.total_deadline = std::chrono::steady_clock::now() + milliseconds(150);
  auto child = ChildProcess::start(sh("yes & yes >&2"), waiting);
  ASSERT_TRUE(child);
  std::array<char, 10> room{};
  auto count = (*child)->read(room);
  while (count) count = (*child)->read(room);
  EXPECT_EQ(count.error().code, ErrorCode::Timeout);
}

TEST(ChildProcess, WhatAChildSaidBeforeItsEndCanStillBeRead) {
  // More than a pipe holds: it cannot end before somebody takes it.
  auto child = ChildProcess::start(sh("head -c 200000 /dev/zero | tr '\\0' x; exit 3"), patient());
  ASSERT_TRUE(child);
  EXPECT_EQ((*child)->wait_for_exit().status, 3);
  EXPECT_EQ(output(**child), std::string(200'000, 'x'));
}

TEST(ChildProcess, AStopEndsTheWaitAtOnce) {
  std::stop_source stop;
  auto child = ChildProcess::start(sh("sleep 60"), waiting_with(std::chrono::seconds(50), stop.get_token()));
  ASSERT_TRUE(child);
  const std::jthread stopper([&stop] { stop.request_stop(); });
  std::array<char, 10> room{};
  const auto start = std::chrono::steady_clock::now();
  const auto count = (*child)->read(room);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, ErrorCode::Cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ChildProcess, AMissingProgramIsNamed) {
  const auto child = ChildProcess::start({{"no-such-program-x"}, {}, "the test"}, patient());
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::GitFailed);
  EXPECT_NE(child.error().text().find("no-such-program-x"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::test
