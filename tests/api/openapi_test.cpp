#include "api/openapi.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "agent/model/webhook_source.h"
#include "tests/api/api_document.h"
#include "tests/api/binding_fixture.h"

// The document is the contract: what it says and what the server does are compared here, both ways.

namespace gitferry::api {
namespace {

using testing::Answer;
using testing::ApiDocument;
using testing::Operation;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

/// A path of the operation, with something in the place of each variable.
std::string example_path(const Operation& operation) {
  auto path = replaced(operation.path, "{repo_name}", "probe");
  path = replaced(path, "{branch_name}", "main");
  return replaced(replaced(replaced(path, "{provider}", "github"), "{id}", "1"), "{name}", "main.js");
}

std::set<std::string> names_of(const std::vector<YAML::Node>& parameters) {
  std::set<std::string> names;
  for (const auto& parameter : parameters) names.insert(parameter["name"].Scalar());
  return names;
}

/// Every word in quotes in the sources of the API: whatever a handler may ask for is among them.
std::set<std::string> words_of_the_sources() {
  std::set<std::string> words;
  const std::regex quoted("\"([a-z][a-z_]*)\"");
  for (const auto& entry : std::filesystem::directory_iterator(std::string(GITFERRY_SOURCE_DIR) + "/api")) {
    if (entry.path().extension() != ".cpp") continue;
    const auto text = content_of(entry.path());
    for (std::sregex_iterator found(text.begin(), text.end(), quoted), end; found != end; ++found) {
      words.insert((*found)[1].str());
    }
  }
  return words;
}

/// The parameter that a refusal names; empty where it is none of a parameter.
std::string refused_parameter(const Answer& answer) {
  static const std::regex named("parameter ([a-z_]+):");
  std::smatch found;
  const auto detail = answer.detail();
  return answer.status == 400 && std::regex_search(detail, found, named) ? found[1].str() : "";
}

class OpenApiTest : public testing::BindingTest {
 protected:
  [[nodiscard]] std::vector<Operation> managed() const {
    auto operations = document.operations();
    std::erase_if(operations, [](const Operation& operation) { return operation.role == "none"; });
    return operations;
  }
  [[nodiscard]] std::map<std::string, YAML::Node> parameters_of(const Operation& operation) const {
    std::map<std::string, YAML::Node> found;
    for (const auto& parameter : operation.query) {
      found.emplace(parameter["name"].Scalar(), document.resolved(parameter["schema"]));
    }
    if (operation.body.IsMap()) {
      for (const auto& property : operation.body["properties"]) {
        found.emplace(property.first.Scalar(), document.resolved(property.second));
      }
    }
    return found;
  }
  /// Past the listener, which has tests of its own.
  [[nodiscard]] Answer ask_with(const Operation& operation, const Json::Value& body) const {
    Request request;
    request.method = operation.method;
    const auto path = example_path(operation);
    for (const auto segment : split(std::string_view(path).substr(1), '/')) {
      request.segments.emplace_back(segment);
    }
    request.headers.push_back({"authorization", std::string("Bearer ") + testing::kAdminToken});
    request.body = to_text(body);
    const auto response = RouterTable(all_routes(*context), *context).handle(request);
    return {response.status, testing::json_of(response.body), response.body};
  }
  /// A value that the schema allows, and that starts nothing to wait for.
  [[nodiscard]] static Json::Value allowed_value(const YAML::Node& schema) {
    if (schema["items"]) return allowed_value(schema["items"]);
    if (schema["enum"]) return schema["enum"][0].Scalar();
    if (schema["minimum"]) return schema["minimum"].Scalar();
    return schema["type"].Scalar() == "boolean" ? Json::Value(true) : Json::Value("1");
  }

  const ApiDocument document{openapi_document()};
};

TEST_F(OpenApiTest, TheDocumentIsServedAsItIsInTheSources) {
  const auto answer = ask({"GET", "/openapi.yaml", {}, {}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.text.find("Content-Type: application/yaml\r\n"), std::string::npos);
  EXPECT_TRUE(testing::body_of(answer.text) ==
              content_of(std::string(GITFERRY_SOURCE_DIR) + "/api/openapi.yaml"))
      << answer.text.size() << " bytes";
}

TEST_F(OpenApiTest, KnowsTheProvidersOfWebhooks) {
  const auto root = YAML::Load(std::string(openapi_document()));
  const auto words = root["components"]["parameters"]["Provider"]["schema"]["enum"];
  std::vector<std::string> documented;
  for (const auto& word : words) documented.push_back(word.Scalar());
  std::vector<std::string> known;
  for (const auto& kind : webhook_kinds()) known.emplace_back(kind.provider);
  EXPECT_EQ(documented, known);
}

TEST_F(OpenApiTest, HasTheRoutesOfTheTableWithTheirRoles) {
  std::set<std::string> documented;
  for (const auto& operation : document.operations()) {
    documented.insert(operation.method + " " + operation.path + " " + operation.role);
  }
  std::set<std::string> served;
  for (const auto& route : all_routes(*context)) {
    const auto role = route.role ? std::string(name_of(*route.role)) : "none";
    served.insert(route.method + " " + replaced(route.pattern, "...}", "}") + " " + role);
  }
  EXPECT_EQ(documented, served);
}

TEST_F(OpenApiTest, DocumentsTheVariablesOfItsPaths) {
  const std::regex variable("\\{([a-z_]+)\\}");
  for (const auto& operation : document.operations()) {
    std::set<std::string> in_path;
    for (std::sregex_iterator found(operation.path.begin(), operation.path.end(), variable), end;
         found != end; ++found) {
      in_path.insert((*found)[1].str());
    }
    EXPECT_EQ(names_of(operation.path_parameters), in_path) << operation.id;
  }
}

TEST_F(OpenApiTest, ABodyHasTheParametersOfTheQueryAndTheSecretsThatDoNotBelongThere) {
  for (const auto& operation : managed()) {
    auto in_query = names_of(operation.query);
    if (operation.method == "GET" || in_query.empty()) {
      EXPECT_FALSE(operation.body.IsMap()) << operation.id;
      continue;
    }
    std::set<std::string> in_body;
    for (const auto& property : operation.body["properties"]) {
      in_body.insert(property.first.Scalar());
      if (document.resolved(property.second)["writeOnly"]) in_query.insert(property.first.Scalar());
    }
    EXPECT_EQ(in_query, in_body) << operation.id;
  }
}

// Every word that a handler could ask for is sent with a type that no parameter takes. The handler refuses
// one after the other and so tells which it reads.
TEST_F(OpenApiTest, DocumentsTheParametersThatTheHandlersReadAndNoOther) {
  const auto words = words_of_the_sources();
  ASSERT_GT(words.size(), 50U);
  for (const auto& operation : managed()) {
    const auto documented = parameters_of(operation);
    Json::Value body(Json::objectValue);
    for (const auto& word : words) body[word] = Json::Value(Json::objectValue);
    for (const auto& [name, schema] : documented) body[name] = Json::Value(Json::objectValue);
    std::set<std::string> read;
    for (auto name = refused_parameter(ask_with(operation, body)); !name.empty();
         name = refused_parameter(ask_with(operation, body))) {
      ASSERT_TRUE(read.insert(name).second)
          << operation.id << " refuses a value of " << name << " that the document allows";
      const auto found = documented.find(name);
      body[name] = found == documented.end() ? Json::Value("1") : allowed_value(found->second);
    }
    std::set<std::string> expected;
    for (const auto& [name, schema] : documented) expected.insert(name);
    EXPECT_EQ(read, expected) << operation.id;
  }
}

TEST_F(OpenApiTest, RequiresWhatTheHandlersMiss) {
  for (const auto& operation : managed()) {
    const auto documented = parameters_of(operation);
    std::set<std::string> required;
    if (operation.body.IsMap()) {
      for (const auto& name : operation.body["required"]) required.insert(name.Scalar());
    }
    Json::Value body(Json::objectValue);
    std::set<std::string> missed;
    for (auto name = refused_parameter(ask_with(operation, body)); !name.empty();
         name = refused_parameter(ask_with(operation, body))) {
      ASSERT_TRUE(missed.insert(name).second) << operation.id << ": " << name;
      ASSERT_EQ(documented.count(name), 1U) << operation.id << ": " << name;
      body[name] = allowed_value(documented.at(name));
    }
    EXPECT_EQ(missed, required) << operation.id;
  }
}

TEST_F(OpenApiTest, LimitsAndWordsAreThoseOfTheHandlers) {
  std::size_t checked = 0;
  for (const auto& operation : managed()) {
    const auto documented = parameters_of(operation);
    for (const auto& [name, schema] : documented) {
      Json::Value body(Json::objectValue);
      for (const auto& [other, its_schema] : documented) body[other] = allowed_value(its_schema);
      const auto answer_to_value = [&](const Json::Value& value) {
        body[name] = value;
        return ask_with(operation, body);
      };
      if (schema["minimum"]) {
        ++checked;
        EXPECT_EQ(refused_parameter(answer_to_value(schema["minimum"].as<int>() - 1)), name) << operation.id;
        EXPECT_EQ(refused_parameter(answer_to_value(schema["maximum"].as<int>() + 1)), name) << operation.id;
        // As long as a sync may wait nobody waits here: it is planned for a repository that is not bound.
        EXPECT_EQ(refused_parameter(answer_to_value(schema["maximum"].as<int>())), "") << operation.id;
      }
      const YAML::Node words = schema["items"] ? schema["items"]["enum"] : schema["enum"];
      if (words) {
        ++checked;
        for (const auto& word : words) {
          EXPECT_EQ(refused_parameter(answer_to_value(word.Scalar())), "") << operation.id << word.Scalar();
        }
        const auto refused = answer_to_value("sideways");
        // A word that the domain gives a code of its own: 10007 and 10008 come after other checks.
        EXPECT_TRUE(refused_parameter(refused) == name || refused.code() / 10 == 1000 ||
                    refused.code() == 10010)
            << operation.id << ": " << refused.text;
      }
    }
  }
  EXPECT_GT(checked, 15U);
}

TEST_F(OpenApiTest, OnlyReadinessKnowsVerbose) {
  for (const auto& operation : document.operations()) {
    if (operation.method != "GET" || operation.role != "none") continue;
    const auto answer = ask({"GET", operation.path + "?verbose", {}, {}});
    EXPECT_EQ(answer.text.find("\"checks\"") != std::string::npos,
              names_of(operation.query).count("verbose") == 1)
        << operation.path;
  }
}

// ---- answers

/// A world in which every list has a row, and every row as much in it as there is.
class OpenApiAnswers : public OpenApiTest {
 protected:
  static constexpr const char* kHookSecret = "hook-secret-of-the-test";

  void SetUp() override {
    RepositoryBinding filed;
    filed.name = "filed";
    filed.internal = testing::url(testing::internal_address("filed"));
    filed.external = testing::url(testing::external_address("filed"));
    filed.internal_webhook = WebhookSource{"github", WebhookScheme::Hmac, {{Secret(kHookSecret)}}};
    filed.branches.push_back({"main", "main", true});
    filed.branches.push_back({"dev", "dev", true});
    file.repositories.emplace(filed.name, filed);
    for (const auto* name : {"twice-a", "twice-b"}) {
      RepositoryBinding twice;
      twice.name = name;
      twice.internal = testing::url(testing::internal_address("twice"));
      twice.external = testing::url(testing::external_address(name));
      twice.branches.push_back({"main", "main", true});
      file.repositories.emplace(name, twice);
    }
    auto instance = filed.internal;
    instance.path.clear();
    file.hooks.push_back(
        {"corp", WebhookSource{"github", WebhookScheme::Hmac, {{Secret(kHookSecret)}}}, instance, {}});
    OpenApiTest::SetUp();
    start_sync();
  }

  /// Asks, and compares the answer with what the document says of it.
  Answer checked(const std::string& id, const std::string& path, const Json::Value& body = {},
                 const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    const auto operations = document.operations();
    const auto operation = std::find_if(operations.begin(), operations.end(),
                                        [&](const Operation& each) { return each.id == id; });
    EXPECT_NE(operation, operations.end()) << id;
    if (operation == operations.end()) return {};
    testing::Sent sent{operation->method, path, headers, body.isNull() ? "" : to_text(body)};
    if (headers.empty())
      sent.headers.emplace_back("Authorization", std::string("Bearer ") + testing::kAdminToken);
    auto answer = ask(sent);
    const auto schema = document.answer_schema(*operation, answer.status);
    EXPECT_TRUE(schema) << id << " does not document HTTP " << answer.status;
    if (schema) {
      for (const auto& flaw : document.flaws(answer.body, schema))
        ADD_FAILURE() << id << ": " << flaw << "\n" << answer.text;
    }
    if (answer.status / 100 == 2) seen.insert(id);
    return answer;
  }

  Answer deliver(const std::string& payload, const std::string& secret = kHookSecret,
                 const std::string& repository = "/filed") {
    const auto signature = "sha256=" + to_hex(hmac_sha256(Secret(secret), payload));
    const auto body = testing::json_of(payload);
    return checked(
        repository.empty() ? "receiveOrganisationWebhook" : "receiveWebhook", "/webhooks/github" + repository,
        body, {{"X-GitHub-Event", "push"}, {"X-GitHub-Delivery", "d-1"}, {"X-Hub-Signature-256", signature}});
  }

  static Json::Value object(const std::string& name, const Json::Value& value) {
    Json::Value made(Json::objectValue);
    made[name] = value;
    return made;
  }

  std::set<std::string> seen;
};

std::string push_of(const std::string& branch) {
  return R"({"after":")" + std::string(40, 'b') + R"(","before":")" + std::string(40, 'a') +
         R"(","ref":"refs/heads/)" + branch +
         R"(","repository":{"clone_url":"https://git.corp.example/acme/filed.git","full_name":"acme/filed"}})";
}

TEST_F(OpenApiAnswers, AreAsDocumentedForEveryRoute) {
  const std::string root = "/cerobot/sync";
  auto wanted = testing::repository_body("made");
  wanted["inter_token"] = "token";
  EXPECT_EQ(checked("bindRepository", root + "/repo", wanted).code(), 0);
  EXPECT_EQ(checked("bindRepository", root + "/repo", wanted).code(), 10002);
  checked("bindBranch", root + "/made/branch", testing::branch_body("feature/x", "main"));
  checked("enableRepository", root + "/repo/filed", object("enable", false));
  checked("enableRepository", root + "/repo/filed", object("enable", true));
  checked("enableBranch", root + "/filed/branch/dev", object("enable", false));
  checked("changeAddresses", root + "/repo/filed/repo_addr",
          object("external_repo_address", testing::external_address("moved")));

  hosts.set_branches("https://git.corp.example", {{"refs/heads/main", 'b'}});
  EXPECT_EQ(checked("syncBranch", root + "/filed/branch/main").code(), 0);
  EXPECT_EQ(checked("syncBranch", root + "/filed/branch/none").code(), 10006);
  EXPECT_EQ(checked("syncRepository", root + "/repo/filed?dry_run=1").code(), 0);
  hosts.always_fail("refs/heads/main",
                    Error{ErrorCode::Diverged, "the target has other commits", "merge", {}});
  EXPECT_EQ(checked("syncRepository", root + "/repo/filed").code(), 20010);
  hosts.close_gate();
  EXPECT_EQ(checked("syncBranch", root + "/made/branch/feature%2Fx?wait=0").code(), 10021);
  hosts.open_gate();

  EXPECT_EQ(deliver(push_of("main")).status, 202);
  EXPECT_EQ(deliver(push_of("elsewhere")).status, 200);
  EXPECT_EQ(deliver(push_of("main"), "wrong").status, 401);
  EXPECT_EQ(deliver("[]").status, 400);
  EXPECT_EQ(deliver(push_of("main"), kHookSecret, "").status, 202);
  const auto both =
      deliver(R"({"after":")" + std::string(40, 'c') + R"(","before":")" + std::string(40, 'b') +
                  R"(","ref":"refs/heads/main","repository":{"full_name":"acme/twice"}})",
              kHookSecret, "");
  EXPECT_EQ(both.body["deliveries"].size(), 2U) << both.text;
  EXPECT_EQ(checked("replayDelivery", root + "/deliveries/1/replay").code(), 0);
  EXPECT_EQ(checked("replayDelivery", root + "/deliveries/99/replay").code(), 10013);
  EXPECT_EQ(checked("getDelivery", root + "/deliveries/1").code(), 0);
  EXPECT_EQ(checked("getDelivery", root + "/deliveries/99").code(), 10013);
  EXPECT_EQ(checked("getRun", root + "/runs/1").code(), 0);
  EXPECT_EQ(checked("getRun", root + "/runs/99").code(), 10013);
  EXPECT_EQ(checked("checkRepository", root + "/check", testing::repository_body("made")).code(), 0);
  EXPECT_EQ(checked("checkRepository", root + "/check", object("repo_name", "repo")).code(), 0);

  for (const auto& [id, path] : std::map<std::string, std::string>{{"listRepositories", "/repo"},
                                                                   {"listBranches", "/filed/branch"},
                                                                   {"listStatus", "/status"},
                                                                   {"listLogs", "/repo/logs"},
                                                                   {"listRepositoryLogs", "/repo/filed/logs"},
                                                                   {"listDeliveries", "/deliveries"},
                                                                   {"listAudit", "/audit"}}) {
    const auto answer = checked(id, root + path);
    EXPECT_EQ(answer.code(), 0) << answer.text;
    EXPECT_GE(answer.data().size(), 2U) << id;
    EXPECT_EQ(checked(id, root + path + "?page_num=0").status, 400);
    EXPECT_EQ(checked(id, root + path + "?page_num=1000").data().size(), 0U);
  }
  EXPECT_TRUE(checked("listStatus", root + "/status?counts=true").body.isMember("counts"));
  EXPECT_TRUE(checked("listStatus", root + "/status?runs=2").data()[0].isMember("recent_runs"));
  EXPECT_EQ(checked("listLogs", root + "/repo/logs?branch_id=999").code(), 10015);
  EXPECT_EQ(checked("listRepositories", root + "/repo", {}, {{"X-No-Token", "1"}}).status, 401);
  EXPECT_EQ(checked("listAudit", root + "/audit", {},
                    {{"Authorization", std::string("Bearer ") + testing::kReadToken}})
                .status,
            403);

  checked("resetRepository", root + "/repo/filed/override");
  checked("unbindBranch", root + "/made/branch/feature/x");
  checked("unbindRepository", root + "/repo/made");
  for (const auto& [id, path] : std::map<std::string, std::string>{
           {"getLiveness", "/livez"}, {"getHealth", "/healthz"}, {"getVersion", "/version"}}) {
    EXPECT_EQ(checked(id, path).status, 200);
  }
  EXPECT_EQ(checked("getReadiness", "/readyz?verbose").status, 200);

  EXPECT_EQ(checked("setLogLevel", root + "/log-level?level=info").data()["level"].asString(), "info");
  EXPECT_EQ(checked("getLogLevel", root + "/log-level").data()["level"].asString(), "info");
  EXPECT_EQ(checked("setLogLevel", root + "/log-level?level=loud").status, 400);
  EXPECT_EQ(checked("getCaller", root + "/whoami").data()["role"].asString(), "admin");

  const std::set<std::string> of_files{"getBadge", "getDocument", "getMetrics", "getPage",
                                       "getPageFile"};  // not JSON
  for (const auto& operation : document.operations()) {
    if (of_files.count(operation.id) > 0) continue;
    EXPECT_EQ(seen.count(operation.id), 1U) << operation.id << " was not asked for";
  }
}

TEST_F(OpenApiAnswers, TheCheckItselfFindsWhatIsWrong) {
  const auto operations = document.operations();
  const auto listing = std::find_if(operations.begin(), operations.end(),
                                    [](const Operation& each) { return each.id == "listBranches"; });
  ASSERT_NE(listing, operations.end());
  const auto schema = document.answer_schema(*listing, 200);
  const auto good = checked("listBranches", "/cerobot/sync/filed/branch").body;
  EXPECT_TRUE(document.flaws(good, schema).empty());
  auto bad = good;
  bad["data"][0]["more"] = 1;
  EXPECT_EQ(document.flaws(bad, schema), std::vector<std::string>{"answer.data[0].more is not documented"});
  bad = good;
  bad["data"][0].removeMember("reason");
  EXPECT_EQ(document.flaws(bad, schema), std::vector<std::string>{"answer.data[0].reason is missing"});
  bad = good;
  bad["data"][0]["id"] = "1";
  bad["data"][0]["origin"] = "elsewhere";
  EXPECT_EQ(document.flaws(bad, schema).size(), 2U);
}

}  // namespace
}  // namespace gitferry::api
