#include <fstream>
#include <set>
#include <string>

#include <json/json.h>

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
  std::set<std::string> known{"duration"};
  for (const Section* section : all_sections()) known.emplace(section->name);
  const auto names = schema()["definitions"].getMemberNames();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), known);
}

TEST(Schema, OffersOnlyWordsThatTheLoaderTakes) {
  const Json::Value properties = schema()["definitions"]["repository"]["properties"];
  for (const char* key : {"granularity", "direction", "policy"}) {
    for (const auto& word : properties[key]["enum"]) {
      const std::string text = std::string("version: 1\nrepos:\n  - name: x\n    internal: https://a/x\n") +
                               "    external: https://b/x\n    " + key + ": " + word.asString() + "\n";
      EXPECT_TRUE(load_text(text, "f", environment_of({}))) << text;
    }
  }
}

}  // namespace
}  // namespace gitferry::config
