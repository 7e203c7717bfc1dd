#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/config/support.h"

// The program itself, as a user runs it: what it prints, where, and with which exit code.

namespace gitferry::daemon {
namespace {

using config::TempDir;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs gitferry with an environment of the test's own.
class Cli : public testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{GITFERRY_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment{"PATH=/usr/bin:/bin", "HOOK=S3CRET-HOOK-of-the-test",
                                         "TOKEN=S3CRET-TOKEN"};
    environment.insert(environment.end(), extra_environment.begin(), extra_environment.end());
    const std::string out = dir.path("out");
    const std::string err = dir.path("err");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, GITFERRY_BINARY, &actions, nullptr, pointers(words).data(),
                                     pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(failed, 0);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content_of(out), content_of(err)};
  }

  TempDir dir;
  std::vector<std::string> extra_environment;

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> raw;
    raw.reserve(words.size() + 1);
    for (auto& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);
    return raw;
  }
};

constexpr const char* kGood = R"(version: 1
auth: {tokens: [{name: ops, role: admin, token_env: TOKEN}]}
repos:
  - name: robot
    internal: https://git.example.org/acme/robot.git
    external: https://git.example.net/acme/robot.git
    webhook: {internal: {provider: github, secret_env: HOOK}}
    branches:
      - {internal: main, external: main}
      - {internal: dev, external: dev, enable: false}
)";

TEST_F(Cli, CheckConfigCountsWhatIsBound) {
  const auto result = run({"check-config", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok: 1 repositories, 2 branches\n");
}

TEST_F(Cli, CheckConfigCountsHooksOfOrganisationsAndWarns) {
  const std::string file =
      dir.write("g.yaml", std::string(kGood) + "webhooks: [{provider: github, secret_env: HOOK}]\n" +
                              "sync: {reconcile_interval: off}\n");
  const auto result = run({"check-config", "--config", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok: 1 repositories, 2 branches, 1 webhooks of organisations\n");
  EXPECT_NE(result.err.find(":12:28: warning: without a reconcile"), std::string::npos) << result.err;
}

TEST_F(Cli, CheckConfigLooksIntoTheCertificate) {
  const std::string certificate = dir.write("tls.pem", "S3CRET is no certificate");
  const std::string file = dir.write("g.yaml", "version: 1\nserver: {tls: {cert_file: " + certificate +
                                                   ", key_file: " + certificate + "}}\n");
  const auto result = run({"check-config", "--config", file});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("gitferry: "), std::string::npos);
  EXPECT_EQ(result.err.find("S3CRET"), std::string::npos);
}

TEST_F(Cli, CheckConfigPointsAtEveryErrorAndExits78) {
  const std::string file =
      dir.write("g.yaml", "version: 1\nserver:\n  lissten: 127.0.0.1:1\nsync: {workers: x}\n");
  const auto result = run({"check-config", "--config", file});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, file + ":3:3: error: unknown key 'lissten' in server (did you mean 'listen'?)\n" +
                            file +
                            ":4:17: error: sync.workers must be a whole number from 1 to 256, not 'x'\n");
}

TEST_F(Cli, EveryCommandRefusesABadConfiguration) {
  const std::string file = dir.write("g.yaml", "version: 1\nversion: 1\n");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"serve"},
        {"check-config"},
        {"print-config"},
        {"sync", "robot"},
        {"status"},
        {"deliveries"},
        {"send-webhook", "--provider", "github", "--repo", "robot", "--side", "internal", "--ref", "main"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--config", file});
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 78) << command[0];
    EXPECT_NE(result.err.find(file + ":2:1: error: duplicate key 'version'"), std::string::npos)
        << result.err;
  }
}

TEST_F(Cli, AMissingFileIsABadConfiguration) {
  const auto result = run({"check-config", "--config", dir.path("missing.yaml")});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_NE(result.err.find("cannot read the configuration"), std::string::npos);
}

TEST_F(Cli, S34_PrintConfigShowsWhereSecretsComeFromAndNotThem) {
  extra_environment = {"GITFERRY_SYNC_WORKERS=3"};
  const std::string file = dir.write("g.yaml", kGood);
  for (const auto& arguments : {std::vector<std::string>{"print-config", "--config", file},
                                std::vector<std::string>{"print-config", "--json", "--config", file}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find("HOOK"), std::string::npos);
    EXPECT_NE(result.out.find("GITFERRY_SYNC_WORKERS"), std::string::npos);
    EXPECT_EQ((result.out + result.err).find("S3CRET"), std::string::npos);
  }
}

TEST_F(Cli, ABadEnvironmentVariableIsNamed) {
  extra_environment = {"DELETE_SYNC_DIR=perhaps"};
  const auto result = run({"check-config", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_EQ(result.err,
            "environment variable DELETE_SYNC_DIR: error: sync.delete_sync_dir must be true or false, not "
            "'perhaps'\n");
}

TEST_F(Cli, UsageErrorsExitWith2) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{},
        {"srve"},
        {"serve", "--nonsense"},
        {"sync"},
        {"check-config", "--config"},
        {"check-db", "--backup"},
        {"check-db", "--backup", ""},
        {"sync", "robot", "main", "more"},
        {"sync", "robot", "--direction", "sideways"},
        {"sync", "robot", "--wait", "-1"},
        {"sync", "robot", "--wait", "601"},
        {"status", "robot", "more"},
        {"deliveries", "--verdict", "maybe"},
        {"deliveries", "--limit", "0"},
        {"deliveries", "--limit", "x"},
        {"send-webhook", "--repo", "robot"},
        {"send-webhook", "--provider", "github", "--ref", "main"},
        {"send-webhook", "--provider", "svn", "--ref", "main"},
        {"send-webhook", "--provider", "github", "--ref", "main", "--repo", "robot"},
        {"send-webhook", "--provider", "github", "--ref", "main", "--organisation", "acme"},
        {"--nonsense"}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << (arguments.empty() ? "no argument" : arguments[0]);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
  EXPECT_NE(run({"srve"}).err.find("did you mean 'serve'?"), std::string::npos);
}

TEST_F(Cli, HelpBeginsWithExamples) {
  for (const auto* command : {"serve", "check-config", "check-db", "print-config", "sync", "status",
                              "deliveries", "send-webhook", "version"}) {
    const auto result = run({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_TRUE(result.out.starts_with("Examples:\n  gitferry " + std::string(command))) << result.out;
  }
  EXPECT_EQ(run({"--help"}).exit_code, 0);
}

TEST_F(Cli, S43_VersionNamesTheLibraries) {
  const auto text = run({"version"});
  EXPECT_EQ(text.exit_code, 0);
  for (const auto* name : {"gitferry", "openssl", "libcurl", "sqlite", "cpp-httplib"})
    EXPECT_NE(text.out.find(name), std::string::npos) << text.out;
  const auto json = run({"version", "--json"});
  EXPECT_TRUE(json.out.starts_with("{\"gitferry\":\"")) << json.out;
}

TEST_F(Cli, SyncNamesTheRepositoryThatWasMeant) {
  extra_environment = {"SYNC_DIR=" + dir.path("sync")};
  const auto result = run({"sync", "robt", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("did you mean 'robot'?"), std::string::npos) << result.err;
}

TEST_F(Cli, SyncSaysWhetherABranchIsDisabledOrUnknown) {
  extra_environment = {"SYNC_DIR=" + dir.path("sync")};
  const std::string file = dir.write("g.yaml", kGood);
  EXPECT_NE(run({"sync", "robot", "dev", "--config", file}).err.find("is disabled"), std::string::npos);
  EXPECT_NE(run({"sync", "robot", "nope", "--config", file}).err.find("no branch of that name is bound"),
            std::string::npos);
}

TEST_F(Cli, StatusWithoutAnAgentNamesTheAddress) {
  extra_environment = {"GITFERRY_SERVER_LISTEN=127.0.0.1:1"};
  const auto result = run({"status", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("http://127.0.0.1:1: nobody listens there"), std::string::npos) << result.err;
}

TEST_F(Cli, SyncWithoutAnAgentSaysThatItDoesWithout) {
  extra_environment = {"SYNC_DIR=" + dir.path("sync"), "GITFERRY_SERVER_LISTEN=127.0.0.1:1"};
  const auto result = run({"sync", "robot", "dev", "--config", dir.write("g.yaml", kGood)});
  EXPECT_NE(result.err.find("no agent listens at http://127.0.0.1:1: syncing without one"), std::string::npos)
      << result.err;
}

TEST_F(Cli, AnAddressThatIsNoneIsWrongUsage) {
  const auto result = run({"status", "--url", "ftp://127.0.0.1", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("not an http address"), std::string::npos) << result.err;
}

TEST_F(Cli, SendWebhookRefusesAnotherProviderThanTheConfiguredOne) {
  const auto result = run({"send-webhook", "--provider", "gitlab", "--repo", "robot", "--side", "internal",
                           "--ref", "main", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("use --provider github"), std::string::npos) << result.err;
}

TEST_F(Cli, SendWebhookNamesTheHooksThatThereAre) {
  const auto result = run({"send-webhook", "--provider", "gitlab", "--organisation", "acme", "--full-name",
                           "acme/robot", "--ref", "main", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("no webhook of an organisation has that name"), std::string::npos) << result.err;
}

TEST_F(Cli, SendWebhookPutsSeveralRefsOnlyWhereTheHostDoes) {
  const auto result = run({"send-webhook", "--provider", "github", "--repo", "robot", "--side", "internal",
                           "--ref", "main", "--ref", "dev", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("github sends one delivery for each ref"), std::string::npos) << result.err;
}

TEST_F(Cli, S11_ServeRefusesASharedSyncDirectory) {
  const std::string shared = dir.path("shared");
  ASSERT_EQ(::mkdir(shared.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(shared.c_str(), 0777), 0);
  extra_environment = {"SYNC_DIR=" + shared, "GITFERRY_SERVER_LISTEN=127.0.0.1:0",
                       "GITFERRY_STORAGE_URL=sqlite:" + dir.path("data/g.db")};
  const auto result = run({"serve", "--config", dir.write("g.yaml", kGood)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("can be written by others"), std::string::npos) << result.err;
}

std::string original_dump() {
  return content_of(std::string(GITFERRY_SOURCE_DIR) + "/tests/data/original_dump/first.sql");
}

TEST_F(Cli, ImportPrintsAConfigurationThatCheckConfigTakes) {
  std::string dump = original_dump();
  dump.replace(dump.find("--upload-pack=id"), 16, "release");
  const auto result = run({"import", dir.write("dump.sql", dump)});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("\nok: 1 repositories, 2 branches\n"), std::string::npos) << result.err;
  const auto checked = run({"check-config", "--config", dir.write("imported.yaml", result.out)});
  EXPECT_EQ(checked.out, "ok: 1 repositories, 2 branches\n") << checked.err << result.out;
}

TEST_F(Cli, ImportEndsWith1WhereSomethingIsLeftOut) {
  const auto result = run({"import", dir.write("dump.sql", original_dump())});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("left out: the branch \"--upload-pack=id\""), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("name: ob-robot-test"), std::string::npos);
}

TEST_F(Cli, ImportRefusesADumpThatWasCutOffAndPrintsNothing) {
  const std::string dump = original_dump();
  const auto result = run({"import", dir.write("dump.sql", dump.substr(0, dump.size() - 40))});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("cut off"), std::string::npos) << result.err;
  EXPECT_EQ(run({"import", "/no/such/dump"}).exit_code, 1);
  EXPECT_EQ(run({"import"}).exit_code, 2);
}

TEST_F(Cli, ImportPutsTokensIntoPrivateFilesAndReplacesNone) {
  const std::string dump =
      content_of(std::string(GITFERRY_SOURCE_DIR) + "/tests/data/original_dump/later.sql");
  const std::string file = dir.write("dump.sql", dump);
  const std::string token = dir.path("secrets/robot-internal-token");
  const auto first = run({"import", file, "--secrets", dir.path("secrets")});
  EXPECT_EQ(first.exit_code, 1);
  EXPECT_EQ(content_of(token), "S3CRET-inner");
  struct stat status {};
  ASSERT_EQ(::stat(token.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ((first.out + first.err).find("S3CRET"), std::string::npos) << first.out << first.err;
  EXPECT_EQ(run({"import", file, "--secrets", dir.path("secrets")}).out, first.out) << "again is no harm";
  static_cast<void>(dir.write("secrets/robot-internal-token", "somebody else's"));
  const auto second = run({"import", file, "--secrets", dir.path("secrets")});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_EQ(second.out, "");
  EXPECT_NE(second.err.find("is there already and holds something else"), std::string::npos) << second.err;
  EXPECT_EQ(content_of(token), "somebody else's");
}

}  // namespace
}  // namespace gitferry::daemon
