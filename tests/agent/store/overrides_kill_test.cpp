#include <cstdint>
#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

/// The whole of change number `n`: a repository with both addresses, a token, two branches and an audit row,
/// and the one before it gone.
OverrideChange change_number(std::int64_t n) {
  const auto text = std::to_string(n);
  auto row = bound("r" + text);
  row.internal_token = SideToken{text, Secret("token " + text), "h"};
  OverrideChange change;
  change.drop_repositories = {"r" + std::to_string(n - 1)};
  change.put_repositories = {row};
  for (const auto* name : {"main", "dev"}) {
    change.put_branches.push_back({row.name, name, name, BranchOverride::Kind::Bound, true, n});
  }
  change.audit = {audit_of(row.name)};
  return change;
}

/// Changes one after the other and tells each that is done, until the process is killed.
[[noreturn]] void change_for_ever(const StoreOptions& options, const Clock& clock, int out,
                                  std::int64_t first) {
  auto opened = Store::open(options, clock);
  if (!opened) _exit(1);
  for (auto n = first;; ++n) {
    if (!(*opened)->change_overrides(change_number(n))) _exit(2);
    if (::write(out, &n, sizeof n) != sizeof n) _exit(3);
  }
}

class OverridesKillTest : public StoreTest {
 protected:
  OverridesKillTest() { options_.sealing_key = sealing_key_of('k'); }

  /// Kills a child at a random one of its changes; the number of the last one it told.
  std::int64_t last_told_before_kill(std::int64_t first, unsigned changes) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const UniqueFd in(ends[0]);
    UniqueFd out(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) change_for_ever(options_, clock_, out.get(), first);
    out.reset();
    std::int64_t told = 0;
    for (unsigned seen = 0;; ++seen) {
      std::int64_t n = 0;
      if (::read(in.get(), &n, sizeof n) != sizeof n) break;
      told = n;
      if (seen == changes) ::kill(child, SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    return told;
  }
};

TEST_F(OverridesKillTest, AChangeIsWholeOrNotThereAfterAKill) {
  std::mt19937 random{20'261'124};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  std::int64_t next = 1;
  for (int kill = 0; kill < 10; ++kill) {
    const auto told = last_told_before_kill(next, static_cast<unsigned>(random() % 20));
    const auto rows = store().overrides().value();
    ASSERT_EQ(rows.repositories.size(), 1U);
    const auto& row = rows.repositories[0];
    const auto n = std::stoll(row.name.substr(1));
    EXPECT_GE(n, told) << "what was told is there";
    EXPECT_EQ(row.internal_token.value().token.reveal(), "token " + std::to_string(n));
    ASSERT_EQ(rows.branches.size(), 2U);
    for (const auto& branch : rows.branches) EXPECT_EQ(branch.created_at_ms, n);
    EXPECT_EQ(store().audit({}, {}).value().total, n);
    close();
    next = n + 1;
  }
}

TEST_F(OverridesKillTest, PeeksAtADatabaseThatAnotherProcessWorksOnOrLeftInACrash) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto opened = Store::open(options_, clock_);
    if (!opened || !(*opened)->change_overrides(change_number(7))) _exit(1);
    if (::write(out.get(), "x", 1) != 1) _exit(2);
    for (;;) ::pause();
  }
  out.reset();
  char told = 0;
  EXPECT_EQ(::read(in.get(), &told, 1), 1);
  const auto expect_number_7 = [&](const char* when) {
    const auto seen = Store::peek_overrides(options_);
    ASSERT_TRUE(seen) << when << ": " << seen.error().text();
    ASSERT_EQ(seen->repositories.size(), 1U) << when;
    EXPECT_EQ(seen->repositories[0].internal_token.value().token.reveal(), "token 7") << when;
    EXPECT_EQ(seen->branches.size(), 2U) << when;
  };
  expect_number_7("while the other process works on it");
  const auto second = Store::open(options_, clock_);
  EXPECT_FALSE(second) << "peeking takes nothing from the process that owns the database";
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  expect_number_7("after it was killed");
  EXPECT_EQ(store().overrides().value().repositories.size(), 1U);
}

}  // namespace
}  // namespace gitferry
