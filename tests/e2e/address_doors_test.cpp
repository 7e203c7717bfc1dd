// One table of addresses that nobody may be led to, and every door that an address comes in by: the
// configuration, the API (binding and changing), a row of the database that somebody wrote with the key at
// hand, a reload, the reconcile, and the connection itself. What each door cannot know, the last one does; a
// canary counts who comes.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <json/writer.h>

#include "agent/base/crypto.h"
#include "agent/base/ip_address.h"
#include "agent/model/remote_url.h"
#include "agent/store/store.h"
#include "tests/support/agent_process.h"
#include "tests/support/scripted_server.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

/// An address, and the row of the threat catalogue that it belongs to.
struct Bad {
  const char* threat;
  std::string address;
};

/// What is no address, or of a kind that is not allowed: refused by every door.
std::vector<Bad> malformed() {
  using namespace std::string_literals;
  const std::string host = "http://git.example/";
  return {{"S-05", host + "a\nb"},
          {"S-05", host + "a\rb"},
          {"S-05", host + "a\tb"},
          {"S-05", host + "a b"},
          {"S-05", host + "a\0b"s},
          {"S-05", host + "a%0ab"},
          {"S-05", host + "a%0d%0ab"},
          {"S-05", host + "a%00b"},
          {"S-05", host + "a%20b"},
          {"S-05", "http://git%0a.example/x"},
          {"S-05", "http://git\n.example/x"},
          {"S-05", "http://u%0a:p@git.example/x"},
          {"S-05", "http://u:p%0d@git.example/x"},
          {"S-05", "git@h:a\nb"},
          {"S-06", "-oProxyCommand=touch"},
          {"S-06", "--upload-pack=touch PWN"},
          {"S-06", "--receive-pack=x"},
          {"S-06", "--exec=x"},
          {"S-06", "--config=core.hooksPath=x"},
          {"S-06", "ssh://-oProxyCommand=x/y"},
          {"S-06", "ssh://-lroot@h/x"},
          {"S-06", "git@-h:x"},
          {"S-06", "git@h:-x"},
          {"S-06", "-u@h:x"},
          {"S-07", "ext::sh -c touch% PWN"},
          {"S-07", "ext::sh"},
          {"S-07", "fd::0"},
          {"S-07", "transport::address"},
          {"S-07", "git://h/x"},
          {"S-07", "ftp://h/x"},
          {"S-07", "gopher://h/x"},
          {"S-07", "rsync://h/x"},
          {"S-07", "dict://h:11211/x"},
          {"S-07", "javascript://h/x"},
          {"S-07", "git+ssh://h/x"},
          {"S-08", "file:///etc"},
          {"S-08", "/etc"},
          {"S-08", "../../x"},
          {"S-08", "~/x"},
          {"S-08", "C:\\x"},
          {"S-08", "file://h/x"},
          {"S-08", "FILE:///etc"},
          {"S-08", "."},
          {"S-08", ""},
          {"S-11", host + "../x"},
          {"S-11", host + "a/../../x"},
          {"S-11", host + "%2e%2e/x"},
          {"S-11", host + "a%2f..%2fb"},
          {"S-11", "git@h:../x"},
          {"S-11", "http://git.example"},
          {"S-04", host + "x?y=http://h"},
          {"S-04", host + "x#@h"},
          {"S-04", "http://h\\@git.example/x"}};
}

/// This machine and its neighbours, in every spelling: only where they lead can tell.
std::vector<std::string> hosts_of_this_machine() {
  return {"127.0.0.1",
          "127.1",
          "127.0.1",
          "2130706433",
          "0x7f000001",
          "0x7f.1",
          "0177.0.0.1",
          "017700000001",
          "127.255.0.1",
          "localhost",
          "LOCALHOST",
          "localhost.",
          "a.localhost",
          "0.0.0.0",
          "0",
          "[::1]",
          "[::]",
          "[::ffff:127.0.0.1]",
          "[::ffff:7f00:1]",
          "[0:0:0:0:0:0:0:1]",
          "[::127.0.0.1]",
          "[64:ff9b::7f00:1]",
          "127.0.0.1.",
          "0x7f.0.0x0.1"};
}
std::vector<std::string> hosts_nearby() {
  return {"10.0.0.1",
          "172.16.0.1",
          "192.168.0.1",
          "169.254.169.254",
          "100.64.0.1",
          "224.0.0.1",
          "255.255.255.255",
          "198.18.0.1",
          "[fd00::1]",
          "[fe80::1]",
          "[::ffff:10.0.0.1]",
          "[2002:7f00:1::]",
          "metadata.google.internal."};
}

class AddressDoors : public ::testing::Test {
 protected:
  AddressDoors() { ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1); }  // NOLINT(concurrency-mt-unsafe)

  [[nodiscard]] std::string at_canary(const std::string& host, const std::string& path = "x.git") const {
    return fmt::format("http://{}:{}/{}", host, canary.port(), path);
  }
  /// All of them; those of this machine at the canary's port.
  [[nodiscard]] std::vector<std::string> private_addresses() const {
    std::vector<std::string> all;
    for (const auto& host : hosts_of_this_machine()) all.push_back(at_canary(host));
    for (const auto& host : hosts_nearby()) all.push_back("http://" + host + "/x.git");
    all.push_back(fmt::format("ssh://git@127.0.0.1:{}/x", canary.port()));
    all.push_back(fmt::format("ssh://git@localhost:{}/x", canary.port()));
    return all;
  }
  static std::string quoted(const std::string& text) {
    Json::StreamWriterBuilder writer;
    return Json::writeString(writer, Json::Value(text));
  }
  static std::string binding(const std::string& name, const std::string& internal,
                             const std::string& external) {
    return fmt::format(
        "  - {{name: {}, internal: {}, external: {}, direction: to_outer, granularity: one,\n"
        "     branches: [{{internal: main, external: main}}]}}\n",
        name, quoted(internal), quoted(external));
  }
  void configure(const std::string& repositories, const std::string& reconcile = "off") const {
    write_agent_config(directory.path(),
                       fmt::format("sync: {{sync_dir: {}/spool, reconcile_interval: {}, workers: 16,\n"
                                   "       timeouts: {{connect: 2s, stall: 3s, total: 10s}}}}\n"
                                   "network: {{allow_schemes: [http, https, ssh]}}\nrepos:{}\n",
                                   directory.path().string(), reconcile,
                                   repositories.empty() ? " []" : "\n" + repositories));
  }
  void start() {
    if (agent) {
      agent->start();
    } else {
      agent = std::make_unique<AgentProcess>(directory.path());
    }
    ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  }
  void stop() const {
    agent->kill(SIGTERM);
    EXPECT_EQ(agent->wait(), 0);
  }
  Json::Value api(const std::string& method, const std::string& path, const std::string& body = "{}") const {
    return json_of(agent->api(method, "/cerobot/sync" + path, body));
  }
  [[nodiscard]] int bind(const std::string& name, const std::string& internal,
                         const std::string& external) const {
    return api("POST", "/repo",
               fmt::format(R"({{"repo_name": "{}", "enable": true, "sync_granularity": 2, "sync_direction": 1,
                                "internal_repo_address": {}, "external_repo_address": {}}})",
                           name, quoted(internal), quoted(external)))["code_status"]
        .asInt();
  }
  /// Repositories `row-0` and so on, with these internal addresses, written into the database past the agent.
  void write_rows(const std::vector<std::string>& addresses) const {
    std::ifstream key(directory / "data/sealing-key");
    StoreOptions options;
    options.path = directory / "data/gitferry.db";
    options.sealing_key = Secret(from_hex(std::string{std::istreambuf_iterator<char>(key), {}}).value());
    const SystemClock clock;
    auto store = Store::open(options, clock);
    ASSERT_TRUE(store) << store.error().text();
    OverrideChange change;
    for (const auto& address : addresses) {
      RepositoryOverride row;
      row.name = fmt::format("row-{}", change.put_repositories.size());
      row.kind = RepositoryOverride::Kind::Bound;
      row.enabled = true;
      row.internal = address;
      row.external = good;
      row.granularity = Granularity::All;
      row.direction = BindingDirection::ToOuter;
      change.put_repositories.push_back(row);
    }
    ASSERT_TRUE((*store)->change_overrides(change));
  }
  /// Those whose text tells where they lead, and those that are known at connect alone.
  [[nodiscard]] std::pair<std::vector<std::string>, std::vector<std::string>> told_and_hidden() const {
    std::pair<std::vector<std::string>, std::vector<std::string>> both;
    for (const auto& address : private_addresses()) {
      const auto parsed = parse_remote_url(address, any_scheme());
      const bool is_told = parsed && parse_ip_address(parsed->url.host);
      (is_told ? both.first : both.second).push_back(address);
    }
    return both;
  }
  /// Every run of the agent so far ended with a refusal that says so, or found no such name.
  void expect_refused_at_the_socket(std::size_t runs) const {
    const auto status = api("GET", "/status?page_size=100");
    EXPECT_EQ(status["data"].size(), runs);
    for (const auto& lane : status["data"]) {
      const auto error = lane["error"].asString();
      EXPECT_TRUE(error == "address_refused" || error == "host_unresolved")
          << lane["repo_name"].asString() << ": " << error << ": " << lane["reason"].asString();
    }
  }

  TemporaryDirectory directory;
  ScriptedServer canary{{}};
  std::unique_ptr<AgentProcess> agent;
  const std::string good = "https://git.example/good.git";
};

TEST_F(AddressDoors, S27_WhatIsNoAddressComesInByNoDoor) {
  ASSERT_GE(malformed().size(), 40U);
  bool is_internal = false;
  for (const auto& bad : malformed()) {
    SCOPED_TRACE(std::string(bad.threat) + " " + quoted(bad.address));
    is_internal = !is_internal;
    configure(is_internal ? binding("bad", bad.address, good) : binding("bad", good, bad.address));
    const auto checked = run_gitferry({"check-config", "--config", directory / "gitferry.yaml"});
    EXPECT_EQ(checked.exit_code, 78) << checked.output;
  }

  configure(binding("of-file", "https://git.example/a.git", good));
  ASSERT_NO_FATAL_FAILURE(start());
  for (const auto& bad : malformed()) {
    SCOPED_TRACE(std::string(bad.threat) + " " + quoted(bad.address));
    EXPECT_NE(bind("bad", bad.address, good), 0);
    EXPECT_NE(bind("bad", good, bad.address), 0);
    for (const auto* side : {"internal_repo_address", "external_repo_address"}) {
      const auto change = fmt::format("{{\"{}\": {}}}", side, quoted(bad.address));
      EXPECT_NE(api("PUT", "/repo/of-file/repo_addr", change)["code_status"].asInt(), 0);
    }
  }
  EXPECT_EQ(api("GET", "/repo")["total"].asInt(), 1);
  EXPECT_EQ(api("GET", "/audit")["total"].asInt(), 0);
  stop();

  // Whoever has the key and the database can write what he likes; it is asked about again.
  std::vector<std::string> rows;
  for (const auto& bad : malformed()) rows.push_back(bad.address);
  ASSERT_NO_FATAL_FAILURE(write_rows(rows));
  ASSERT_NO_FATAL_FAILURE(start());
  std::size_t disabled = 0;
  const auto listed = api("GET", "/repo?page_size=100");
  for (const auto& row : listed["data"]) {
    if (row["repo_name"].asString() == "of-file") continue;
    EXPECT_FALSE(row["enable"].asBool()) << row;
    ++disabled;
    const auto synced = api("POST", "/repo/" + row["repo_name"].asString());
    EXPECT_NE(synced["code_status"].asInt(), 0) << synced;
  }
  EXPECT_EQ(disabled, malformed().size());
  stop();
}

TEST_F(AddressDoors, S27_WhatIsWrittenAsAPrivateAddressComesInByNoDoor) {
  const auto addresses = told_and_hidden().first;
  ASSERT_GE(addresses.size(), 20U);
  for (const auto& address : addresses) {
    configure(binding("bad", address, good));
    const auto checked = run_gitferry({"check-config", "--config", directory / "gitferry.yaml"});
    EXPECT_EQ(checked.exit_code, 78) << address << checked.output;
    EXPECT_NE(checked.output.find("network.allow_cidrs"), std::string::npos) << address << checked.output;
  }
  configure(binding("of-file", "https://git.example/a.git", good));
  ASSERT_NO_FATAL_FAILURE(start());
  for (const auto& address : addresses) {
    EXPECT_NE(bind("bad", address, good), 0) << address;
    const auto change = fmt::format("{{\"internal_repo_address\": {}}}", quoted(address));
    EXPECT_NE(api("PUT", "/repo/of-file/repo_addr", change)["code_status"].asInt(), 0) << address;
  }
  EXPECT_EQ(api("GET", "/repo")["total"].asInt(), 1);
  EXPECT_EQ(canary.connections(), 0U);
  stop();
}

TEST_F(AddressDoors, S27_NoDoorLeadsToThisMachineOrItsNeighbours) {
  std::string of_file;
  std::size_t bound = 0;
  const auto addresses = told_and_hidden().second;
  ASSERT_GE(addresses.size(), 8U);
  // The half of them by the file, the other half by the API, one as a change; each once as source, once as
  // target.
  for (std::size_t i = 0; i < addresses.size(); i += 2) {
    of_file += binding(fmt::format("file-{}", i), addresses[i], good);
    ++bound;
  }
  of_file += binding("changed", "https://git.example/a.git", good);
  configure(of_file, "1s");
  ASSERT_NO_FATAL_FAILURE(start());
  for (std::size_t i = 1; i < addresses.size(); i += 2) {
    const auto name = fmt::format("api-{}", i);
    const auto code = bind(name, addresses[i], good);
    if (code != 0) continue;  // a door that knows may refuse
    ++bound;
    api("POST", "/" + name + "/branch",
        R"({"enable": true, "internal_branch_name": "main", "external_branch_name": "main"})");
  }
  api("PUT", "/repo/changed/repo_addr",
      fmt::format("{{\"internal_repo_address\": {}}}", quoted(at_canary("localhost", "changed.git"))));
  ++bound;
  // By hand, and by the reconcile, which compares all of them each second.
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    api("POST", fmt::format("/{}-{}/branch/main?wait=0", i % 2 == 0 ? "file" : "api", i));
  }
  api("POST", "/changed/branch/main?wait=0");
  EXPECT_TRUE(eventually([&] {
    const auto status = api("GET", "/status?page_size=100");
    std::size_t told = 0;
    for (const auto& lane : status["data"]) told += lane["error"].isString() ? 1 : 0;
    return told == bound;
  })) << api("GET", "/status?page_size=100");
  expect_refused_at_the_socket(bound);
  EXPECT_EQ(canary.connections(), 0U);
  stop();

  // The canary sings: with its range allowed, the same agent comes.
  configure(binding("file-0", at_canary("127.0.0.1"), good));
  auto text = [&] {
    std::ifstream file(directory / "gitferry.yaml");
    return std::string{std::istreambuf_iterator<char>(file), {}};
  }();
  text.replace(text.find("[http, https, ssh]"), 18, "[http, https, ssh], allow_cidrs: [127.0.0.0/8]");
  std::ofstream(directory / "gitferry.yaml") << text;
  ASSERT_NO_FATAL_FAILURE(start());
  api("POST", "/file-0/branch/main");
  EXPECT_GT(canary.connections(), 0U);
  stop();
}

TEST_F(AddressDoors, S08_LocalPathsComeInByNoDoorButBelowANamedDirectory) {
  const auto root = directory.path().string();
  const auto inside = root + "/in/a.git";
  ASSERT_EQ(std::system(fmt::format("cd '{}' && mkdir in && git init -q --bare -b main in/a.git && "
                                    "git init -q --bare in/b.git && cp -a in/a.git out.git && "
                                    "cp -a in/a.git inn.git && ln -s ../out.git in/link.git",
                                    root)
                            .c_str()),
            0);
  const std::vector<std::string> elsewhere{root + "/out.git",
                                           "file://" + root + "/out.git",
                                           root + "/inn.git",
                                           root + "/in/../out.git",
                                           "/etc",
                                           root};
  const auto configure_local = [&](const std::string& repositories) {
    write_agent_config(
        directory.path(),
        fmt::format("sync: {{sync_dir: {0}/spool, reconcile_interval: off}}\n"
                    "network: {{allow_schemes: [file, https], local_directories: [{0}/in]}}\nrepos:\n{1}",
                    root, repositories));
  };
  for (const auto& address : elsewhere) {
    configure_local(binding("bad", address, good));
    const auto checked = run_gitferry({"check-config", "--config", directory / "gitferry.yaml"});
    EXPECT_EQ(checked.exit_code, 78) << address << checked.output;
  }
  const auto local = binding("of-file", inside, root + "/in/b.git");
  configure_local(local);
  const auto checked = run_gitferry({"check-config", "--config", directory / "gitferry.yaml"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_EQ(checked.output.find("local_directories"), std::string::npos) << checked.output;
  ASSERT_NO_FATAL_FAILURE(start());
  for (const auto& address : elsewhere) {
    EXPECT_NE(bind("bad", address, good), 0) << address;
    const auto change = fmt::format("{{\"internal_repo_address\": {}}}", quoted(address));
    EXPECT_NE(api("PUT", "/repo/of-file/repo_addr", change)["code_status"].asInt(), 0) << address;
  }
  // Where a link leads no door can know for good: the run does.
  EXPECT_EQ(bind("linked", root + "/in/link.git", root + "/in/b.git"), 0);
  EXPECT_EQ(api("POST", "/linked/branch",
                R"({"enable": true, "internal_branch_name": "main", "external_branch_name": "main"})")
                ["code_status"]
                    .asInt(),
            0);
  api("POST", "/linked/branch/main");
  api("POST", "/of-file/branch/main");
  const auto status = api("GET", "/status");
  ASSERT_EQ(status["data"].size(), 2U) << status;
  for (const auto& lane : status["data"]) {
    const bool is_linked = lane["repo_name"].asString() == "linked";
    EXPECT_EQ(lane["error"].asString(), is_linked ? "address_refused" : "branch_missing") << lane;
  }
  stop();

  ASSERT_NO_FATAL_FAILURE(write_rows(elsewhere));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto listed = api("GET", "/repo?page_size=100");
  std::size_t refused = 0;
  for (const auto& row : listed["data"]) {
    if (!row["repo_name"].asString().starts_with("row-")) continue;
    EXPECT_FALSE(row["enable"].asBool()) << row;
    EXPECT_NE(api("POST", "/repo/" + row["repo_name"].asString())["code_status"].asInt(), 0);
    ++refused;
  }
  EXPECT_EQ(refused, elsewhere.size());
  stop();
}

}  // namespace
}  // namespace gitferry::test
