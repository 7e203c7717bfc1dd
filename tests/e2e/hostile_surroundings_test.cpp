// The user that the agent runs as, and the repositories that it carries, are full of traps: git configuration
// that runs programs, variables that lead elsewhere, hooks, trees with names that a checkout would obey. None
// of it has an effect.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/process.h"
#include "tests/support/scripted_server.h"
#include "tests/support/ssh_host.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMain = "refs/heads/main";

/// Variables of this process, which the agent inherits; as they were afterwards.
class Variables {
 public:
  explicit Variables(const std::vector<std::pair<std::string, std::string>>& wanted) {
    for (const auto& [name, value] : wanted) {
      const char* before = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
      before_.emplace_back(name, before != nullptr ? std::optional<std::string>(before) : std::nullopt);
      ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  ~Variables() {
    for (const auto& [name, value] : before_) {
      if (value) ::setenv(name.c_str(), value->c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
      if (!value) ::unsetenv(name.c_str());                  // NOLINT(concurrency-mt-unsafe)
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

class HostileSurroundings : public ::testing::TestWithParam<const char*> {
 protected:
  HostileSurroundings() {
    for (const auto* name :
         {"pre-receive", "update", "post-receive", "post-update", "reference-transaction", "pre-auto-gc",
          "post-checkout", "pre-push", "proc-receive", "push-to-checkout"}) {
      write("hooks/" + std::string(name), trap(name));
      write("template/hooks/" + std::string(name), trap(name));
    }
    for (const auto* name : {"git", "git-upload-pack", "git-receive-pack", "git-remote-http"}) {
      write("exec/" + std::string(name), trap(name));
    }
    write("trap", trap("trap"));
    write("home/.gitconfig", configuration());
    write("xdg/git/config", configuration());
    write("home/.netrc", "machine 127.0.0.1 login evil password evil\n");
    write("home/.curlrc", "proxy = " + canary.url("") + "\n");
    NewCommit first;
    first.files = {{"a", "a"}};
    source.commit(first);
  }

  [[nodiscard]] std::string file(const std::string& name) const { return directory / name; }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(file(name)).parent_path());
    std::ofstream(file(name)) << text;
    fs::permissions(file(name), fs::perms::owner_all);
  }
  [[nodiscard]] std::string trap(const std::string& who) const {
    return "#!/bin/sh\necho " + who + " >> '" + file("PWN") + "'\nexit 1\n";
  }
  [[nodiscard]] std::string configuration() const {
    return fmt::format(R"([core]
  sshCommand = {0}/trap
  hooksPath = {0}/hooks
  gitProxy = {0}/trap
  fsmonitor = {0}/trap
  askPass = {0}/trap
  alternateRefsCommand = {0}/trap
[url "{0}/evil.git"]
  insteadOf = http://
  insteadOf = ssh://
  insteadOf = /
  pushInsteadOf = http://
[http]
  proxy = {1}
  sslVerify = false
  extraHeader = X-Evil: 1
[credential]
  helper = "!{0}/trap"
[uploadpack]
  packObjectsHook = {0}/trap
[protocol "ext"]
  allow = always
[init]
  templateDir = {0}/template
[filter "x"]
  process = {0}/trap
  smudge = {0}/trap
[gpg]
  program = {0}/trap
)",
                       directory.path().string(), canary.url(""));
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> variables() const {
    const auto proxy = canary.url("");
    return {{"HOME", file("home")},
            {"XDG_CONFIG_HOME", file("xdg")},
            {"CURL_HOME", file("home")},
            {"GIT_CONFIG_GLOBAL", file("home/.gitconfig")},
            {"GIT_CONFIG_SYSTEM", file("home/.gitconfig")},
            {"GIT_CONFIG_COUNT", "1"},
            {"GIT_CONFIG_KEY_0", "core.hooksPath"},
            {"GIT_CONFIG_VALUE_0", file("hooks")},
            {"GIT_CONFIG_PARAMETERS", "'core.hooksPath=" + file("hooks") + "'"},
            {"GIT_SSH_COMMAND", file("trap")},
            {"GIT_SSH", file("trap")},
            {"GIT_ASKPASS", file("trap")},
            {"SSH_ASKPASS", file("trap")},
            {"SSH_ASKPASS_REQUIRE", "force"},
            {"DISPLAY", ":0"},
            {"GIT_PROXY_COMMAND", file("trap")},
            {"GIT_EXTERNAL_DIFF", file("trap")},
            {"GIT_EXEC_PATH", file("exec")},
            {"GIT_TEMPLATE_DIR", file("template")},
            {"GIT_TRACE", file("PWN")},
            {"GIT_TRACE_PACKET", file("PWN")},
            {"GIT_DIR", file("evil.git")},
            {"GIT_OBJECT_DIRECTORY", file("evil.git/objects")},
            {"GIT_ALTERNATE_OBJECT_DIRECTORIES", file("evil.git/objects")},
            {"GIT_NAMESPACE", "evil"},
            {"GIT_ALLOW_PROTOCOL", "ext:file:http"},
            {"http_proxy", proxy},
            {"https_proxy", proxy},
            {"HTTPS_PROXY", proxy},
            {"all_proxy", proxy},
            {"ALL_PROXY", proxy}};
  }

  /// Three bindings of one source: to http, to ssh, to a local path.
  void start() {
    for (const auto* name : {"to-http", "to-ssh", "to-path"}) {
      targets.push_back(GitRepository::init(host.path(name)));
    }
    const auto base = std::string(host.base_url()) + "/";
    auto bindings = binding("to-http", host.url("source"), host.url("to-http"));
    bindings += binding("to-ssh", ssh.url(source.path()), ssh.url(targets[1].path()));
    bindings += binding("to-path", source.path(), targets[2].path());
    write("password", "secret\n");
    fs::permissions(file("password"), fs::perms(0600));
    write_agent_config(directory.path(),
                       fmt::format(R"(sync: {{sync_dir: {0}/spool, engine: {1}, reconcile_interval: off}}
network: {{allow_schemes: [http, ssh, file], allow_cidrs: [127.0.0.0/8]}}
credentials:
  - {{match: "{2}", username: sync, password_file: {0}/password}}
  - {{match: "ssh://{3}@127.0.0.1:{4}/", key_file: {5}, known_hosts_file: {6}}}
repos:
{7})",
                                   directory.path().string(), GetParam(), base, SshHost::user(), ssh.port(),
                                   ssh.file("key"), ssh.file("known"), bindings));
    const Variables hostile(variables());
    agent = std::make_unique<AgentProcess>(directory.path());
    ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  }
  static std::string binding(const std::string& name, const std::string& from, const std::string& to) {
    return fmt::format(
        "  - {{name: {}, internal: \"{}\", external: \"{}\", direction: to_outer, granularity: one,\n"
        "     branches: [{{internal: main, external: main}}]}}\n",
        name, from, to);
  }
  void expect_all_arrive() {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const auto name = std::vector{"to-http", "to-ssh", "to-path"}[i];
      const auto answer = agent->api("POST", fmt::format("/cerobot/sync/{}/branch/main", name));
      EXPECT_EQ(json_of(answer)["code_status"].asInt(), 0) << name << answer.body << agent->log();
      EXPECT_EQ(targets[i].tip(kMain), source.tip(kMain)) << name;
    }
  }
  void expect_nothing_sprung() {
    std::ifstream sprung(file("PWN"));
    const std::string who{std::istreambuf_iterator<char>(sprung), {}};
    EXPECT_FALSE(fs::exists(file("PWN"))) << who;
    EXPECT_EQ(canary.connections(), 0U);
    EXPECT_FALSE(fs::exists(file("evil.git")));
  }

  TemporaryDirectory directory;
  ScriptedServer canary{{}};
  GitHost host{{.user = "sync", .password = "secret"}};
  SshHost ssh;
  GitRepository source = GitRepository::init(host.path("source"));
  std::vector<GitRepository> targets;
  std::unique_ptr<AgentProcess> agent;
};
// The mirror goes over the same wires, and keeps files besides.
INSTANTIATE_TEST_SUITE_P(With, HostileSurroundings, ::testing::Values("mirror"));
INSTANTIATE_TEST_SUITE_P(FullWith, HostileSurroundings, ::testing::Values("auto"));

TEST_P(HostileSurroundings, S09_S39_NeitherHomeNorEnvironmentChangeWhatIsDone) {
  start();
  expect_all_arrive();
  NewCommit more;
  more.files = {{"b", "b"}};
  source.commit(more);
  expect_all_arrive();
  expect_nothing_sprung();

  // The traps are real: git itself steps into them.
  static_cast<void>(run_process({{"git", "ls-remote", "git@127.0.0.1:x"},
                                 "",
                                 "",
                                 {"PATH=/usr/bin:/bin", "GIT_SSH_COMMAND=" + file("trap")}}));
  EXPECT_TRUE(fs::exists(file("PWN")));
}

TEST_P(HostileSurroundings, S09_WhatIsPlantedInAMirrorIsNotRead) {
  start();
  expect_all_arrive();
  int planted = 0;
  for (const auto& entry : fs::directory_iterator(file("spool"))) {
    if (!entry.is_directory() || !entry.path().string().ends_with(".git")) continue;
    ++planted;
    std::ofstream(entry.path() / "config", std::ios::app) << configuration();
    fs::copy(file("hooks"), entry.path() / "hooks");
    fs::create_directories(entry.path() / "objects/info");
    std::ofstream(entry.path() / "objects/info/alternates") << file("evil.git/objects") << "\n";
  }
  EXPECT_EQ(planted, GetParam() == std::string("mirror") ? 3 : 0);
  NewCommit more;
  more.files = {{"b", "b"}};
  source.commit(more);
  expect_all_arrive();
  expect_nothing_sprung();
}

/// Trees as no git would make them, but any host may send.
TEST_P(HostileSurroundings, S10_TreesThatACheckoutWouldObeyAreData) {
  const auto blob = [&](const std::string& text) {
    return source.git({"hash-object", "-w", "--stdin"}, text);
  };
  const auto tree = [&](const std::string& entries) { return source.git({"mktree", "--missing"}, entries); };
  const auto script = blob(trap("a hook"));
  const auto hooks =
      tree("100755 blob " + script + "\tpost-checkout\n" + "100755 blob " + script + "\tpost-receive\n");
  const auto inner =
      tree("100644 blob " + blob(configuration()) + "\tconfig\n" + "040000 tree " + hooks + "\thooks\n");
  const auto modules = blob("[submodule \"x\"]\n\tpath = ../../x\n\turl = ext::" + file("trap") +
                            "\n\tupdate = !" + file("trap") + "\n");
  const auto root =
      tree("040000 tree " + inner + "\t.git\n" + "040000 tree " + inner + "\t.GIT\n" + "040000 tree " +
           inner + "\tgit~1\n" + "100644 blob " + modules + "\t.gitmodules\n" + "120000 blob " +
           blob("/etc/passwd") + "\tlink\n" + "120000 blob " + blob("../../..") + "\tup\n" + "100644 blob " +
           blob("* filter=x\n") + "\t.gitattributes\n" + "160000 commit " + std::string(40, 'd') +
           "\tsubmodule\n" + "040000 tree " + hooks + "\t..\n");
  const auto commit = source.git({"commit-tree", root, "-p", source.tip(kMain)->hex(), "-m", "Hostile"});
  source.set_ref(kMain, ObjectId::from_hex(commit).value());
  start();
  expect_all_arrive();
  for (const auto& target : targets) EXPECT_EQ(target.git({"rev-parse", "main^{tree}"}), root);
  for (const auto& entry : fs::recursive_directory_iterator(file("spool"))) {
    EXPECT_FALSE(entry.is_symlink()) << entry.path();
    EXPECT_NE(entry.path().filename(), ".gitmodules");
  }
  expect_nothing_sprung();
}

}  // namespace
}  // namespace gitferry::test
