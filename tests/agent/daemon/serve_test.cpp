#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "agent/daemon/process.h"
#include "tests/config/support.h"
#include "tests/support/agent_process.h"
#include "tests/support/process.h"

// `gitferry serve` as an operator has it: signals, reloads, a second instance, the token it makes.

namespace gitferry::daemon {
namespace {

using config::TempDir;
using test::eventually;
using test::http;
using test::HttpAnswer;

/// One `gitferry serve`, killed and reaped on destruction.
class Serving {
 public:
  Serving(const std::string& config, std::string log) : log_(std::move(log)) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execl(GITFERRY_BINARY, GITFERRY_BINARY, "serve", "--config", config.c_str(), nullptr);
    ::_exit(127);
  }
  ~Serving() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    end();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  /// Waits for the end; the exit code, or -signal.
  int end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  [[nodiscard]] std::string log() const {
    std::ifstream file(log_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] bool says(const std::string& text) const {
    return eventually([&] { return log().find(text) != std::string::npos; });
  }
  /// 0 where it did not come up.
  [[nodiscard]] std::uint16_t port() const {
    constexpr std::string_view kMark = "\"listen\":\"127.0.0.1:";
    std::string text;
    const bool is_up = eventually([&] {
      text = log();
      return text.find(kMark) != std::string::npos || text.find("\"level\":\"error\"") != std::string::npos;
    });
    const auto found = text.find(kMark);
    if (!is_up || found == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::stoi(text.substr(found + kMark.size())));
  }

 private:
  std::string log_;
  pid_t pid_ = -1;
};

class Serve : public testing::Test {
 protected:
  /// A configuration with its own data directory `data`, without tokens.
  [[nodiscard]] std::string yaml(const std::string& data, const std::string& rest = {},
                                 const std::string& listen = "127.0.0.1:0") const {
    return "version: 1\nserver: {listen: \"" + listen +
           "\"}\nstorage: {url: \"sqlite:" + dir.path(data + "/g.db") +
           "\"}\nsync: {sync_dir: " + dir.path(data + "-sync") + "}\n" + rest;
  }
  std::string write(const std::string& name, const std::string& text) const { return dir.write(name, text); }
  [[nodiscard]] HttpAnswer api(const Serving& agent, const std::string& method,
                               const std::string& path) const {
    std::ifstream file(dir.path("data/admin-token"), std::ios::binary);
    const std::string token{std::istreambuf_iterator<char>(file), {}};
    return http(agent.port(), method, "/cerobot/sync" + path, {}, {{"Authorization", "Bearer " + token}});
  }

  TempDir dir;
};

constexpr const char* kOne = R"(repos:
  - {name: one, internal: https://a.example/x, external: https://b.example/x}
)";
constexpr const char* kOneAndTwo = R"(repos:
  - {name: one, internal: https://a.example/x, external: https://b.example/x}
  - {name: two, internal: https://a.example/y, external: https://b.example/y}
)";

TEST_F(Serve, MakesATokenForTheOwnerOnlyThatOpensTheApi) {
  const Serving agent(write("g.yaml", yaml("data")), dir.path("log"));
  const auto port = agent.port();
  ASSERT_NE(port, 0) << agent.log();
  struct stat status {};
  ASSERT_EQ(::stat(dir.path("data/admin-token").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(api(agent, "GET", "/status").status, 200);
  EXPECT_EQ(http(port, "GET", "/cerobot/sync/status").status, 401);
  std::ifstream file(dir.path("data/admin-token"));
  const std::string token{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(token.empty());
  EXPECT_EQ(agent.log().find(token), std::string::npos) << "the log says where it is, not what it is";
  EXPECT_NE(agent.log().find(dir.path("data/admin-token")), std::string::npos);
}

/// Below DIRECTORY, with its mode: what others may do to it.
std::vector<std::string> open_to_others(const std::filesystem::path& directory) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) == 0 && (status.st_mode & 0077U) != 0)
      found.push_back(fmt::format("{} {:o}", entry.path().string(), status.st_mode & 07777U));
  }
  return found;
}

TEST_F(Serve, S38_WhatItMakesIsForItsOwnerAloneWhateverTheUmask) {
  const auto before = ::umask(0);
  const Serving agent(write("g.yaml", yaml("data")), dir.path("log"));
  ::umask(before);
  ASSERT_NE(agent.port(), 0) << agent.log();
  EXPECT_TRUE(std::filesystem::exists(dir.path("data/g.db-wal")));
  EXPECT_EQ(open_to_others(dir.path("data")), std::vector<std::string>{});
  struct stat status {};
  for (const auto* made : {"data", "data-sync"}) {
    ASSERT_EQ(::stat(dir.path(made).c_str(), &status), 0) << made;
    EXPECT_EQ(status.st_mode & 07777U, 0700U) << made;
  }
  ASSERT_EQ(::chmod(dir.path("data/g.db").c_str(), 0644), 0);
  EXPECT_EQ(open_to_others(dir.path("data")).size(), 1U) << "the check can fail";
}

TEST_F(Serve, S45_LeavesNoCoreAndCannotBeLookedInto) {
  const Serving agent(write("g.yaml", yaml("data")), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  const auto process = "/proc/" + std::to_string(agent.pid());
  std::ifstream file(process + "/limits");
  const std::string limits{std::istreambuf_iterator<char>(file), {}};
  const auto line = limits.substr(limits.find("Max core file size"));
  std::istringstream words(line.substr(std::string_view("Max core file size").size()));
  std::string soft;
  std::string hard;
  words >> soft >> hard;
  EXPECT_EQ(soft, "0");
  EXPECT_EQ(hard, "0");
}

TEST(HardenProcess, S45_NobodyMayLookIntoItOrDumpItAndItsFilesAreItsOwners) {
  const pid_t child = ::fork();
  if (child == 0) {
    harden_process();
    const bool is_closed = ::prctl(PR_GET_DUMPABLE) == 0;
    ::_exit(is_closed && ::umask(0) == 077 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Serve, TakesUpAGoodFileOnSighupAndKeepsTheOldOneOnABadOne) {
  const std::string file = write("g.yaml", yaml("data", kOne));
  Serving agent(file, dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("10010"), std::string::npos);

  write("g.yaml", yaml("data", std::string(kOneAndTwo) + "brnches: []\n"));
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.says("the configuration stays as it was")) << agent.log();
  EXPECT_NE(agent.log().find("unknown key 'brnches'"), std::string::npos);
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("10010"), std::string::npos);
  EXPECT_NE(api(agent, "GET", "/repo/one/logs").body.find("\"code_status\":0"), std::string::npos);

  write("g.yaml", yaml("data", kOneAndTwo));
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.says("configuration reloaded")) << agent.log();
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("\"code_status\":0"), std::string::npos);
  EXPECT_EQ(agent.log().find("need a restart"), std::string::npos);

  write("g.yaml", yaml("data", "network: {allow_schemes: [https]}\n"));
  agent.signal(SIGHUP);
  EXPECT_TRUE(agent.says("need a restart")) << agent.log();

  agent.signal(SIGTERM);
  EXPECT_EQ(agent.end(), 0) << agent.log();
}

TEST_F(Serve, AReloadTakesUpHooksOfOrganisationsAndTheirSecrets) {
  write("secret", "the first secret of the hook");
  const auto with = [&](const std::string& owner) {
    return yaml("data", "webhooks: [{name: acme, provider: github, secret_file: " + dir.path("secret") +
                            ", owners: [" + owner + "]}]\n" + kOne);
  };
  Serving agent(write("g.yaml", with("one")), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  EXPECT_TRUE(agent.says("webhook of an organisation")) << agent.log();
  const auto reloads_audited = [&] {
    const auto rows = test::json_of(api(agent, "GET", "/audit"))["data"];
    const auto count = std::count_if(rows.begin(), rows.end(),
                                     [](const auto& row) { return row["action"].asString() == "reload"; });
    return count;
  };
  write("g.yaml", with("two"));
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.says("configuration reloaded")) << agent.log();
  EXPECT_EQ(reloads_audited(), 1);
  write("secret", "the second secret of the hook");
  agent.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return reloads_audited() == 2; })) << agent.log();
  EXPECT_EQ(agent.log().find("need a restart"), std::string::npos) << agent.log();
  EXPECT_EQ((agent.log() + api(agent, "GET", "/audit").body).find("secret of the hook"), std::string::npos);
  // One that is too short changes nothing.
  write("secret", "short");
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.says("the configuration stays as it was")) << agent.log();
  EXPECT_NE(agent.log().find("is shorter than 16 characters"), std::string::npos) << agent.log();
}

TEST_F(Serve, SaysWhichChangesNeedARestart) {
  const std::string file = write("g.yaml", yaml("data", kOne));
  for (const auto& change : {std::pair("sync: {", "sync: {reconcile_interval: 5m, "),
                             {"storage: {", "storage: {keep: {runs: {count: 5}}, "},
                             {"server: {", "server: {limits: {requests: {burst: 5}}, "}}) {
    write("g.yaml", yaml("data", kOne));
    const std::string log = dir.path(std::string(change.first).substr(0, 3) + ".log");
    Serving agent(file, log);
    ASSERT_NE(agent.port(), 0) << agent.log();
    std::string changed = yaml("data", kOne);
    changed.replace(changed.find(change.first), std::string_view(change.first).size(), change.second);
    write("g.yaml", changed);
    agent.signal(SIGHUP);
    EXPECT_TRUE(agent.says("need a restart")) << change.second << agent.log();
    agent.signal(SIGTERM);
    EXPECT_EQ(agent.end(), 0);
  }
}

/// A certificate of its own for `name`, in tls.pem and tls.key of the directory.
bool make_certificate(const TempDir& dir, const std::string& name) {
  const auto made = test::run_process(
      {{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=" + name, "-keyout", dir.path("tls.key"), "-out", dir.path("tls.pem")},
       {},
       {},
       {"PATH=/usr/bin:/bin"}});
  EXPECT_EQ(made.status, 0) << made.errors;
  return made.status == 0;
}

/// Whose certificate is shown on the port.
std::string certificate_on(std::uint16_t port) {
  const auto seen =
      test::run_process({{"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(port)},
                         {},
                         {},
                         {"PATH=/usr/bin:/bin"}});
  return seen.output;
}

TEST_F(Serve, ACertificateIsTakenUpWhenItIsRenewedAndABadOneChangesNothing) {
  ASSERT_TRUE(make_certificate(dir, "the-first"));
  std::string text = yaml("data", kOne);
  text.replace(
      text.find("server: {"), 9,
      "server: {tls: {cert_file: " + dir.path("tls.pem") + ", key_file: " + dir.path("tls.key") + "}, ");
  const Serving agent(write("g.yaml", text), dir.path("log"));
  const auto port = agent.port();
  ASSERT_NE(port, 0) << agent.log();
  EXPECT_NE(agent.log().find("\"tls\":true"), std::string::npos) << agent.log();
  EXPECT_NE(certificate_on(port).find("the-first"), std::string::npos);

  write("tls.pem", "no certificate");
  EXPECT_TRUE(agent.says("the certificate stays as it was")) << agent.log();
  EXPECT_NE(certificate_on(port).find("the-first"), std::string::npos);

  ASSERT_TRUE(make_certificate(dir, "the-second"));
  EXPECT_TRUE(agent.says("certificate reloaded")) << agent.log();
  EXPECT_TRUE(eventually([&] { return certificate_on(port).find("the-second") != std::string::npos; }));

  // A bad file of the configuration does not keep a certificate from being taken up.
  write("g.yaml", "version: 1\nversion: 1\n");
  ASSERT_TRUE(make_certificate(dir, "the-third"));
  agent.signal(SIGHUP);
  EXPECT_TRUE(agent.says("the configuration stays as it was")) << agent.log();
  EXPECT_TRUE(eventually([&] { return certificate_on(port).find("the-third") != std::string::npos; }));
}

TEST_F(Serve, DoesNotStartWithACertificateThatIsNone) {
  write("tls.pem", "S3CRET is no certificate");
  std::string text = yaml("data", kOne);
  text.replace(
      text.find("server: {"), 9,
      "server: {tls: {cert_file: " + dir.path("tls.pem") + ", key_file: " + dir.path("tls.pem") + "}, ");
  Serving agent(write("g.yaml", text), dir.path("log"));
  EXPECT_EQ(agent.end(), 78) << agent.log();
  EXPECT_NE(agent.log().find("cannot start"), std::string::npos) << agent.log();
  EXPECT_EQ(agent.log().find("S3CRET"), std::string::npos) << agent.log();
}

TEST_F(Serve, SaysWhatIsProbablyNotMeantSoAtStartAndAtAReload) {
  std::string text = yaml("data", kOne);
  text.replace(text.find("sync: {"), 7, "sync: {reconcile_interval: off, ");
  const Serving agent(write("g.yaml", text), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  ASSERT_TRUE(agent.says("without a reconcile")) << agent.log();
  const auto count = [&] {
    const auto log = agent.log();
    std::size_t found = 0;
    for (auto at = log.find("without a reconcile"); at != std::string::npos;
         at = log.find("without a reconcile", at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count(), 1U);
  agent.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return count() == 2; })) << agent.log();
}

TEST_F(Serve, S37_AnswersAsManyRequestsOfAnAddressAsTheConfigurationAllows) {
  std::string text = yaml("data", kOne);
  text.replace(text.find("server: {"), 9, "server: {limits: {requests: {per_second: 1, burst: 3}}, ");
  const Serving agent(write("g.yaml", text), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  int answered = 0;
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const int status = api(agent, "GET", "/status").status;
    if (status == 200) ++answered;
    if (status == 429) ++refused;
  }
  EXPECT_GE(answered, 3);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(answered + refused, 40);
}

TEST_F(Serve, ARotatedTokenIsTakenUpWithoutASignalAndTheOldOneIsRefused) {
  write("token", "the first token");
  const Serving agent(write("g.yaml", yaml("data", "auth: {tokens: [{name: ops, role: admin, token_file: " +
                                                       dir.path("token") + "}]}\n")),
                      dir.path("log"));
  const auto port = agent.port();
  ASSERT_NE(port, 0) << agent.log();
  const auto status_with = [&](const std::string& token) {
    return http(port, "GET", "/cerobot/sync/status", {}, {{"Authorization", "Bearer " + token}}).status;
  };
  EXPECT_EQ(status_with("the first token"), 200);
  EXPECT_EQ(status_with("the second token"), 401);
  write("token", "the second token");
  EXPECT_TRUE(eventually([&] { return status_with("the second token") == 200; })) << agent.log();
  EXPECT_EQ(status_with("the first token"), 401);
  EXPECT_EQ(agent.log().find("reload"), std::string::npos);
}

TEST_F(Serve, ATokenThatTheFileLosesIsRefusedAfterSighup) {
  write("one", "token one");
  write("two", "token two");
  const std::string one = "{name: one, role: admin, token_file: " + dir.path("one") + "}";
  const std::string two = "{name: two, role: read, token_file: " + dir.path("two") + "}";
  const std::string file = write("g.yaml", yaml("data", "auth: {tokens: [" + one + ", " + two + "]}\n"));
  const Serving agent(file, dir.path("log"));
  const auto port = agent.port();
  ASSERT_NE(port, 0) << agent.log();
  const auto status_with = [&](const std::string& token) {
    return http(port, "GET", "/cerobot/sync/status", {}, {{"Authorization", "Bearer " + token}}).status;
  };
  EXPECT_EQ(status_with("token one"), 200);
  write("g.yaml", yaml("data", "auth: {tokens: [" + two + "]}\n"));
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.says("configuration reloaded")) << agent.log();
  EXPECT_EQ(status_with("token one"), 401);
  EXPECT_EQ(status_with("token two"), 200);
  EXPECT_EQ(agent.log().find("need a restart"), std::string::npos) << agent.log();
}

TEST_F(Serve, AWatchedFileIsTakenUpByItself) {
  write("v1", yaml("data", std::string("watch: true\n") + kOne));
  write("v2", yaml("data", std::string("watch: true\n") + kOneAndTwo));
  std::filesystem::create_symlink("v1", dir.path("g.yaml"));
  const Serving agent(dir.path("g.yaml"), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("10010"), std::string::npos);
  std::filesystem::create_symlink("v2", dir.path("new"));
  std::filesystem::rename(dir.path("new"), dir.path("g.yaml"));
  ASSERT_TRUE(agent.says("configuration reloaded")) << agent.log();
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("\"code_status\":0"), std::string::npos);

  write("v2", yaml("data", "watch: true\nrepos: [\n"));
  ASSERT_TRUE(agent.says("the configuration stays as it was")) << agent.log();
  EXPECT_NE(api(agent, "GET", "/repo/two/logs").body.find("\"code_status\":0"), std::string::npos);
}

TEST_F(Serve, MakesASealingKeyForTheOwnerOnlyWhereItIsToldTo) {
  const std::string key = dir.path("keys/key");
  std::string text = yaml("data");
  const std::string url = "g.db\"";
  text.insert(text.find(url) + url.size(), ", key_file: " + key);
  const Serving agent(write("g.yaml", text), dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  struct stat status {};
  ASSERT_EQ(::stat(key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  std::ifstream file(key, std::ios::binary);
  const std::string digits{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(digits.size(), 64U);
  EXPECT_EQ(agent.log().find(digits), std::string::npos);
  EXPECT_NE(agent.log().find(key), std::string::npos);
  EXPECT_EQ(::access(dir.path("data/sealing-key").c_str(), F_OK), -1);
}

TEST_F(Serve, ListsFewRepositoriesInTheLogAndCountsMany) {
  const auto with = [&](int count) {
    std::string repos = "repos:\n";
    for (int i = 0; i < count; ++i)
      repos += "  - {name: r" + std::to_string(i) + ", internal: \"https://a.example/" + std::to_string(i) +
               "\", external: \"https://b.example/" + std::to_string(i) + "\"}\n";
    return repos;
  };
  {
    const Serving few(write("few.yaml", yaml("few", with(20))), dir.path("few-log"));
    ASSERT_TRUE(few.says("\"r19\"")) << few.log();
  }
  const Serving many(write("many.yaml", yaml("many", with(21))), dir.path("many-log"));
  ASSERT_TRUE(many.says("repositories bound")) << many.log();
  EXPECT_EQ(many.log().find("\"r1\""), std::string::npos) << many.log();
}

TEST_F(Serve, S46_ASecondAgentOnTheSameDataDirectoryEndsWithAReason) {
  const std::string file = write("g.yaml", yaml("data"));
  const Serving first(file, dir.path("log"));
  ASSERT_NE(first.port(), 0) << first.log();
  Serving second(file, dir.path("log2"));
  EXPECT_EQ(second.end(), 1) << second.log();
  EXPECT_NE(second.log().find("cannot start"), std::string::npos) << second.log();
  EXPECT_NE(second.log().find(dir.path("data/g.db")), std::string::npos) << second.log();
  EXPECT_EQ(http(first.port(), "GET", "/readyz").status, 200);
}

TEST_F(Serve, S46_ASecondAgentOnTheSamePortEndsWithAReason) {
  const Serving first(write("g.yaml", yaml("data")), dir.path("log"));
  const auto port = first.port();
  ASSERT_NE(port, 0) << first.log();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  Serving second(write("h.yaml", yaml("other", {}, address)), dir.path("log2"));
  EXPECT_EQ(second.end(), 78) << second.log();
  EXPECT_NE(second.log().find(address), std::string::npos) << second.log();
  EXPECT_NE(second.log().find("is another gitferry running?"), std::string::npos) << second.log();
}

TEST_F(Serve, S31_DoesNotListenBeyondThisMachineWithoutAProxy) {
  Serving agent(write("g.yaml", yaml("data", {}, "0.0.0.0:0")), dir.path("log"));
  EXPECT_EQ(agent.end(), 78);
  EXPECT_NE(agent.log().find("behind_proxy: true"), std::string::npos) << agent.log();
}

/// A git host that takes connections and never answers.
class SilentHost {
 public:
  SilentHost() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const bool listens = ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                         ::listen(fd_.get(), 8) == 0 &&
                         ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = listens ? ntohs(address.sin_port) : 0;
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/x.git"; }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

TEST_F(Serve, ASecondSignalEndsADrainAtOnceAndTheLaneStaysPending) {
  const SilentHost source;
  const SilentHost target;
  const std::string rest = "network: {allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}\nrepos:\n" +
                           ("  - {name: one, internal: \"" + source.url() + "\", external: \"") +
                           target.url() + "\", branches: [{internal: main, external: main}]}\n";
  const std::string file = write("g.yaml", yaml("data", rest));
  Serving agent(file, dir.path("log"));
  ASSERT_NE(agent.port(), 0) << agent.log();
  ASSERT_EQ(api(agent, "POST", "/one/branch/main?wait=0").status, 200);
  ASSERT_TRUE(eventually([&] {
    return api(agent, "GET", "/repo/one/logs").body.find("\"state\":\"running\"") != std::string::npos;
  })) << agent.log();
  agent.signal(SIGINT);
  ASSERT_TRUE(agent.says("draining")) << agent.log();
  agent.signal(SIGINT);
  EXPECT_EQ(agent.end(), 128 + SIGINT) << agent.log();

  const Serving again(file, dir.path("log2"));
  ASSERT_NE(again.port(), 0) << again.log();
  EXPECT_NE(api(again, "GET", "/status").body.find("\"pending\":true"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::daemon
