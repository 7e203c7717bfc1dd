// Names and addresses that would lead out of the agent's own directories, and links that lie in its way:
// whatever is bound, synced and deleted, nothing outside of them changes.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <json/writer.h>
#include <sys/stat.h>

#include "agent/base/crypto.h"
#include "tests/e2e/two_hosts.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMain = "refs/heads/main";

/// Whatever a client, a host or a configuration might call a thing.
std::vector<std::string> hostile_names() {
  using namespace std::string_literals;
  std::vector<std::string> names{"..",
                                 ".",
                                 "",
                                 "/",
                                 "//",
                                 "../x",
                                 "../../x",
                                 "a/../../x",
                                 "a/../b",
                                 "/etc",
                                 "/etc/passwd",
                                 "~",
                                 "~root",
                                 "~/x",
                                 "./x",
                                 "x/.",
                                 "x/..",
                                 "a//b",
                                 "a/",
                                 "/a",
                                 "a%2f..%2fb",
                                 "..%2f..%2fx",
                                 "%2e%2e",
                                 "%2e%2e%2fx",
                                 "%00",
                                 "a%00b",
                                 "a\0b"s,
                                 "a\nb",
                                 "a\rb",
                                 "a\tb",
                                 "a b",
                                 " a",
                                 "a ",
                                 "\x1b[2Ja",
                                 "CON",
                                 "NUL",
                                 "aux.txt",
                                 "C:\\x",
                                 "..\\x",
                                 "\\\\host\\x",
                                 "x.git",
                                 ".git",
                                 ".git/config",
                                 ".lock",
                                 "x.lock",
                                 "a.lock/b",
                                 "-x",
                                 "--upload-pack=x",
                                 "-",
                                 "@",
                                 "@{-1}",
                                 "a..b",
                                 "a~1",
                                 "a^",
                                 "a:b",
                                 "a?b",
                                 "a*b",
                                 "a[b",
                                 "refs/heads/x",
                                 "HEAD",
                                 "gitferry.db",
                                 "data",
                                 "spool",
                                 "admin-token",
                                 "Robot",
                                 "robot",
                                 "ROBOT",
                                 "\xE2\x80\xAE"
                                 "x",
                                 "r\xD0\xBE"
                                 "bot",
                                 "a\xCC\x81",
                                 "\xEF\xBC\x8E\xEF\xBC\x8E",
                                 "\xff\xfe",
                                 "$(touch PWN)",
                                 "`touch PWN`",
                                 "a;touch PWN",
                                 "a|b",
                                 "'",
                                 "\"",
                                 "{a,b}",
                                 "!"};
  names.emplace_back(255, 'n');
  names.emplace_back(257, 'n');
  names.emplace_back(5000, 'n');
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "../";
  names.push_back(deep + "etc/passwd");
  return names;
}

/// What is there, with its kind, mode and content: by path.
std::map<std::string, std::string> state_of(const fs::path& directory) {
  std::map<std::string, std::string> state;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    struct stat status {};
    ::lstat(entry.path().c_str(), &status);
    auto text = fmt::format("{:o} {}", status.st_mode, status.st_ino);
    if (S_ISREG(status.st_mode)) {
      std::ifstream file(entry.path(), std::ios::binary);
      text += " " + to_hex(sha256(std::string{std::istreambuf_iterator<char>(file), {}}));
    } else if (S_ISLNK(status.st_mode)) {
      text += " " + fs::read_symlink(entry.path()).string();
    }
    state[entry.path().string()] = text;
  }
  return state;
}

/// The agent's data and `sync_dir` are two directories below `own`; everything beside that is somebody
/// else's.
class HostileNames : public ::testing::Test {
 protected:
  HostileNames() {
    fs::create_directories(own());
    fs::create_directories(outside() / "precious.git/objects/pack");
    fs::create_directories(outside() / "empty");
    std::ofstream(outside() / "precious.git/HEAD") << "ref: refs/heads/main\n";
    std::ofstream(outside() / "file") << "precious";
    std::ofstream(directory / "x") << "precious";
    std::ofstream(directory / "PWN-control") << "";
    NewCommit first;
    first.files = {{"a", "a"}};
    source.commit(first);
  }
  [[nodiscard]] fs::path own() const { return directory.path() / "own/deep"; }
  [[nodiscard]] fs::path outside() const { return directory.path() / "outside"; }
  [[nodiscard]] fs::path spool() const { return own() / "spool"; }

  /// Everything of the test's directory that is not the agent's: its hosts are elsewhere.
  [[nodiscard]] std::map<std::string, std::string> elsewhere() const {
    auto state = state_of(directory.path());
    std::erase_if(state, [&](const auto& entry) { return entry.first.starts_with((own() / "").string()); });
    return state;
  }

  void configure(bool deletes, const std::string& engine = "mirror") const {
    std::ofstream(own() / "password") << "secret\n";
    fs::permissions(own() / "password", fs::perms(0600));
    write_agent_config(
        own(),
        fmt::format(
            R"(sync: {{sync_dir: {0}/spool, delete_sync_dir: {1}, engine: {2}, reconcile_interval: off}}
network: {{allow_schemes: [http, file], allow_cidrs: [127.0.0.0/8]}}
credentials: [{{match: "{3}/", username: sync, password_file: {0}/password}}]
repos:
  - {{name: robot, internal: "{4}", external: "{5}", direction: to_outer, granularity: one,
     branches: [{{internal: main, external: main}}]}}
)",
            own().string(), deletes, engine, host.base_url(), host.url("source"), host.url("target")));
  }
  void start(bool deletes) {
    configure(deletes);
    agent = std::make_unique<AgentProcess>(own());
    ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  }
  void stop() {
    agent->kill(SIGTERM);
    EXPECT_EQ(agent->wait(), 0) << agent->log();
  }
  /// The envelope's code, or minus the status where there is none.
  int code(const std::string& method, const std::string& path, const Json::Value& body = Json::objectValue) {
    Json::StreamWriterBuilder writer;
    writer["emitUTF8"] = true;
    const auto answer = agent->api(method, "/cerobot/sync" + path, Json::writeString(writer, body));
    const auto value = json_of(answer);
    if (answer.status != 200) return -answer.status;
    return value["code_status"].asInt();
  }
  static Json::Value binding(const std::string& name, const std::string& from, const std::string& to) {
    Json::Value body;
    body["repo_name"] = name;
    body["enable"] = true;
    body["internal_repo_address"] = from;
    body["external_repo_address"] = to;
    body["sync_granularity"] = 2;
    body["sync_direction"] = 1;
    return body;
  }
  int sync_robot() { return code("POST", "/robot/branch/main"); }
  void commit(const std::string& name) {
    NewCommit made;
    made.files = {{name, name}};
    source.commit(made);
  }
  /// The mirror's place, once there is one.
  [[nodiscard]] fs::path mirror() const {
    for (const auto& entry : fs::directory_iterator(spool())) {
      if (entry.path().extension() == ".git") return entry.path();
    }
    return {};
  }

  TemporaryDirectory directory;
  GitHost host{{.user = "sync", .password = "secret"}};
  GitRepository source = GitRepository::init(host.path("source"));
  GitRepository target = GitRepository::init(host.path("target"));
  std::unique_ptr<AgentProcess> agent;
};

class HostileNamesOfAll : public HostileNames, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(FullKeepingMirrors, HostileNamesOfAll, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(DeletingMirrors, HostileNamesOfAll, ::testing::Values(true));

TEST_P(HostileNamesOfAll, S11_LeadNowhereAsRepositoryBranchOrAddress) {
  ASSERT_NO_FATAL_FAILURE(start(GetParam()));
  const auto before = elsewhere();
  ASSERT_GE(hostile_names().size(), 60U);
  int bound = 0;
  std::size_t turn = 0;
  for (const auto& name : hostile_names()) {
    SCOPED_TRACE(name.substr(0, 80));
    if (code("POST", "/repo", binding(name, host.url("source"), host.url("target"))) == 0) {
      ++bound;
      EXPECT_EQ(code("POST", "/repo/" + name), 0) << "it has no branches";
    }
    // As an address: below somebody else's directory, alone, and as a URL of a file.
    const auto below = outside().string() + "/" + name;
    const auto address = std::vector{below, name, "file://" + below}[turn++ % 3];
    auto body = binding("by-address", host.url("source"), address);
    body["sync_granularity"] = 1;
    if (code("POST", "/repo", body) == 0) {
      EXPECT_NE(code("POST", "/repo/by-address?wait=10"), 0) << address;
      EXPECT_EQ(code("DELETE", "/repo/by-address"), 0);
    }
    Json::Value branch;
    branch["enable"] = true;
    branch["internal_branch_name"] = "main";
    branch["external_branch_name"] = name;
    code("POST", "/robot/branch", branch);
  }
  // All names at once that were taken; a host may refuse one of them.
  code("POST", "/repo/robot?wait=60");
  EXPECT_TRUE(target.tip("refs/heads/CON"));
  EXPECT_GE(bound, 5) << "names that are merely odd are taken";
  EXPECT_EQ(elsewhere(), before);
  // No name is a part of a path.
  for (const auto& [path, what] : state_of(spool())) {
    const auto name = fs::path(path).lexically_relative(spool()).begin()->string();
    EXPECT_EQ(name.find_first_not_of("0123456789abcdef"), name.find('.')) << path;
  }
  EXPECT_EQ(target.fsck(), "");
}

class HostileLinks : public HostileNames, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(FullKeepingMirrors, HostileLinks, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(DeletingMirrors, HostileLinks, ::testing::Values(true));

TEST_P(HostileLinks, S11_InTheMirrorsPlaceAreNotFollowed) {
  configure(false);
  ASSERT_EQ(run_gitferry({"sync", "robot", "main", "--config", (own() / "gitferry.yaml").string()}).exit_code,
            0);
  const auto place = mirror();
  ASSERT_FALSE(place.empty());
  const auto lock = fs::path(place).replace_extension(".lock");
  ASSERT_NO_FATAL_FAILURE(start(GetParam()));
  const auto before = elsewhere();
  struct Planted {
    fs::path at;
    fs::path to;
    bool is_refused;  ///< somebody else's link is not ours to remove; damage within our own directory is
                      ///< mended
  };
  for (const auto& planted : {Planted{place, outside() / "precious.git", true},
                              {place, outside() / "empty", true},
                              {place, outside(), true},
                              {place, outside() / "nowhere", true},
                              {lock, outside() / "file", true},
                              {lock, outside() / "new", true},
                              {place / "objects", outside() / "precious.git/objects", false},
                              {place / "objects/pack", outside(), false},
                              {place / "config", outside() / "file", false},
                              {place / "HEAD", outside() / "file", false},
                              {place / "gitferry-mirror", outside() / "file", false},
                              {place / "gitferry-mirror.new", outside() / "file", false}}) {
    SCOPED_TRACE(planted.at.string() + " -> " + planted.to.string());
    fs::remove_all(planted.at);
    fs::create_directories(planted.at.parent_path());
    fs::permissions(planted.at.parent_path(), fs::perms::owner_all);
    fs::create_symlink(planted.to, planted.at);
    commit(fmt::format("{}", fmt::ptr(&planted)));
    EXPECT_EQ(sync_robot() != 0, planted.is_refused) << agent->log();
    EXPECT_EQ(elsewhere(), before);
    if (planted.is_refused) fs::remove(planted.at);
    EXPECT_EQ(sync_robot(), 0) << agent->log();
  }
  stop();
}

TEST_F(HostileNames, S11_ASyncDirThatIsALinkOrOfOthersIsRefusedAtTheStart) {
  configure(true);
  const auto before = elsewhere();
  const auto refused = [&] {
    AgentProcess starting(own());
    const auto exit_code = starting.wait();
    EXPECT_EQ(elsewhere(), before);
    return exit_code == 1 ? starting.log() : "started, " + std::to_string(exit_code);
  };
  fs::create_directory_symlink(outside(), spool());
  EXPECT_NE(refused().find("is not a directory of its own"), std::string::npos);
  fs::remove(spool());
  fs::create_directory(spool());
  for (const auto mode : {0770, 0707, 01777}) {
    fs::permissions(spool(), fs::perms(mode));
    EXPECT_NE(refused().find("can be written by others"), std::string::npos) << mode;
  }
  if (::geteuid() == 0) {
    fs::permissions(spool(), fs::perms(0700));
    ASSERT_EQ(::chown(spool().c_str(), 65534, 65534), 0);
    EXPECT_NE(refused().find("belongs to another user"), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry::test
