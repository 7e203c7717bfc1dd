#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/clock.h"
#include "agent/git/http_transport.h"
#include "agent/git/mirror.h"
#include "agent/git/relay.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/tapped_transport.h"
#include "tests/support/git_host.h"
#include "tests/support/git_repository.h"
#include "tests/support/scripted_server.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

constexpr const char* kMain = "refs/heads/main";
constexpr const char* kReaderPassword = "S3CR3T-reader";
constexpr const char* kWriterPassword = "S3CR3T-writer";

// One of each for the whole program: starting a host costs more than a test.
GitHost& source_host(int version) {
  static GitHost old({.user = "reader", .password = kReaderPassword, .speaks_v2 = false});
  if (version == 0) return old;
  static GitHost current({.user = "reader", .password = kReaderPassword});
  return current;
}
GitHost& target_host() {
  static GitHost host({.user = "writer", .password = kWriterPassword});
  return host;
}

Remote remote_at(const std::string& url, const std::string& user = {}, const std::string& password = {}) {
  Remote remote{parse_remote_url(url, {Scheme::Http}).value().url, std::nullopt};
  if (user.empty()) return remote;
  remote.credential.emplace();
  remote.credential->username = user;
  remote.credential->password = Secret(password);
  return remote;
}

std::unique_ptr<Transport> http_transport() {
  return std::make_unique<HttpTransport>(HttpOptions{AddressPolicy::from({"127.0.0.0/8"}).value(), {}});
}

struct HttpWay {
  int version;  ///< of the protocol that the source's host speaks
  EngineKind engine;
};
std::string name_of_way(const ::testing::TestParamInfo<HttpWay>& tested) {
  const std::string mirror = tested.param.engine == EngineKind::Mirror ? "Mirror" : "";
  return mirror + "V" + std::to_string(tested.param.version);
}

/// Two hosts with basic authentication, and an engine between a repository of each.
class RelayHttp : public ::testing::TestWithParam<HttpWay> {
 protected:
  [[nodiscard]] bool is_relay() const { return GetParam().engine == EngineKind::Relay; }
  std::unique_ptr<Engine> engine_over(std::unique_ptr<Transport> transport) {
    if (is_relay())
      return std::make_unique<RelayEngine>(std::move(transport), TransferLimits{}, directory / "spool",
                                           clock);
    return std::make_unique<MirrorEngine>(std::move(transport), TransferLimits{},
                                          MirrorOptions{directory / "mirrors"}, clock);
  }
  void use_hosts(const GitHost& from, const GitHost& to, ObjectFormat format = ObjectFormat::Sha1) {
    static int made = 0;
    const auto name = "r" + std::to_string(++made);
    source = GitRepository::init(from.path(name), format);
    target = GitRepository::init(to.path(name), format);
    source_remote = remote_at(from.url(name), "reader", kReaderPassword);
    target_remote = remote_at(to.url(name), "writer", kWriterPassword);
  }
  void SetUp() override { use_hosts(source_host(GetParam().version), target_host()); }

  [[nodiscard]] SyncRequest request(const std::string& source_ref = kMain,
                                    const std::string& target_ref = kMain) const {
    return {source_remote, target_remote, {{source_ref, target_ref}}};
  }
  RunReport sync(const SyncRequest& request) { return std::move(engine->sync(request, {}).front()); }
  RunReport sync() { return sync(request()); }
  /// A run of its own with taps on the traffic.
  RunReport tapped(const Taps& taps, Policy policy = Policy::FfOnly) {
    const auto inner = http_transport();
    const auto tapped = engine_over(std::make_unique<TappedTransport>(*inner, taps));
    return std::move(tapped->sync(with(policy), {}).front());
  }
  [[nodiscard]] SyncRequest with(Policy policy, bool dry_run = false) const {
    auto asked = request();
    asked.refs.front().policy = policy;
    asked.dry_run = dry_run;
    return asked;
  }
  void expect_arrived(const RunReport& report, Plan plan, const std::string& source_ref = kMain,
                      const std::string& target_ref = kMain) {
    ASSERT_FALSE(report.error) << report.error->text();
    EXPECT_EQ(report.plan, plan);
    EXPECT_EQ(source.tip(source_ref), target.tip(target_ref));
    EXPECT_EQ(report.target_tip_after, source.tip(source_ref));
    EXPECT_EQ(target.fsck(), "");
  }
  static void expect_error(const RunReport& report, ErrorCode code) {
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, code) << report.error->text();
    EXPECT_EQ(report.error->text().find("S3CR3T"), std::string::npos) << report.error->text();
    EXPECT_EQ(report.remote_text.find("S3CR3T"), std::string::npos);
  }

  TemporaryDirectory directory;
  GitRepository source{std::string()};
  GitRepository target{std::string()};
  Remote source_remote;
  Remote target_remote;
  SystemClock clock;
  std::unique_ptr<Engine> engine = engine_over(http_transport());
};
INSTANTIATE_TEST_SUITE_P(Source, RelayHttp, ::testing::Values(HttpWay{2, EngineKind::Relay}), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullSource, RelayHttp,
                         ::testing::Values(HttpWay{0, EngineKind::Relay}, HttpWay{2, EngineKind::Mirror}),
                         name_of_way);

TEST_P(RelayHttp, CreatesFastForwardsAndThenDoesNothing) {
  source.commit_many(kMain, 30);
  expect_arrived(sync(), Plan::Create);
  for (const int count : {1, 250}) {
    source.commit_many(kMain, count);
    expect_arrived(sync(), Plan::FastForward);
  }
  const auto report = sync();
  expect_arrived(report, Plan::Nothing);
  EXPECT_EQ(report.pack_bytes, 0U);
}

TEST_P(RelayHttp, RenamesTheBranch) {
  const auto renamed = request("refs/heads/feature/login", "refs/heads/stable/1.x");
  for (const auto plan : {Plan::Create, Plan::FastForward}) {
    source.commit_many(renamed.refs.front().source_ref, 3);
    expect_arrived(sync(renamed), plan, renamed.refs.front().source_ref, renamed.refs.front().target_ref);
  }
  EXPECT_FALSE(target.tip(renamed.refs.front().source_ref));
}

TEST_P(RelayHttp, RefusesADivergedTargetAndLeavesItAlone) {
  source.commit_many(kMain, 3);
  expect_arrived(sync(), Plan::Create);
  source.commit_many(kMain, 1, "On the source");
  const auto theirs = target.commit_many(kMain, 1, "On the target");
  const auto report = sync();
  expect_error(report, ErrorCode::Diverged);
  EXPECT_EQ(report.pack_bytes, 0U);
  EXPECT_EQ(target.tip(kMain), theirs);

  target.set_ref(kMain, source.tip("refs/heads/main~1").value());
  expect_arrived(sync(), Plan::FastForward);
  const auto synced = source.tip(kMain).value();
  source.commit({kMain, "Amended", {{"a", "amended"}}, std::vector{source.tip("refs/heads/main~1").value()}});
  expect_error(sync(), ErrorCode::Diverged);
  EXPECT_EQ(target.tip(kMain), synced);
}

TEST_P(RelayHttp, TakesMergesOfEveryShape) {
  source.commit_many(kMain, 5);
  const auto base = source.tip(kMain).value();
  expect_arrived(sync(), Plan::Create);
  for (const auto* name : {"refs/heads/a", "refs/heads/b"}) {
    source.set_ref(name, base);
    source.commit_many(name, 3, name);
  }
  source.commit({"refs/heads/root", "Another root", {{"root", "r"}}, std::vector<ObjectId>{}});
  source.merge(kMain, {*source.tip("refs/heads/a"), *source.tip("refs/heads/b")});
  expect_arrived(sync(), Plan::FastForward);
  source.merge(kMain, {*source.tip("refs/heads/root")});
  expect_arrived(sync(), Plan::FastForward);
  const auto old_tip = source.tip(kMain).value();
  const auto other = source.commit({"refs/heads/other", "Side", {{"side", "s"}}, std::vector{base}});
  source.commit({kMain, "The old tip comes second", {{"m", "m"}}, std::vector{other, old_tip}});
  expect_arrived(sync(), Plan::FastForward);
}

TEST_P(RelayHttp, CarriesAnnotatedAndNestedTags) {
  source.commit_many(kMain, 2);
  source.git({"tag", "-a", "-m", "First", "v1", kMain});
  source.git({"tag", "-a", "-m", "Nested", "nested", "v1"});
  for (const std::string name : {"refs/tags/v1", "refs/tags/nested"}) {
    expect_arrived(sync(request(name, name)), Plan::Create, name, name);
  }
}

TEST_P(RelayHttp, CarriesSha256Repositories) {
  if (!is_relay()) GTEST_SKIP() << "libgit2 knows SHA-1 alone";
  use_hosts(source_host(GetParam().version), target_host(), ObjectFormat::Sha256);
  for (const auto plan : {Plan::Create, Plan::FastForward}) {
    source.commit_many(kMain, 10);
    expect_arrived(sync(), plan);
  }
}

TEST_P(RelayHttp, StreamsALargePackWithoutSpooling) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(2U << 20U)}}});
  const auto created = sync();
  expect_arrived(created, Plan::Create);
  EXPECT_GT(created.pack_bytes, 2U << 20U);
  source.commit({.message = "Larger", .files = {{"other.bin", noise(3U << 20U)}}});
  expect_arrived(sync(), Plan::FastForward);
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

TEST_P(RelayHttp, SendsALargePackWithItsLengthToAHostThatTakesNoChunks) {
  const GitHost strict({.user = "writer", .password = kWriterPassword, .takes_chunked = false});
  use_hosts(source_host(GetParam().version), strict);
  source.commit_many(kMain, 3);
  expect_arrived(sync(), Plan::Create);
  source.commit({.message = "Large", .files = {{"large.bin", noise(9U << 20U)}}});
  const auto report = sync();
  expect_arrived(report, Plan::FastForward);
  EXPECT_GT(report.spooled_bytes, 0U) << "more than fits into memory";
  const auto log = strict.access_log();
  EXPECT_EQ(std::ranges::count_if(log, [](const auto& line) { return line.find(" 411 ") != line.npos; }),
            is_relay() ? 1 : 0)
      << "the mirror knows the length before";
}

TEST_P(RelayHttp, ReportsADecliningHookOfSmallAndLargePushes) {
  target.set_hook("pre-receive", "echo 'releases are frozen' >&2; exit 1");
  for (const std::size_t size : {std::size_t{10}, std::size_t{2U << 20U}}) {
    source.commit({.message = "Another", .files = {{"file.bin", noise(size)}}});
    const auto report = sync();
    expect_error(report, ErrorCode::ProtectedBranch);
    EXPECT_NE(report.remote_text.find("releases are frozen"), std::string::npos);
    EXPECT_FALSE(target.tip(kMain));
  }
}

TEST_P(RelayHttp, ATargetThatMovedAlongTheHistoryIsPlannedAgain) {
  source.commit_many(kMain, 2);
  expect_arrived(sync(), Plan::Create);
  const auto middle = source.commit_many(kMain, 2);
  source.commit_many(kMain, 2);
  int pushes = 0;
  Taps taps;
  taps.on_request = [&](GitService service, auto) -> Status {
    if (service != GitService::ReceivePack || ++pushes > 1) return {};
    target.fetch_from(source, kMain);
    target.set_ref(kMain, middle);
    return {};
  };
  const auto report = tapped(taps);
  expect_arrived(report, Plan::FastForward);
  EXPECT_EQ(report.target_tip_before, middle);
  EXPECT_EQ(pushes, 2);
}

TEST_P(RelayHttp, ATargetThatGotACommitMeanwhileIsNotOverwritten) {
  source.commit_many(kMain, 2);
  expect_arrived(sync(), Plan::Create);
  source.commit({.message = "Large", .files = {{"large.bin", noise(2U << 20U)}}});
  std::optional<ObjectId> theirs;
  Taps taps;
  taps.on_request = [&](GitService service, auto) -> Status {
    if (service == GitService::ReceivePack && !theirs) theirs = target.commit_many(kMain, 1, "Theirs");
    return {};
  };
  expect_error(tapped(taps), ErrorCode::Diverged);
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(RelayHttp, ForceRewritesUnrelatedDivergedAndRewoundHistories) {
  source.commit_many(kMain, 6);
  expect_arrived(sync(), Plan::Create);
  const auto unrelated = [&] { source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}}); };
  const auto diverge = [&] {
    source.commit_many(kMain, 4, "On the source");
    target.commit_many(kMain, 2, "On the target");
  };
  const auto rewind = [&] { source.set_ref(kMain, source.tip("refs/heads/main~2").value()); };
  for (const auto& change : std::vector<std::function<void()>>{unrelated, diverge, rewind}) {
    change();
    const auto source_before = source.tip(kMain);
    const auto before = target.tip(kMain);
    const auto planned = sync(with(Policy::Force, true));
    EXPECT_FALSE(planned.error);
    EXPECT_EQ(planned.plan, Plan::Rewrite);
    EXPECT_EQ(planned.pack_bytes, 0U);
    EXPECT_EQ(source.tip(kMain), source_before);
    EXPECT_EQ(target.tip(kMain), before);
    const auto report = sync(with(Policy::Force));
    expect_arrived(report, Plan::Rewrite);
    EXPECT_EQ(report.target_tip_before, before);
  }
  source.commit_many(kMain, 2);
  expect_arrived(sync(with(Policy::Force)), Plan::FastForward);
}

TEST_P(RelayHttp, ForceIsToldWhenTheTargetTakesNoRewrite) {
  source.commit_many(kMain, 3);
  expect_arrived(sync(), Plan::Create);
  target.set_config("receive.denyNonFastForwards", "true");
  source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}});
  const auto before = target.tip(kMain);
  const auto report = sync(with(Policy::Force));
  expect_error(report, ErrorCode::RejectedByRemote);
  EXPECT_NE(report.error->message.find("non-fast-forward"), std::string::npos) << report.error->text();
  EXPECT_EQ(target.tip(kMain), before);
}

TEST_P(RelayHttp, AForcedRunDoesNotReplaceWhatCameMeanwhile) {
  source.commit_many(kMain, 2);
  expect_arrived(sync(), Plan::Create);
  source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}});
  std::optional<ObjectId> theirs;
  Taps taps;
  taps.on_request = [&](GitService service, auto) -> Status {
    if (service == GitService::ReceivePack && !theirs) theirs = target.commit_many(kMain, 1, "Theirs");
    return {};
  };
  expect_error(tapped(taps, Policy::Force), ErrorCode::LeaseLost);
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(RelayHttp, WrongAndMissingCredentialsOfEitherSideAreToldAndNotShown) {
  source.commit_many(kMain, 2);
  for (const bool of_source : {true, false}) {
    for (const bool is_missing : {true, false}) {
      auto wrong = request();
      auto& side = of_source ? wrong.source : wrong.target;
      if (is_missing) {
        side.credential.reset();
      } else {
        side.credential->password = Secret("S3CR3T-wrong");
      }
      const auto report = sync(wrong);
      expect_error(report, ErrorCode::AuthenticationFailed);
      EXPECT_NE(report.error->message.find(side.url.str()), std::string::npos) << "which side?";
      EXPECT_FALSE(target.tip(kMain));
    }
  }
  expect_arrived(sync(), Plan::Create);
}

/// The advertisement of an empty target.
std::string empty_target() {
  std::string line = std::string(40, '0') + " capabilities^{}";
  line += '\0';
  line += " report-status ofs-delta\n";
  return http_answer("200 OK", "Content-Type: application/x-git-receive-pack-advertisement\r\n",
                     packet("# service=git-receive-pack\n") + "0000" + packet(line) + "0000");
}

/// What does not depend on the source.
class RelayHttpTarget : public RelayHttp {};
INSTANTIATE_TEST_SUITE_P(Source, RelayHttpTarget, ::testing::Values(HttpWay{2, EngineKind::Relay}),
                         name_of_way);
INSTANTIATE_TEST_SUITE_P(FullSource, RelayHttpTarget, ::testing::Values(HttpWay{2, EngineKind::Mirror}),
                         name_of_way);

TEST_P(RelayHttpTarget, AnAnswerBeforeThePackIsThroughKeepsItsMeaning) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(4U << 20U)}}});
  struct Case {
    const char* status;
    ErrorCode code;
  };
  for (const auto& one :
       {Case{"413 Too Large", ErrorCode::LimitExceeded}, Case{"403 Forbidden", ErrorCode::AccessDenied},
        Case{"401 Unauthorized", ErrorCode::AuthenticationFailed},
        Case{"429 Too Many Requests", ErrorCode::HostBusy}, Case{"500 Oops", ErrorCode::HostError},
        Case{"502 Bad Gateway", ErrorCode::HostError}}) {
    ScriptedServer early({{empty_target()}, {http_answer(one.status, "", "<html>S3CR3T</html>")}});
    target_remote = remote_at(early.url("/x.git"), "writer", kWriterPassword);
    expect_error(sync(), one.code);
  }
}

TEST_P(RelayHttpTarget, AReportBeforeThePackIsThroughCounts) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(4U << 20U)}}});
  const auto refused = http_answer(
      "200 OK", "Content-Type: application/x-git-receive-pack-result\r\n",
      packet("unpack index-pack abnormal exit\n") + packet("ng refs/heads/main unpacker error\n") + "0000");
  ScriptedServer early({{empty_target()}, {refused}, {empty_target()}, {refused}});
  target_remote = remote_at(early.url("/x.git"), "writer", kWriterPassword);
  const auto report = sync();
  expect_error(report, ErrorCode::RejectedByRemote);
  EXPECT_NE(report.error->message.find("abnormal exit"), std::string::npos) << report.error->text();
  EXPECT_EQ(early.requests().size(), is_relay() ? 4U : 2U) << "tried again without a thin pack";
}

}  // namespace
}  // namespace gitferry::test
