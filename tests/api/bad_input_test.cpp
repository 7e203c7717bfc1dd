#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/text.h"
#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using testing::branch_body;
using testing::repository_body;

/// What a parameter must be.
enum class Kind { Text, Secret, Flag, Number, Choice };

struct Field {
  const char* name;
  Kind kind;
  bool is_required = false;
};

/// A route that changes something, with a body that it would take.
struct Taker {
  std::string method;
  std::string pattern;
  std::string path;  ///< below /cerobot/sync
  Json::Value body;
  std::vector<Field> fields;
};

const std::vector<Field>& sync_fields() {
  static const std::vector<Field> fields{{"sync_direct", Kind::Choice},
                                         {"wait", Kind::Number},
                                         {"dry_run", Kind::Flag},
                                         {"force", Kind::Flag},
                                         {"force_flag", Kind::Flag}};
  return fields;
}

/// Every route of the table that takes a body. One that is not here fails TheTableKnowsEveryRoute.
std::vector<Taker> takers() {
  const Json::Value nothing(Json::objectValue);
  Json::Value enable(Json::objectValue);
  enable["enable"] = false;
  Json::Value addresses(Json::objectValue);
  addresses["internal_repo_address"] = "https://moved.example/a/b.git";
  Json::Value level(Json::objectValue);
  level["level"] = "info";
  Json::Value wait(Json::objectValue);
  wait["wait"] = 0;
  const std::string base = "/cerobot/sync";
  return {
      {"POST",
       base + "/repo",
       "/repo",
       repository_body("new"),
       {{"repo_name", Kind::Text, true},
        {"enable", Kind::Flag, true},
        {"internal_repo_address", Kind::Text, true},
        {"external_repo_address", Kind::Text, true},
        {"sync_granularity", Kind::Choice, true},
        {"sync_direction", Kind::Choice, true},
        {"inter_token", Kind::Secret},
        {"exter_token", Kind::Secret}}},
      {"PUT", base + "/repo/{repo_name}", "/repo/robot", enable, {{"enable", Kind::Flag, true}}},
      {"DELETE", base + "/repo/{repo_name}", "/repo/robot", nothing, {}},
      {"PUT",
       base + "/repo/{repo_name}/repo_addr",
       "/repo/robot/repo_addr",
       addresses,
       {{"internal_repo_address", Kind::Text},
        {"external_repo_address", Kind::Text},
        {"inter_token", Kind::Secret},
        {"exter_token", Kind::Secret}}},
      {"DELETE", base + "/repo/{repo_name}/override", "/repo/robot/override", nothing, {}},
      {"POST", base + "/repo/{repo_name}", "/repo/robot", wait, sync_fields()},
      {"POST", base + "/{repo_name}/branch/{branch_name...}", "/robot/branch/main", wait, sync_fields()},
      {"POST",
       base + "/{repo_name}/branch",
       "/robot/branch",
       branch_body("new", "new"),
       {{"enable", Kind::Flag, true},
        {"internal_branch_name", Kind::Text, true},
        {"external_branch_name", Kind::Text, true}}},
      {"PUT",
       base + "/{repo_name}/branch/{branch_name...}",
       "/robot/branch/main",
       enable,
       {{"enable", Kind::Flag, true}}},
      {"DELETE", base + "/{repo_name}/branch/{branch_name...}", "/robot/branch/main", nothing, {}},
      {"POST", base + "/deliveries/{id}/replay", "/deliveries/1/replay", nothing, {}},
      {"PUT", base + "/log-level", "/log-level", level, {{"level", Kind::Choice, true}}},
      {"POST",
       base + "/check",
       "/check",
       addresses,
       {{"repo_name", Kind::Text},
        {"internal_repo_address", Kind::Text},
        {"external_repo_address", Kind::Text},
        {"inter_token", Kind::Secret},
        {"exter_token", Kind::Secret}}},
  };
}

constexpr const char* kNulText = "\"\\u0000\"";

/// JSON that a field of this kind must not be.
std::vector<std::string> wrong_values(Kind kind) {
  std::vector<std::string> values{"[]",  "{}",    "[\"x\"]", "{\"a\":1}",
                                  "1.5", "1e300", kNulText,  "18446744073709551616"};
  if (kind != Kind::Flag) {
    values.emplace_back("true");
    values.emplace_back("false");
  }
  if (kind == Kind::Flag || kind == Kind::Number) {
    values.emplace_back("\"perhaps\"");
    values.emplace_back("\"\"");
    values.emplace_back("-2");
  }
  return values;
}

/// `body` with one member as the given JSON, which may be what no library writes.
std::string with_member(Json::Value body, const std::string& name, const std::string& json) {
  body.removeMember(name);
  auto text = to_text(body);
  text.pop_back();
  return text + (body.empty() ? "" : ",") + "\"" + name + "\":" + json + "}";
}

class BadInputTest : public testing::BindingTest {
 protected:
  BadInputTest() {
    RepositoryBinding robot;
    robot.name = "robot";
    robot.internal = testing::url(testing::internal_address("robot"));
    robot.external = testing::url(testing::external_address("robot"));
    robot.branches.push_back({"main", "main", true});
    file.repositories.emplace(robot.name, robot);
  }
  void SetUp() override {
    BindingTest::SetUp();
    DeliveryRecord record;
    record.provider = "gitea";
    record.repository = "robot";
    record.event = "push";
    record.refs = R"([{"ref":"refs/heads/main"}])";
    ASSERT_TRUE(store->record_delivery(record, {}));
    before = everything();
  }

  void expect_refused(const Taker& taker, const std::string& body, const std::string& named) const {
    SCOPED_TRACE(taker.method + " " + taker.path + " " + body.substr(0, 200));
    const auto answer = api(taker.method, taker.path, body);
    EXPECT_EQ(answer.status, 400) << answer.text;
    EXPECT_EQ(answer.code(), 10020);
    EXPECT_EQ(answer.body["msg"].asString(), "请求参数有误");
    EXPECT_TRUE(answer.body.isMember("data") && answer.data().isNull());
    EXPECT_NE(answer.detail().find(named), std::string::npos) << answer.detail();
    EXPECT_LT(answer.detail().size(), 500U) << "what was sent is not sent back whole";
  }

  std::string before;
};

TEST_F(BadInputTest, TheTableKnowsEveryRouteThatTakesABody) {
  std::set<std::string> known;
  for (const auto& taker : takers()) known.insert(taker.method + " " + taker.pattern);
  std::set<std::string> found;
  for (const auto& route : all_routes(*context)) {
    if (route.pattern.starts_with("/cerobot/") && route.method != "GET") {
      found.insert(route.method + " " + route.pattern);
    }
  }
  EXPECT_EQ(found, known);
}

TEST_F(BadInputTest, ABodyThatIsNoJsonObjectIsRefusedByEveryRouteAndChangesNothing) {
  const std::string deep = "{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}";
  for (const auto& taker : takers()) {
    for (const std::string& body :
         {std::string("{"), std::string("[]"), std::string("1"), std::string("null"), std::string("\"x\""),
          std::string("enable=true"), to_text(taker.body) + " x", to_text(taker.body) + to_text(taker.body),
          "\xEF\xBB\xBF" + to_text(taker.body), std::string("{\"enable\":tru}"),
          std::string("{\"a\":\"\xff\xfe\"}"), std::string("{\"\xc3\":1}"), std::string("{\0}", 3),
          std::string("{'a':1}"), std::string("{\"a\":NaN}"), deep}) {
      expect_refused(taker, body, "body");
    }
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, AParameterThatIsGivenTwiceIsNamed) {
  for (const auto& taker : takers()) {
    expect_refused(taker, R"({"enable":true,"wait":1,"enable":true})", "'enable' is given twice");
    auto twice = taker;
    twice.path += "?wait=1&wait=2";
    expect_refused(twice, to_text(taker.body), "'wait' is given twice");
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, AValueOfAWrongTypeIsRefusedByItsName) {
  for (const auto& taker : takers()) {
    for (const auto& field : taker.fields) {
      const std::string name = field.name;
      for (const auto& wrong : wrong_values(field.kind)) {
        // U+0000 is refused before anybody asks what the member is for.
        const auto named = wrong == kNulText ? "'" + name + "'" : "parameter " + name + ":";
        expect_refused(taker, with_member(taker.body, field.name, wrong), named);
      }
    }
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, WhatIsMissingIsNamed) {
  for (const auto& taker : takers()) {
    for (const auto& field : taker.fields) {
      if (!field.is_required) continue;
      auto without = taker.body;
      without.removeMember(field.name);
      expect_refused(taker, to_text(without), std::string(field.name) + ": it is missing");
      expect_refused(taker, with_member(taker.body, field.name, "null"),
                     std::string(field.name) + ": it is missing");
    }
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, NamesOfAMegabyteAreRefusedAndNotRepeated) {
  const auto huge = "\"" + std::string(1'000'000, 'n') + "\"";
  const std::map<std::string, int> domain_codes{{"internal_repo_address", 10001},
                                                {"external_repo_address", 10001},
                                                {"sync_granularity", 10007},
                                                {"sync_direction", 10008},
                                                {"sync_direct", 10008}};
  for (const auto& taker : takers()) {
    for (const auto& field : taker.fields) {
      SCOPED_TRACE(taker.method + " " + taker.path + " " + field.name);
      const auto answer = api(taker.method, taker.path, with_member(taker.body, field.name, huge));
      EXPECT_LT(answer.text.size(), 2000U);
      if (taker.path == "/check") continue;  // what is wrong is its answer, not its failure
      const auto domain = domain_codes.find(field.name);
      EXPECT_EQ(answer.code(), domain == domain_codes.end() ? 10020 : domain->second)
          << answer.text.substr(0, 2000);
      EXPECT_NE(answer.detail().find(field.name), std::string::npos) << answer.detail().substr(0, 2000);
    }
    const auto larger = api(taker.method, taker.path,
                            with_member(taker.body, "x", "\"" + std::string(1'100'000, 'n') + "\""));
    EXPECT_EQ(larger.status, 413) << taker.path;
    EXPECT_EQ(larger.code(), 10026);
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, S27_NamesAndAddressesThatCouldBeTakenForSomethingElseAreRefused) {
  for (const std::string name :
       {"", ".", "..", "../up", "a/b", "-x", ".git", "a b", "repo", "näme", "a\nb", "a;b"}) {
    auto body = repository_body("new");
    body["repo_name"] = name;
    expect_refused(takers()[0], to_text(body), "repo_name");
  }
  for (const std::string address :
       {"", " ", "robot", "--upload-pack=touch /tmp/x", "git@host:acme/x.git -c core.sshCommand=id",
        "ext::sh -c id", "ssh://-oProxyCommand=id/x", "git@-oProxyCommand=id:x", "file:///etc", "/etc/passwd",
        "http://plain.example/x.git", "https://", "https://h.example", "https://h.example/a%0Ab",
        "git@h.example:-x", "ftp://h.example/x"}) {
    for (const auto* side : {"internal_repo_address", "external_repo_address"}) {
      auto body = repository_body("new");
      body[side] = address;
      SCOPED_TRACE(address);
      for (const auto& answer : {submit("POST", "/repo", body), submit("PUT", "/repo/robot/repo_addr", [&] {
                                   Json::Value change(Json::objectValue);
                                   change[side] = address;
                                   return change;
                                 }())}) {
        EXPECT_EQ(answer.code(), 10001) << answer.text;
        EXPECT_NE(answer.detail().find(side), std::string::npos) << answer.detail();
      }
    }
  }
  auto same = repository_body("new");
  same["external_repo_address"] = same["internal_repo_address"];
  EXPECT_EQ(submit("POST", "/repo", same).code(), 10001) << "onto itself";
  for (const std::string branch : {"", "-x", "--upload-pack=id", "a..b", "a b", "a~1", "/a", "a/", "a.lock",
                                   "@{", "a\x7f", "refs/heads/-x/../y", "HEAD:x"}) {
    for (const auto* side : {"internal_branch_name", "external_branch_name"}) {
      auto body = branch_body("new", "new");
      body[side] = branch;
      expect_refused(takers()[7], to_text(body), side);
    }
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, S12_TokensAreRefusedWhereTheyCannotWorkAndNeverRepeated) {
  const std::string canary = "canary-in-a-token";
  for (const auto& token :
       {canary + "\n", canary + "\r\nX: y", canary + std::string(5000, 'x'), canary + "\x7f"}) {
    for (const auto* name : {"inter_token", "exter_token"}) {
      auto body = repository_body("new");
      body[name] = token;
      expect_refused(takers()[0], to_text(body), name);
      EXPECT_EQ(submit("POST", "/repo", body).text.find(canary), std::string::npos);
    }
  }
  auto ssh = repository_body("new");
  ssh["internal_repo_address"] = "git@git.corp.example:acme/robot.git";
  ssh["inter_token"] = canary;
  expect_refused(takers()[0], to_text(ssh), "inter_token");
  auto bad_address = repository_body("new");
  bad_address["internal_repo_address"] = "https://user:" + canary + "@h.example/a%0Ab";
  const auto answer = submit("POST", "/repo", bad_address);
  EXPECT_EQ(answer.code(), 10001);
  EXPECT_EQ(answer.text.find(canary), std::string::npos) << answer.text;
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, ListsRefuseBadPagesAndIdsByName) {
  const std::vector<std::string> pages{"page_num=0",
                                       "page_num=-1",
                                       "page_num=abc",
                                       "page_num=1.0",
                                       "page_num=99999999999999999999",
                                       "page_num=1000000001",
                                       "page_num=",
                                       "page_size=0",
                                       "page_size=101",
                                       "page_size=-5",
                                       "page_size=x",
                                       "create_sort=perhaps",
                                       "create_sort="};
  const std::vector<std::string> ids{
      "branch_id=1,x", "branch_id=x",   "branch_id=1,,2", "branch_id=-1",
      "branch_id=1;2", "branch_id=1.5", "branch_id=,",    "branch_id=99999999999999999999"};
  for (const std::string list :
       {"/repo", "/robot/branch", "/repo/robot/logs", "/repo/logs", "/deliveries", "/status", "/audit"}) {
    auto bad = pages;
    if (list.ends_with("/logs")) bad.insert(bad.end(), ids.begin(), ids.end());
    if (list == "/deliveries") bad.insert(bad.end(), {"verdict=maybe", "verdict=", "verdict=Accepted"});
    if (list == "/repo" || list == "/repo/logs") bad.insert(bad.end(), {"repo_name=a,,b", "repo_name=,"});
    for (const auto& query : bad) {
      SCOPED_TRACE(list + "?" + query);
      const auto answer = api("GET", list + "?" + query);
      EXPECT_EQ(answer.status, 400) << answer.text;
      EXPECT_EQ(answer.code(), 10020);
      EXPECT_NE(answer.detail().find("parameter " + query.substr(0, query.find('='))), std::string::npos);
    }
    EXPECT_EQ(api("GET", list + "?page_num=1000000000").status, 200) << list << ": far past the end";
    EXPECT_EQ(api("GET", list + "?unknown=1").status, 200) << list << ": what nobody asks for is ignored";
    EXPECT_EQ(api("GET", list + "?page_num=1&page_num=1").status, 400) << list;
  }
}

TEST_F(BadInputTest, ListsReadABodyAsTheyReadAQueryAndRefuseABadOne) {
  const auto list = [this](const std::string& path, const std::string& body) {
    testing::Sent sent{"GET", "/cerobot/sync" + path, {}, body};
    sent.headers = {{"Authorization", std::string("Bearer ") + testing::kAdminToken},
                    {"Content-Length", std::to_string(body.size())}};
    return ask(sent);
  };
  for (const std::string path :
       {"/repo", "/robot/branch", "/repo/robot/logs", "/repo/logs", "/deliveries", "/status", "/audit"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(list(path, R"({"page_num":1,"page_size":5,"create_sort":true})").status, 200);
    EXPECT_EQ(list(path, R"({"page_size":101})").code(), 10020);
    EXPECT_EQ(list(path + "?page_size=5", R"({"page_size":101})").status, 200) << "the query comes first";
    EXPECT_EQ(list(path, "page_size=5").code(), 10020);
    EXPECT_EQ(list(path, "[]").code(), 10020);
  }
  EXPECT_EQ(list("/repo", R"({"page_num":2,"page_size":1})").data().size(), 0U);
  EXPECT_EQ(list("/repo", R"({"page_num":1,"page_size":1})").data().size(), 1U);
}

TEST_F(BadInputTest, AnUnknownRepositoryIsToldOfByEveryRouteThatNamesOne) {
  for (const auto& [method, path] : std::initializer_list<std::pair<const char*, const char*>>{
           {"PUT", "/repo/nobody?enable=1"},
           {"DELETE", "/repo/nobody"},
           {"PUT", "/repo/nobody/repo_addr?inter_token=x"},
           {"DELETE", "/repo/nobody/override"},
           {"POST", "/repo/nobody"},
           {"POST", "/repo/nobody?dry_run=1"},
           {"POST", "/nobody/branch?enable=1&internal_branch_name=a&external_branch_name=a"},
           {"GET", "/nobody/branch"},
           {"PUT", "/nobody/branch/main?enable=1"},
           {"DELETE", "/nobody/branch/main"},
           {"POST", "/nobody/branch/main"},
           {"POST", "/nobody/branch/main?dry_run=1&sync_direct=1"},
           {"GET", "/repo/nobody/logs"},
           {"GET", "/repo/logs?repo_name=robot,nobody"},
           {"GET", "/status?repo_name=nobody"}}) {
    const auto answer = api(method, path);
    EXPECT_EQ(answer.status, 200) << method << path;
    EXPECT_EQ(answer.code(), 10010) << method << path;
    EXPECT_EQ(answer.body["msg"].asString(), "未查找到仓库");
    EXPECT_NE(answer.detail().find("nobody"), std::string::npos) << answer.detail();
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(BadInputTest, S32_WhoMayOnlyReadChangesNothing) {
  for (const auto& taker : takers()) {
    for (const auto* token : {testing::kReadToken, testing::kOperateToken}) {
      const bool is_for_operators =
          taker.method == "POST" && (taker.path.find("/main") != std::string::npos ||
                                     taker.path.ends_with("/robot") || taker.path.ends_with("/replay"));
      if (is_for_operators && token == testing::kOperateToken) continue;
      const auto answer = api(taker.method, taker.path, to_text(taker.body), token);
      EXPECT_EQ(answer.status, 403) << taker.method << " " << taker.path << " " << answer.text;
      EXPECT_EQ(answer.code(), 10023);
    }
  }
  EXPECT_EQ(everything(), before);
  const auto bound = submit("POST", "/repo", takers()[0].body);
  EXPECT_EQ(bound.code(), 0) << "with the right role it would have: " << bound.text;
  EXPECT_NE(everything(), before);
}

TEST_F(BadInputTest, S28_SqlIsRefusedOrData) {
  for (const std::string sql :
       {"x'; DROP TABLE lane;--", "1;--", "1,2);--", "' OR '1'='1", "1 UNION SELECT 1", "\"x\"",
        "x'||load_extension('x')||'", "%27;DROP%20TABLE%20run--"}) {
    SCOPED_TRACE(sql);
    const auto escaped = percent_encode(sql);
    for (const std::string path : {"/repo?create_sort=", "/repo?page_num=", "/robot/branch?create_sort=",
                                   "/repo/robot/logs?branch_id=", "/repo/logs?repo_name=robot&branch_id=",
                                   "/deliveries?verdict=", "/audit?page_size="}) {
      EXPECT_EQ(api("GET", path + escaped).status, 400) << path;
    }
    for (const std::string path : {"/repo?repo_name=", "/status?repo_name=", "/deliveries?repo_name=",
                                   "/audit?repo_name=", "/repo/logs?repo_name="}) {
      EXPECT_LE(api("GET", path + escaped).data().size(), 0U) << path;
    }
    for (const auto* method : {"PUT", "DELETE", "POST"}) {
      EXPECT_NE(api(method, "/repo/" + escaped, R"({"enable":true})").code(), 0) << method;
      EXPECT_NE(api(method, "/robot/branch/" + escaped, R"({"enable":true})").code(), 0) << method;
    }
    auto body = repository_body(sql);
    EXPECT_EQ(submit("POST", "/repo", body).code(), 10020);
  }
  EXPECT_EQ(everything(), before);
  // What git takes for a name is one.
  const std::string name = "x');DROP/TABLE/lane;--";
  ASSERT_EQ(submit("POST", "/robot/branch", branch_body(name, name)).code(), 0);
  EXPECT_EQ(api("POST", "/robot/branch/" + percent_encode(name) + "?wait=0").code(), 10021);
  const auto branches = api("GET", "/robot/branch?page_size=100").data();
  EXPECT_EQ(
      std::count_if(branches.begin(), branches.end(),
                    [&](const Json::Value& row) { return row["internal_branch_name"].asString() == name; }),
      1);
  EXPECT_EQ(api("DELETE", "/robot/branch/" + percent_encode(name)).code(), 0);
}

}  // namespace
}  // namespace gitferry::api
