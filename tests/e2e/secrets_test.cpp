// Every secret that the agent is given carries a mark. Everything that can go wrong goes wrong, and then the
// marks are searched for wherever somebody could read them.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/git/pkt_line.h"
#include "tests/e2e/two_hosts.h"
#include "tests/support/child_watch.h"
#include "tests/support/scripted_server.h"
#include "tests/support/ssh_host.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

const std::string kPassword = "S3CR3T-password-of-a-host-1a2b3c4d";
const std::string kWrongPassword = "S3CR3T-wrong-password-5e6f7a8b";
const std::string kBearer = "S3CR3T-bearer-token-9c0d1e2f";
const std::string kOfHelper = "S3CR3T-answer-of-a-helper-3a4b5c6d";
const std::string kOfProxy = "S3CR3T-password-of-the-proxy-7e8f9a0b";
const std::string kInAddress = "S3CR3T-in-an-address-1c2d3e4f";
const std::string kOfApi = "S3CR3T-token-of-the-api-5a6b7c8d";
const std::string kHook = "S3CR3T-of-a-webhook-9e0f1a2b";
const std::string kHookOfEnvironment = "S3CR3T-webhook-in-the-environment-3c4d5e6f";
const std::string kReader = "S3CR3T-token-of-a-reader-7a8b9c0d";
const std::string kGuess = "S3CR3T-of-somebody-who-guesses-1e2f3a4b";
const std::string kInFile = "S3CR3T-written-into-the-file-5c6d7e8f";
const std::string kZeros(40, '0');

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Texts by the places where they were found.
using Places = std::map<std::string, std::string>;

/// The secrets in every form, and where they stand: "PLACE: SECRET" each.
std::vector<std::string> hits(const Places& places) {
  std::vector<std::string> secrets{"S3CR3T"};
  for (const auto& password : {kPassword, kWrongPassword, kOfHelper, kOfProxy, kInAddress, kOfApi, kHook}) {
    for (const std::string user : {"sync", "oauth2", "bot", "git", "gitferry"}) {
      secrets.push_back(to_base64(user + ":" + password));
    }
  }
  std::vector<std::string> found;
  for (const auto& [place, text] : places) {
    for (const auto& secret : secrets) {
      if (const auto at = text.find(secret); at != std::string::npos) {
        found.push_back(place + ": ..." + text.substr(at > 60 ? at - 60 : 0, 160));
      }
    }
  }
  return found;
}

Places files_below(const fs::path& directory) {
  Places places;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    places[entry.path().string()] = entry.is_regular_file() ? content_of(entry.path()) : "";
  }
  return places;
}

std::string git_head(const std::string& type) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-" + type + "\r\n\r\n";
}

/// What a source or a target answers that knows the secret and tells everybody.
struct Talker {
  std::string name;
  bool is_source;
  std::vector<ScriptedAnswer> answers;
};

std::vector<Talker> talkers() {
  const auto id = std::string(40, 'a');
  const std::string nul(1, '\0');
  const auto upload = git_head("upload-pack-advertisement") + packet("# service=git-upload-pack\n") + "0000" +
                      packet(id + " refs/heads/main" + nul + " side-band-64k multi_ack_detailed no-done\n") +
                      "0000";
  const auto receive = git_head("receive-pack-advertisement") + packet("# service=git-receive-pack\n") +
                       "0000" + packet(kZeros + " capabilities^{}" + nul + " report-status side-band-64k\n") +
                       "0000";
  const auto reported = [&](const std::string& said) {
    return git_head("receive-pack-result") + packet("\2login " + kPassword + "\n") +
           packet("\1" + packet("unpack ok\n") + packet(said) + "0000") + "0000";
  };
  const auto page = "<html>your password is " + kPassword + "</html>";
  const auto login = "Authorization: Basic " + to_base64("sync:" + kPassword);
  return {
      {"page-of-500", true, {{http_answer("500 Oops", "X-Debug: " + login + "\r\n", page)}}},
      {"page-of-503", true, {{http_answer("503 " + kPassword, "Retry-After: 3600\r\n", page)}}},
      {"page-of-401",
       true,
       {{http_answer("401 No", "WWW-Authenticate: Basic realm=\"" + kPassword + "\"\r\n", page)}}},
      {"page-of-403", true, {{http_answer("403 No", "", page)}}},
      {"page-of-404", true, {{http_answer("404 No", "", page)}}},
      {"page-of-400", true, {{http_answer("400 No", "", page)}}},
      {"login-page", true, {{http_answer("200 OK", "Content-Type: text/html\r\n", page)}}},
      {"redirect",
       true,
       {{http_answer("302 Found", "Location: http://sync:" + kPassword + "@127.0.0.1:1/x\r\n", page)}}},
      {"no-http", true, {{"220 " + login + "\r\n"}}},
      {"error-in-advertisement",
       true,
       {{git_head("upload-pack-advertisement") + packet("# service=git-upload-pack\n") + "0000" +
         packet("ERR you came with " + login)}}},
      {"error-in-answer", true, {{upload}, {git_head("upload-pack-result") + packet("ERR " + kPassword)}}},
      {"fatal-band",
       true,
       {{upload},
        {git_head("upload-pack-result") + packet("NAK\n") + packet("\3fatal: " + kPassword + "\n")}}},
      {"refused-ref", false, {{receive}, {reported("ng refs/heads/main sent " + login + "\n")}}},
      {"cut-reason",
       false,
       {{receive}, {reported("ng refs/heads/main " + std::string(190, 'x') + kPassword + "\n")}}},
      {"fatal-target", false, {{receive}, {git_head("receive-pack-result") + packet("\3" + login + "\n")}}},
  };
}

class SecretCanaries : public ::testing::TestWithParam<const char*> {
 protected:
  SecretCanaries() {
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);            // NOLINT(concurrency-mt-unsafe)
    ::setenv("SECRETS_TEST_HOOK", kHookOfEnvironment.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    for (const auto& [name, secret] :
         std::initializer_list<std::pair<const char*, std::string>>{{"password", kPassword},
                                                                    {"wrong", kWrongPassword},
                                                                    {"bearer", kBearer},
                                                                    {"proxy", kOfProxy},
                                                                    {"hook", kHook},
                                                                    {"reader", kReader}}) {
      write(name, secret + "\n");
    }
    NewCommit first;
    first.files = {{"a", "a"}};
    source.commit(first);
  }
  ~SecretCanaries() override { ::unsetenv("SECRETS_TEST_HOOK"); }  // NOLINT(concurrency-mt-unsafe)

  void write(const std::string& name, const std::string& text, fs::perms mode = fs::perms(0600)) const {
    std::ofstream(file(name)) << text;
    fs::permissions(file(name), mode);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory / name; }

  /// A binding of `main`, its name kept for later.
  void bind(const std::string& name, const std::string& internal, const std::string& external,
            const std::string& more = {}) {
    names.push_back(name);
    repositories += fmt::format(
        "  - {{name: {}, internal: \"{}\", external: \"{}\", direction: to_outer, granularity: one, enable: "
        "true,\n"
        "     branches: [{{internal: main, external: main}}]{}}}\n",
        name, internal, external, more);
  }
  void credential(const std::string& match, const std::string& keys) {
    credentials += fmt::format("  - {{match: \"{}\", {}}}\n", match, keys);
  }
  /// An empty repository on the good host.
  std::string empty(const std::string& name) {
    static_cast<void>(GitRepository::init(host.path(name)));
    return host.url(name);
  }

  void bind_talkers() {
    for (auto& talker : talkers()) {
      servers.push_back(std::make_unique<ScriptedServer>(talker.answers));
      const auto url = servers.back()->url("/x.git");
      credential(url.substr(0, url.rfind('/') + 1), "username: sync, password_file: " + file("password"));
      if (talker.is_source) {
        bind(talker.name, url, host.url("sink"));
      } else {
        bind(talker.name, host.url("source"), url);
      }
    }
  }
  void bind_hosts_that_fail() {
    const auto base = host.base_url() + "/";
    const auto source_url = host.url("source");
    credential(base, "username: sync, password_file: " + file("password"));
    bind("fine", source_url, empty("copy"),
         ", webhook: {internal: {provider: gitea, scheme: hmac, secret_file: " + file("hook") + "}}");
    bind("missing", host.url("nothing"), host.url("sink"),
         ", webhook: {internal: {provider: gitlab, scheme: token, "
         "secret_env: SECRETS_TEST_HOOK}}");
    bind("wrong", source_url, wrong_host.url("x"),
         ", webhook: {internal: {provider: bitbucket-server, scheme: basic, secret_file: " + file("hook") +
             "}}");
    credential(wrong_host.base_url() + "/", "username: sync, password_file: " + file("wrong"));
    bind("bearer", source_url, bearer_host.url("x"));
    credential(bearer_host.base_url() + "/", "scheme: bearer, password_file: " + file("bearer"));
    bind("helped", source_url, helped_host.url("x"));
    write("helper", "#!/bin/sh\nsleep 0.2\necho username=bot\necho password=" + kOfHelper + "\n",
          fs::perms(0700));
    credential(helped_host.base_url() + "/", "helper: [" + file("helper") + "]");
    bind("failing-helper", source_url, "http://helper.example/x.git");
    write("failing", "#!/bin/sh\necho password=" + kOfHelper + "\necho no " + kOfHelper + " >&2\nexit 1\n",
          fs::perms(0700));
    credential("http://helper.example/", "helper: [" + file("failing") + "]");
    bind("unresolved", "http://nobody.invalid./x.git", host.url("sink"));
    bind("proxied", "http://git.example/x.git", host.url("sink"));
    credential("http://git.example/", "username: sync, password_file: " + file("password"));
    bind("unknown-key", ssh.url(file("nothing.git")), host.url("sink"));
    credential(fmt::format("ssh://{}@127.0.0.1:{}/", SshHost::user(), ssh.port()),
               fmt::format("key_file: {}, known_hosts_file: {}", ssh.file("key"), ssh.file("known")));
    bind("local", source.path(), file("local.git"));
    auto local = GitRepository::init(file("local.git"));
    local.set_hook("pre-receive", "sleep 0.2; echo 'declined' >&2; exit 1");
    bind("hook-talks", source_url, empty("talks"));
    GitRepository(host.path("talks")).set_hook("pre-receive", "echo 'login " + kPassword + "' >&2; exit 1");
    bind("hook-talks-and-takes", source_url, empty("takes"));
    GitRepository(host.path("takes")).set_hook("post-receive", "echo 'hello " + kPassword + "' >&2");
  }

  [[nodiscard]] std::string yaml(const std::string& more = {}) const {
    return fmt::format(R"(sync: {{sync_dir: {0}/spool, engine: {1}, reconcile_interval: off, workers: 4,
       timeouts: {{connect: 5s, stall: 10s, total: 1m}}}}
network: {{allow_schemes: [http, ssh, file], allow_cidrs: [127.0.0.0/8], proxy: "http://127.0.0.1:{2}",
          proxy_username: bot, proxy_password_file: {0}/proxy, no_proxy: [127.0.0.0/8, nobody.invalid, helper.example]}}
{3}credentials:
{4}repos:
{5})",
                       directory.path().string(), GetParam(), proxy.port(), more, credentials, repositories);
  }

  void keep(const std::string& place, const std::string& text) { places[place] += text + "\n"; }
  HttpAnswer ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    auto answer = agent->api(method, target, body);
    keep("answers", answer.body);
    return answer;
  }
  HttpAnswer ask_as(const std::string& authorization, const std::string& method, const std::string& target,
                    const std::string& body = {}, std::map<std::string, std::string> headers = {}) {
    if (!authorization.empty()) headers["Authorization"] = authorization;
    auto answer = http(agent->port(), method, target, body, headers);
    keep("answers", answer.body);
    return answer;
  }
  void command(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--config", file("gitferry.yaml")});
    keep("output of " + arguments.front(), run_gitferry(arguments).output);
  }

  TemporaryDirectory directory;
  GitHost host{{.user = "sync", .password = kPassword}};
  GitHost wrong_host{{.user = "sync", .password = "another"}};
  GitHost bearer_host{{.user = "sync", .password = "another"}};
  GitHost helped_host{{.user = "sync", .password = "another"}};
  SshHost ssh;
  ScriptedServer proxy{std::vector<ScriptedAnswer>(
      20, {http_answer("407 Who", "Proxy-Authenticate: Basic realm=\"" + kOfProxy + "\"\r\n", kOfProxy)})};
  GitRepository source = GitRepository::init(host.path("source"));
  GitRepository sink = GitRepository::init(host.path("sink"));
  std::vector<std::unique_ptr<ScriptedServer>> servers;
  std::string credentials;
  std::string repositories;
  std::vector<std::string> names;
  std::unique_ptr<AgentProcess> agent;
  Places places;

  void sync_all();
  void misuse_the_api();
  void misuse_the_webhooks();
  void reload_bad_files();
  void run_the_commands();
};

/// Each binding; all but a few fail.
void SecretCanaries::sync_all() {
  int failed = 0;
  for (const auto& name : names) {
    const auto answer = ask("POST", "/cerobot/sync/" + name + "/branch/main?wait=20");
    EXPECT_EQ(answer.status, 200) << answer.body;
    if (json_of(answer)["code_status"].asInt() != 0) ++failed;
  }
  EXPECT_GE(failed, 25) << places["answers"];
  for (const std::string name : {"fine", "wrong", "helped", "error-in-advertisement", "local"}) {
    ask("POST", "/cerobot/sync/" + name + "/branch/main?dry_run=true");
    ask("POST", "/cerobot/sync/repo/" + name + "?wait=5");
  }
}

void SecretCanaries::misuse_the_api() {
  const auto user_info = "http://bot:" + kInAddress + "@";
  for (const auto& address : {user_info + "h.example/../x", user_info + "h.example", user_info,
                              "gopher://bot:" + kInAddress + "@h/x", user_info + "h.example/a%0ab",
                              "git@h:" + kInAddress + "\\x", "http://" + kInAddress + "@h.example/x.git"}) {
    for (const auto* side : {"internal_repo_address", "external_repo_address"}) {
      const auto other = side[0] == 'i' ? "external_repo_address" : "internal_repo_address";
      ask("POST", "/cerobot/sync/repo",
          fmt::format(R"({{"repo_name": "bad", "enable": true, "{}": "{}", "{}": "http://h.example/y.git",
                           "sync_granularity": 2, "sync_direction": 1}})",
                      side, address == "" ? "" : address, other));
      ask("PUT", "/cerobot/sync/repo/fine/repo_addr", fmt::format(R"({{"{}": "{}"}})", side, address));
    }
  }
  const auto bound = ask("POST", "/cerobot/sync/repo",
                         fmt::format(R"({{"repo_name": "of-api", "enable": true, "sync_granularity": 2,
                                         "internal_repo_address": "{}wrong.invalid/x.git",
                                         "external_repo_address": "{}", "exter_token": "{}", "sync_direction": 1}})",
                                     user_info, wrong_host.url("x"), kOfApi));
  EXPECT_EQ(json_of(bound)["code_status"].asInt(), 0) << bound.body;
  ask("POST", "/cerobot/sync/of-api/branch",
      R"({"enable": true, "internal_branch_name": "main", "external_branch_name": "main"})");
  ask("POST", "/cerobot/sync/of-api/branch/main?sync_direct=2");
  ask("POST", "/cerobot/sync/of-api/branch/main");
  for (const auto& body :
       {"{\"inter_token\": \"" + kGuess + "\\n\"}", "{\"inter_token\": [\"" + kGuess + "\"]}", "{\"" + kGuess,
        "{\"exter_token\": \"" + kGuess + std::string(9000, 'x') + "\"}",
        "{\"inter_token\": \"" + kGuess + "\", \"inter_token\": \"" + kGuess + "\"}"}) {
    ask("PUT", "/cerobot/sync/repo/of-api/repo_addr", body);
  }
  for (const auto& authorization :
       {"Bearer " + kGuess, "Basic " + kGuess, kGuess, "Bearer " + kGuess + " x"}) {
    EXPECT_EQ(ask_as(authorization, "GET", "/cerobot/sync/status").status, 401);
  }
  EXPECT_EQ(ask_as("", "GET", "/cerobot/sync/status?token=" + kGuess).status, 401);
  EXPECT_EQ(ask_as("Bearer " + kReader, "PUT", "/cerobot/sync/repo/fine?enable=0").status, 403);
  EXPECT_EQ(ask_as("Bearer " + kReader, "GET", "/cerobot/sync/audit").status, 403);
}

void SecretCanaries::misuse_the_webhooks() {
  const auto body = R"({"ref":"refs/heads/main","password":")" + kGuess +
                    R"(","repository":{"clone_url":"http://bot:)" + kGuess + "@" +
                    host.url("source").substr(7) + R"("}})";
  const auto signature = to_hex(hmac_sha256(Secret(kHook), body));
  using Headers = std::map<std::string, std::string>;
  for (const auto& headers :
       {Headers{{"X-Gitea-Event", "push"}, {"X-Gitea-Signature", signature}},
        Headers{{"X-Gitea-Event", "push"}, {"X-Gitea-Signature", kGuess}, {"Cookie", kGuess}}}) {
    ask_as("Bearer " + kGuess, "POST", "/webhooks/gitea/fine?secret=" + kGuess, body, headers);
  }
  for (const auto& token : {kGuess, kHookOfEnvironment}) {
    ask_as("", "POST", "/webhooks/gitlab/missing", body,
           {{"X-Gitlab-Event", "Push Hook"}, {"X-Gitlab-Token", token}});
  }
  for (const auto& password : {kGuess, kHook}) {
    ask_as("Basic " + to_base64("gitferry:" + password), "POST", "/webhooks/bitbucket-server/wrong", body,
           {{"X-Event-Key", "repo:refs_changed"}});
  }
  ask_as(
      "", "POST", "/webhooks/gitea/fine", "{\"" + kGuess,
      {{"X-Gitea-Event", "push"}, {"X-Gitea-Signature", to_hex(hmac_sha256(Secret(kHook), "{\"" + kGuess))}});
  EXPECT_GT(json_of(ask("GET", "/cerobot/sync/deliveries?page_size=100"))["total"].asInt(), 0);
}

void SecretCanaries::reload_bad_files() {
  const auto good = content_of(file("gitferry.yaml"));
  for (const auto& more :
       {"  - {match: \"http://a/\", password: " + kInFile + "}\n",
        "  - {match: \"http://bot:" + kInFile + "@a/\", password_file: " + file("password") + "}\n",
        "  - {" + kInFile}) {
    auto bad = good;
    bad.insert(bad.find("repos:\n"), more);
    write("gitferry.yaml", bad);
    const auto before = agent->log().size();
    agent->kill(SIGHUP);
    EXPECT_TRUE(eventually([&] {
      return agent->log().find("the configuration stays as it was", before) != std::string::npos;
    })) << more
        << agent->log();
    command({"check-config"});
  }
  write("gitferry.yaml", good);
  fs::permissions(file("password"), fs::perms(0644));
  command({"check-config"});
  fs::permissions(file("password"), fs::perms(0600));
}

void SecretCanaries::run_the_commands() {
  command({"check-config"});
  command({"print-config"});
  command({"print-config", "--json"});
  command({"status"});
  command({"deliveries"});
  command({"sync", "fine", "main"});
  command({"sync", "wrong", "main"});
  command({"send-webhook", "fine", "main"});
  command({"send-webhook", "missing", "main"});
  command({"check-db"});
}

TEST_P(SecretCanaries, S12_NoSecretIsWhereSomebodyCouldReadIt) {
  bind_talkers();
  bind_hosts_that_fail();
  write_agent_config(directory.path(), yaml());
  auto config = content_of(file("gitferry.yaml"));
  const std::string reader = ", {name: reader, role: read, token_file: " + file("reader") + "}";
  config.insert(config.find("]}", config.find("auth:")), reader);
  write("gitferry.yaml", config);
  agent = std::make_unique<AgentProcess>(directory.path());
  ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  ChildWatch watch(agent->pid());

  sync_all();
  misuse_the_api();
  misuse_the_webhooks();
  reload_bad_files();
  run_the_commands();
  for (const auto* path :
       {"/cerobot/sync/repo?page_size=100", "/cerobot/sync/fine/branch", "/cerobot/sync/status",
        "/cerobot/sync/audit?page_size=100", "/cerobot/sync/repo/hook-talks/logs",
        "/cerobot/sync/deliveries?page_size=100", "/readyz?verbose", "/livez", "/version"}) {
    ask("GET", path);
  }
  for (const auto& name : names) ask("GET", "/cerobot/sync/repo/" + name + "/logs?page_size=100");

  // While it runs: what the journal of the database has is not in the database yet.
  places.merge(files_below(directory / "data"));
  places.merge(files_below(directory / "spool"));
  auto programs = watch.seen();
  for (const std::string program : {"/git", "/ssh", "sh"}) {
    EXPECT_TRUE(std::any_of(programs.begin(), programs.end(),
                            [&](const auto& seen) {
                              return seen.first.ends_with(program) &&
                                     seen.second.find("PATH=") != std::string::npos;
                            }))
        << program << " was never seen";
  }
  places.merge(programs);
  places["command line of the agent"] = content_of("/proc/" + std::to_string(agent->pid()) + "/cmdline");
  agent->kill(SIGTERM);
  EXPECT_EQ(agent->wait(), 0);
  places["log"] = agent->log();
  places.merge(files_below(directory / "spool"));
  auto after = files_below(directory / "data");
  after.merge(places);
  after.erase(file("data/sealing-key"));

  EXPECT_EQ(hits(after), std::vector<std::string>{});
  const auto key = content_of(file("data/sealing-key"));
  ASSERT_EQ(key.size(), 64U);
  const auto ssh_key = ssh.content("key").substr(100, 60);
  std::size_t bytes = 0;
  for (const auto& [place, text] : after) {
    EXPECT_EQ(text.find(key), std::string::npos) << place;
    EXPECT_EQ(text.find(ssh_key), std::string::npos) << place;
    bytes += text.size();
  }
  fmt::print("searched {} places, {} bytes\n", after.size(), bytes);
  // That there was something to find: the marks of the words around.
  EXPECT_NE(after["log"].find("login ***"), std::string::npos);
  EXPECT_NE(after["answers"].find("hello ***"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(With, SecretCanaries, ::testing::Values("auto"));
INSTANTIATE_TEST_SUITE_P(FullWith, SecretCanaries, ::testing::Values("mirror"));

/// The search would find what it looks for, wherever that stood.
TEST(SecretSearch, S12_FindsWhatIsPlantedInEveryPlace) {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "deep/er");
  std::ofstream(directory / "deep/er/file") << "x\n" << kHook;
  EXPECT_EQ(hits(files_below(directory.path())).size(), 1U);
  EXPECT_EQ(hits({{"log", to_base64("sync:" + kPassword)}}).size(), 1U);
  EXPECT_EQ(hits({{"log", "nothing"}}).size(), 0U);

  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    const std::string planted = "SECRET=" + kPassword;
    ::execle("/bin/sh", "sh", "-c", "sleep 60 & wait", kGuess.c_str(), nullptr,
             std::initializer_list<const char*>{planted.c_str(), "PATH=/usr/bin:/bin", nullptr}.begin());
    ::_exit(127);
  }
  ChildWatch watch(::getpid());
  EXPECT_TRUE(eventually([&] {
    bool in_arguments = false;
    bool in_environment = false;
    for (const auto& [program, shown] : watch.seen()) {
      in_arguments = in_arguments || shown.find(kGuess) != std::string::npos;
      in_environment = in_environment || shown.find(kPassword) != std::string::npos;
    }
    return in_arguments && in_environment;
  }));
  ::kill(-child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace gitferry::test
