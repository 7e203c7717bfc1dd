// Git hosts that refuse, fail, stall or die, and get well again: no push is lost, and nothing half-done is
// left.

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/api_world.h"
#include "tests/support/flaky_proxy.h"
#include "tests/support/gate_proxy.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kBig = 3 << 20;
constexpr std::size_t kMiddle = 1 << 20;

std::string random_text(std::size_t bytes) {
  std::ifstream random("/dev/urandom", std::ios::binary);
  std::string text(bytes, '\0');
  random.read(text.data(), static_cast<std::streamsize>(bytes));
  return text;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Faults : public ::testing::Test {
 protected:
  /// Those that have ended, the latest first: the next attempt may have begun by then.
  Json::Value wait_for_runs(unsigned count) {
    Json::Value finished;
    EXPECT_TRUE(eventually([&] {
      finished = Json::Value(Json::arrayValue);
      const auto rows = json_of(hosts.agent().api("GET", "/cerobot/sync/repo/robot/logs"))["data"];
      for (const auto& row : rows) {
        if (row["state"] == "finished") finished.append(row);
      }
      return finished.size() >= count;
    })) << finished.toStyledString()
        << hosts.agent().log();
    return finished;
  }
  Json::Value lane() { return json_of(hosts.agent().api("GET", "/cerobot/sync/status"))["data"][0]; }
  void commit(std::size_t bytes = 10) {
    NewCommit commit;
    commit.files = {{"file", random_text(bytes)}};
    hosts.internal.commit(commit);
  }
  /// The next delivery is enough, whatever was before.
  void expect_healed() {
    ASSERT_EQ(hosts.deliver("main").status, 202);
    EXPECT_TRUE(eventually([&] {
      return hosts.tips_are_equal("main", "main") && !lane()["pending"].asBool();
    })) << hosts.agent().log();
    EXPECT_EQ(lane()["code_status"].asInt(), 0);
    EXPECT_TRUE(lane()["in_sync"].asBool());
    EXPECT_EQ(hosts.external.fsck(), "");
  }

  TwoHosts hosts;
};

enum class Sick { Source, Target };

struct Answer {
  const char* name;
  int code_status;
  bool is_transient;
};

class AnswersWith : public Faults, public ::testing::WithParamInterface<std::tuple<Sick, Answer>> {
 protected:
  [[nodiscard]] const GitRepository& repository() const {
    return std::get<Sick>(GetParam()) == Sick::Source ? hosts.internal : hosts.external;
  }
};

TEST_P(AnswersWith, TheLaneEndsAsTheErrorAsksAndTheNextDeliveryHeals) {
  const auto answer = std::get<Answer>(GetParam());
  const std::string path = repository().path();
  const std::string config = content_of(path + "/config");
  const std::string passwords =
      (std::get<Sick>(GetParam()) == Sick::Source ? hosts.internal_host : hosts.external_host).root() +
      "/htpasswd";
  const std::string known = content_of(passwords);
  commit();
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();

  if (answer.code_status == 20005) std::ofstream(passwords) << "somebody:else\n";
  if (answer.code_status == 20002) std::filesystem::rename(path, path + ".away");
  if (answer.code_status == 20012) std::ofstream(path + "/config") << "[broken\n";
  ASSERT_EQ(hosts.deliver("main").status, 202);
  EXPECT_EQ(wait_for_runs(1)[0]["code_status"].asInt(), answer.code_status) << hosts.agent().log();
  const auto sick = lane();
  EXPECT_EQ(sick["pending"].asBool(), answer.is_transient) << sick.toStyledString();
  EXPECT_EQ(sick["next_retry_at"].isString(), answer.is_transient) << sick.toStyledString();
  EXPECT_THAT(sick["reason"].asString(), HasSubstr("127.0.0.1"));
  EXPECT_FALSE(sick["in_sync"].asBool());

  if (answer.code_status == 20005) std::ofstream(passwords) << known;
  if (answer.code_status == 20002) std::filesystem::rename(path + ".away", path);
  if (answer.code_status == 20012) std::ofstream(path + "/config") << config;
  EXPECT_FALSE(hosts.external.tip("refs/heads/main"));
  expect_healed();
}

INSTANTIATE_TEST_SUITE_P(Faults, AnswersWith,
                         ::testing::Combine(::testing::Values(Sick::Source, Sick::Target),
                                            ::testing::Values(Answer{"401", 20005, false},
                                                              Answer{"404", 20002, false},
                                                              Answer{"500", 20012, true})),
                         [](const auto& test) {
                           return std::string(std::get<Sick>(test.param) == Sick::Source ? "Source"
                                                                                         : "Target") +
                                  std::get<Answer>(test.param).name;
                         });

class InMidPack : public Faults, public ::testing::WithParamInterface<Sick> {
 protected:
  /// The agent reaches the sick side through `gate`, which holds in the middle of the pack.
  void start(GateProxy& gate) {
    commit(kBig);
    BindingYaml binding;
    (is_source() ? binding.internal_url : binding.external_url) = TwoHosts::url_at(gate.port());
    binding.timeouts = "{connect: 5s, stall: 4s, total: 1m}";
    ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
    gate.close_after(kMiddle, is_source() ? GateProxy::From::Server : GateProxy::From::Clients);
  }
  [[nodiscard]] static bool is_source() { return GetParam() == Sick::Source; }
  [[nodiscard]] std::uint16_t sick_port() const {
    return is_source() ? hosts.internal_port() : hosts.external_port();
  }
  void expect_ended(const Json::Value& run, int code_status) {
    EXPECT_EQ(run["code_status"].asInt(), code_status) << run.toStyledString();
    EXPECT_TRUE(run["target_tip_after"].isNull()) << run.toStyledString();
    EXPECT_EQ(hosts.external.fsck(), "");
  }
};

TEST_P(InMidPack, AStallEndsTheRunAndTheNextDeliveryHeals) {
  GateProxy gate(sick_port());
  start(gate);
  ASSERT_EQ(hosts.deliver("main").status, 202);
  expect_ended(wait_for_runs(1)[0], 20004);
  // The gate stays closed: also what is tried again comes to nothing.
  EXPECT_TRUE(lane()["pending"].asBool());
  EXPECT_GE(lane()["attempts"].asInt(), 1) << lane().toStyledString();
  EXPECT_FALSE(hosts.external.tip("refs/heads/main"));
  gate.open();
  expect_healed();
}

TEST_P(InMidPack, ADeathEndsTheRunAndTheNextDeliveryHeals) {
  GateProxy gate(sick_port());
  start(gate);
  ASSERT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << hosts.agent().log();
  gate.cut();
  expect_ended(wait_for_runs(1)[0], 20012);
  expect_healed();
}

INSTANTIATE_TEST_SUITE_P(Faults, InMidPack, ::testing::Values(Sick::Source, Sick::Target),
                         [](const auto& test) {
                           return std::string(test.param == Sick::Source ? "OfTheSource" : "OfTheTarget");
                         });

TEST_F(Faults, R12_AThousandPushesDuringARunCostOneMoreRun) {
  commit();
  GateProxy gate(hosts.external_port());
  BindingYaml binding;
  binding.external_url = TwoHosts::url_at(gate.port());
  ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
  gate.close_after(0);
  ASSERT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << hosts.agent().log();
  constexpr int kPushes = 1000;
  for (int i = 0; i < kPushes; ++i) {
    // A commit takes three processes of git.
    if (i % 50 == 49) commit();
    ASSERT_EQ(hosts.deliver("main").status, 202);
  }
  gate.open();
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main") && !lane()["pending"].asBool(); }))
      << hosts.agent().log();
  EXPECT_EQ(wait_for_runs(2).size(), 2U);
  EXPECT_EQ(json_of(hosts.agent().api("GET", "/cerobot/sync/deliveries"))["total"].asInt(), kPushes + 1);
}

/// The repository `robot` is reached over a line that goes bad in the middle of a pack; `other` is not.
class FlakyLine : public ApiWorld, public ::testing::WithParamInterface<LineFault::Kind> {};

TEST_P(FlakyLine, OfOneRepositoryDoesNotHoldUpTheOthers) {
  NewCommit large;
  large.files = {{"file", random_text(kBig)}};
  hosts.internal.commit(large);
  auto other = make(hosts.internal_host, "other");
  const auto copy = make(hosts.internal_host, "copy");
  FlakyProxy line(hosts.external_port());
  line.arm(LineFault{GetParam(), LineFault::From::Clients, kMiddle});
  BindingYaml binding;
  binding.external_url = TwoHosts::url_at(line.port());
  ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
  ASSERT_EQ(bind("other", hosts.internal_host.url("other"), hosts.internal_host.url("copy")), 0) << answers;
  ASSERT_EQ(bind_branch("other", "main", "main"), 0) << answers;

  ASSERT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(eventually([&] { return line.has_struck(); })) << hosts.agent().log();
  for (const auto* file : {"a", "b", "c"}) {
    const auto tip = commit(other, "main", file);
    EXPECT_EQ(code("POST", "/other/branch/main?sync_direct=1"), 0) << answers << hosts.agent().log();
    EXPECT_EQ(copy.tip("refs/heads/main"), tip);
  }
  line.arm(std::nullopt);
  ASSERT_EQ(hosts.deliver("main").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  EXPECT_EQ(hosts.external.fsck(), "");
}

INSTANTIATE_TEST_SUITE_P(Faults, FlakyLine,
                         ::testing::Values(LineFault::Kind::Stall, LineFault::Kind::Trickle,
                                           LineFault::Kind::Reset),
                         [](const auto& test) {
                           return test.param == LineFault::Kind::Stall     ? "ThatStalls"
                                  : test.param == LineFault::Kind::Trickle ? "ThatTrickles"
                                                                           : "ThatBreaks";
                         });

}  // namespace
}  // namespace gitferry::test
