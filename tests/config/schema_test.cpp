#include <cctype>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <json/json.h>

#include "agent/model/webhook_source.h"
#include "config/keys.h"
#include "tests/config/support.h"

namespace gitferry::config {
namespace {

Json::Value schema() {
  std::ifstream file(std::string(GITFERRY_SOURCE_DIR) + "/config/schema.json");
  Json::Value root;
  std::string errors;
  EXPECT_TRUE(Json::parseFromStream(Json::CharReaderBuilder(), file, &root, &errors)) << errors;
  return root;
}

TEST(Schema, HasTheKeysThatTheLoaderKnows) {
  const Json::Value definitions = schema()["definitions"];
  for (const Section* section : all_sections()) {
    const Json::Value& definition = definitions[std::string(section->name)];
    const auto names = definition["properties"].getMemberNames();
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()),
              std::set<std::string>(section->keys.begin(), section->keys.end()))
        << section->name;
    EXPECT_TRUE(definition["additionalProperties"].isBool() && !definition["additionalProperties"].asBool())
        << section->name;
  }
}

TEST(Schema, DefinesNoSectionThatTheLoaderDoesNotKnow) {
  std::set<std::string> known{"duration", "policy", "deletions"};
  for (const Section* section : all_sections()) known.emplace(section->name);
  const auto names = schema()["definitions"].getMemberNames();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), known);
}

TEST(Schema, OffersOnlyWordsThatTheLoaderTakes) {
  const Json::Value definitions = schema()["definitions"];
  Json::Value properties = definitions["repository"]["properties"];
  properties["policy"] = definitions["policy"];
  properties["deletions"] = definitions["deletions"];
  for (const char* key : {"granularity", "direction", "policy", "deletions", "tags"}) {
    EXPECT_FALSE(properties[key]["enum"].empty()) << key;
    for (const auto& word : properties[key]["enum"]) {
      const std::string text = std::string("version: 1\nrepos:\n  - name: x\n    internal: https://a/x\n") +
                               "    external: https://b/x\n    " + key + ": " + word.asString() + "\n";
      EXPECT_TRUE(load_text(text, "f", environment_of({}))) << text;
    }
  }
}

std::set<std::string> words_of(const Json::Value& list) {
  std::set<std::string> words;
  for (const auto& word : list) words.insert(word.asString());
  return words;
}

TEST(Schema, KnowsTheProvidersAndSchemesOfWebhooks) {
  const Json::Value properties = schema()["definitions"]["webhook"]["properties"];
  std::set<std::string> providers;
  std::set<std::string> schemes;
  for (const auto& kind : webhook_kinds()) {
    providers.emplace(kind.provider);
    for (const auto scheme : kind.schemes) schemes.emplace(name_of(scheme));
  }
  EXPECT_EQ(words_of(properties["provider"]["enum"]), providers);
  EXPECT_EQ(words_of(properties["scheme"]["enum"]), schemes);
}

/// The variables of all scalars below `property`: `GITFERRY_SYNC_WORKERS`.
void collect_variables(const Json::Value& definitions, const Json::Value& property, const std::string& name,
                       std::set<std::string>& variables) {
  const std::string reference = property["$ref"].asString();
  const std::string definition = reference.substr(reference.rfind('/') + 1);
  if (property["type"].asString() == "array") return;
  if (reference.empty() || definition == "duration") {
    variables.insert(name);
    return;
  }
  const Json::Value properties = definitions[definition]["properties"];
  for (const auto& key : properties.getMemberNames()) {
    std::string upper = key;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    collect_variables(definitions, properties[key], name + "_" + upper, variables);
  }
}

TEST(Schema, HasNoScalarOfLogServerStorageAndSyncWithoutAVariable) {
  const Json::Value definitions = schema()["definitions"];
  std::set<std::string> variables;
  for (const char* section : {"log", "server", "storage", "sync"}) {
    std::string upper = section;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    collect_variables(definitions, definitions["root"]["properties"][section], "GITFERRY_" + upper,
                      variables);
  }
  EXPECT_GT(variables.size(), 20U);
  for (const auto& variable : variables) {
    const auto loaded = load_text("version: 1", "f", environment_of({{variable, "{}"}}));
    // Taken as it is, or refused by its name.
    const bool is_known = loaded ? loaded->overridden_by == std::vector{variable}
                                 : text_of(loaded).find("variable " + variable + ":") != std::string::npos;
    EXPECT_TRUE(is_known) << variable << "\n" << text_of(loaded);
  }
}

}  // namespace
}  // namespace gitferry::config
