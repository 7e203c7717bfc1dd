// Bindings of the file and of the API together, on a running agent and real hosts: what holds after a
// restart, a reload, a broken and a vanished file; and that what was secret in a request is so afterwards.

#include "agent/base/crypto.h"
#include "tests/e2e/api_world.h"

namespace gitferry::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Overlay : public ApiWorld {};

TEST_F(Overlay, ARepositoryBoundThroughTheApiSyncsAndOutlivesARestart) {
  auto internal = make(hosts.internal_host, "other");
  const auto external = make(hosts.external_host, "other");
  const auto first = commit(internal, "main");
  start();
  ASSERT_EQ(bind("other", hosts.internal_host.url("other"), hosts.external_host.url("other")), 0) << answers;
  ASSERT_EQ(bind_branch("other", "main", "main"), 0) << answers;
  EXPECT_EQ(code("POST", "/other/branch/main?sync_direct=1"), 0) << answers << hosts.agent().log();
  EXPECT_EQ(external.tip("refs/heads/main"), first);
  const auto before = repository("other");
  EXPECT_EQ(before["origin"].asString(), "api");

  ASSERT_NO_FATAL_FAILURE(restart());
  const auto after = repository("other");
  EXPECT_EQ(after["id"], before["id"]);
  EXPECT_EQ(after["created_at"], before["created_at"]);
  EXPECT_THAT(branches_of("other"), ElementsAre("main->main"));
  const auto second = commit(internal, "main", "b");
  EXPECT_EQ(code("POST", "/repo/other"), 0) << answers << hosts.agent().log();
  EXPECT_EQ(external.tip("refs/heads/main"), second);
  EXPECT_EQ(code("DELETE", "/repo/other"), 0);
  ASSERT_NO_FATAL_FAILURE(restart());
  EXPECT_TRUE(repository("other").isNull());
  EXPECT_EQ(code("POST", "/repo/other"), 10010);
}

TEST_F(Overlay, AnOverrideHoldsThroughReloadsUntilItIsReset) {
  start();
  EXPECT_EQ(repository("robot")["origin"].asString(), "file");
  ASSERT_EQ(code("PUT", "/repo/robot", R"({"enable": false})"), 0) << answers;
  ASSERT_EQ(code("PUT", "/robot/branch/frozen?enable=true"), 0) << answers;
  EXPECT_EQ(code("POST", "/robot/branch/main"), 10006);

  append("      - {internal: later, external: later}\n");
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_THAT(hosts.agent().log(), HasSubstr("configuration reloaded"));
  const auto row = repository("robot");
  EXPECT_FALSE(row["enable"].asBool());
  EXPECT_EQ(row["origin"].asString(), "file+override");
  EXPECT_TRUE(row["file"]["enable"].asBool());
  EXPECT_EQ(row["branches"].asInt(), 4);

  ASSERT_EQ(code("DELETE", "/repo/robot/override"), 0) << answers;
  EXPECT_EQ(repository("robot")["origin"].asString(), "file");
  EXPECT_TRUE(repository("robot")["enable"].asBool());
  const auto branches = api("GET", "/robot/branch?page_size=100");
  EXPECT_EQ(branches["data"].size(), 4U) << answers;
  for (const auto& branch : branches["data"])
    EXPECT_EQ(branch["enable"].asBool(), branch["internal_branch_name"].asString() != "frozen");
}

TEST_F(Overlay, ABrokenOrVanishedFileKeepsWhatIsInForceAndSaysSo) {
  start();
  ASSERT_EQ(code("PUT", "/repo/robot", R"({"enable": false})"), 0) << answers;
  const auto before = repository("robot");
  const auto good = config();
  const auto verbose = [&] { return http(hosts.agent().port(), "GET", "/readyz?verbose"); };
  EXPECT_THAT(verbose().body, Not(HasSubstr("refused")));

  append("brnches: []\n");
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_EQ(repository("robot"), before);
  EXPECT_THAT(hosts.agent().log(), HasSubstr("unknown key 'brnches'"));
  EXPECT_EQ(verbose().status, 200);
  EXPECT_THAT(verbose().body, HasSubstr("a later file was refused at "));

  write_config(good);
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_THAT(verbose().body, Not(HasSubstr("refused")));

  std::filesystem::remove(hosts.config_path());
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_EQ(repository("robot"), before);
  EXPECT_THAT(hosts.agent().log(), HasSubstr("cannot read the configuration"));
  EXPECT_THAT(verbose().body, HasSubstr("a later file was refused at "));
  write_config(good);
}

TEST_F(Overlay, AnOverrideOfAnEntryThatTheFileLosesWaitsForItsReturn) {
  start();
  ASSERT_EQ(code("PUT", "/repo/robot", R"({"enable": false})"), 0) << answers;
  const auto whole = config();
  write_config(whole.substr(0, whole.find("repos:")));
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_TRUE(repository("robot").isNull());
  EXPECT_EQ(code("POST", "/repo/robot"), 10010);
  write_config(whole);
  ASSERT_NO_FATAL_FAILURE(reload());
  EXPECT_FALSE(repository("robot")["enable"].asBool());
  EXPECT_EQ(repository("robot")["origin"].asString(), "file+override");
}

TEST_F(Overlay, AnUnboundEntryOfTheFileStaysUnboundAndIsReadByThePrintedConfiguration) {
  start();
  ASSERT_EQ(code("PUT", "/robot/branch/frozen?enable=true"), 0) << answers;
  const auto print = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"print-config", "--config", hosts.config_path()};
    words.insert(words.end(), more.begin(), more.end());
    const auto printed = run_gitferry(words);
    EXPECT_EQ(printed.exit_code, 0) << printed.output;
    EXPECT_THAT(printed.output, Not(HasSubstr("S3CR3T")));
    return printed.output;
  };
  EXPECT_THAT(print({}), HasSubstr("# origin: file+override; the file says enable: false\n"
                                   "      - internal: frozen\n        external: frozen\n"
                                   "        enable: true\n"));

  ASSERT_EQ(code("DELETE", "/repo/robot"), 0) << answers;
  ASSERT_NO_FATAL_FAILURE(restart());
  EXPECT_TRUE(repository("robot").isNull());
  const auto printed = print({});
  EXPECT_THAT(printed, HasSubstr("# unbound through the API, though in the file: robot\n"));
  EXPECT_EQ(json_of({200, print({"--json"})})["unbound"][0].asString(), "robot");

  ASSERT_EQ(bind("robot", hosts.internal_host.url("robot"), hosts.external_host.url("robot"),
                 R"(, "inter_token": "S3CR3T-given")"),
            0)
      << answers;
  EXPECT_THAT(branches_of("robot"), ElementsAre());
  ASSERT_EQ(bind_branch("robot", "main", "main"), 0) << answers;
  const auto again = print({});
  std::ofstream(hosts.directory / "printed.yaml") << again;
  const auto checked = run_gitferry({"check-config", "--config", hosts.directory / "printed.yaml"});
  EXPECT_THAT(checked.output, HasSubstr("\nok: 1 repositories, 1 branches\n")) << again;
}

TEST_F(Overlay, ASyncWithoutAServerUsesWhatTheApiBound) {
  const GitHost source({.user = "oauth2", .password = "S3CR3T-given"});
  auto internal = make(source, "other");
  const auto external = make(hosts.external_host, "other");
  const auto tip = commit(internal, "main");
  start();
  ASSERT_EQ(bind("other", source.url("other"), hosts.external_host.url("other"),
                 R"(, "inter_token": "S3CR3T-given")"),
            0)
      << answers;
  ASSERT_EQ(bind_branch("other", "main", "main"), 0) << answers;
  ASSERT_EQ(code("PUT", "/repo/robot?enable=false"), 0) << answers;
  hosts.agent().kill(SIGTERM);
  ASSERT_EQ(hosts.agent().wait(), 0);
  const auto run = [&](const std::string& name) {
    auto result = run_gitferry({"sync", name, "--config", hosts.config_path()});
    EXPECT_THAT(result.output, Not(HasSubstr("S3CR3T")));
    return result;
  };
  const auto synced = run("other");
  EXPECT_EQ(synced.exit_code, 0) << synced.output;
  EXPECT_EQ(external.tip("refs/heads/main"), tip);
  const auto refused = run("robot");
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("is disabled"));
}

TEST_F(Overlay, S12_ATokenOfTheApiIsWhatTheHostSeesAndIsNowhereInClear) {
  const std::string canary = "S3CR3T-canary-token-of-the-api-0123456789";
  const std::string in_address = "S3CR3T-canary-of-an-address-9876543210";
  const GitHost source({.user = "oauth2", .password = canary});
  const GitHost target({.user = "bot", .password = in_address});
  auto internal = make(source, "sealed");
  const auto external = make(target, "sealed");
  const auto tip = commit(internal, "main");
  start();
  auto with_user = target.url("sealed");
  with_user.insert(with_user.find("://") + 3, "bot:" + in_address + "@");
  ASSERT_EQ(bind("sealed", source.url("sealed"), with_user, R"(, "inter_token": ")" + canary + "\""), 0)
      << answers;
  ASSERT_EQ(bind_branch("sealed", "main", "main"), 0) << answers;
  EXPECT_EQ(code("POST", "/repo/sealed"), 0) << answers << hosts.agent().log();
  EXPECT_EQ(external.tip("refs/heads/main"), tip);
  EXPECT_TRUE(repository("sealed")["token_present"]["internal"].asBool());
  EXPECT_TRUE(repository("sealed")["token_present"]["external"].asBool());

  // Refusals are answered and logged, too.
  ASSERT_EQ(code("PUT", "/repo/sealed/repo_addr", R"({"inter_token": "S3CR3T-wrong"})"), 0) << answers;
  EXPECT_EQ(code("POST", "/repo/sealed"), 20005) << answers;
  ASSERT_EQ(code("PUT", "/repo/sealed/repo_addr", R"({"inter_token": ")" + canary + "\"}"), 0) << answers;
  commit(internal, "main", "b");
  EXPECT_EQ(code("POST", "/repo/sealed"), 0) << answers;
  EXPECT_TRUE(internal.tip("refs/heads/main") == external.tip("refs/heads/main"));

  ASSERT_NO_FATAL_FAILURE(restart());
  commit(internal, "main", "c");
  EXPECT_EQ(code("POST", "/repo/sealed"), 0) << "the token outlives a restart" << answers;
  for (const auto* path :
       {"/repo", "/sealed/branch", "/status", "/deliveries", "/audit", "/repo/sealed/logs"})
    api("GET", path);
  hosts.agent().kill(SIGTERM);
  ASSERT_EQ(hosts.agent().wait(), 0);

  std::string everything = answers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(hosts.directory.path()))
    if (entry.is_regular_file()) everything += content_of(entry.path());
  EXPECT_THAT(answers, HasSubstr("sealed"));
  for (const auto& secret : {canary, in_address, to_base64("oauth2:" + canary),
                             to_base64("bot:" + in_address), std::string("S3CR3T-wrong")})
    EXPECT_EQ(occurrences(everything, secret), 0U) << secret;
}

TEST_F(Overlay, ALostOrExchangedKeyStopsTheStartAndSaysWhatToDo) {
  start();
  ASSERT_EQ(bind("sealed", "http://a.example/x.git", "http://b.example/x.git"), 0) << answers;
  hosts.agent().kill(SIGTERM);
  ASSERT_EQ(hosts.agent().wait(), 0);
  const auto key = hosts.directory.path() / "data/sealing-key";
  const auto kept = content_of(key);

  std::filesystem::remove(key);
  hosts.agent().start();
  EXPECT_NE(hosts.agent().wait(), 0);
  EXPECT_THAT(hosts.agent().log(), HasSubstr(key.string()));
  EXPECT_THAT(hosts.agent().log(), HasSubstr("restore"));
  EXPECT_FALSE(std::filesystem::exists(key)) << "a new one would not open what is there";

  for (const auto& text : {std::string(64, 'a'), std::string("not a key")}) {
    std::ofstream(key) << text;
    std::filesystem::permissions(key, std::filesystem::perms(0600));
    hosts.agent().start();
    EXPECT_NE(hosts.agent().wait(), 0) << text;
    EXPECT_THAT(hosts.agent().log(), HasSubstr(key.string())) << text;
    EXPECT_THAT(hosts.agent().log(), HasSubstr("restore")) << text;
  }

  std::ofstream(key) << kept;
  hosts.agent().start();
  ASSERT_TRUE(hosts.agent().wait_until_ready()) << hosts.agent().log();
  EXPECT_EQ(repository("sealed")["origin"].asString(), "api");
}

}  // namespace
}  // namespace gitferry::test
