#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "config/keys.h"
#include "tests/config/support.h"

// What is shown to people must be true: the examples load as they are. What documents show is in tests/docs.

namespace gitferry::config {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Every variable that is not one of the overrides is a secret that is set.
Environment all_secrets() {
  return [](const std::string& name) -> std::optional<std::string> {
    const bool is_override = name.starts_with("GITFERRY_S") || name.starts_with("GITFERRY_L") ||
                             name == "SYNC_DIR" || name == "LOG_DETAIL" || name == "DELETE_SYNC_DIR";
    if (is_override) return std::nullopt;
    return kHookSecret;
  };
}

const std::filesystem::path kRoot = GITFERRY_SOURCE_DIR;

/// The text with files of the test's own in the place of those in /etc/gitferry.
std::string with_files(std::string yaml, const TempDir& dir) {
  const std::string there = "/etc/gitferry/";
  for (auto at = yaml.find(there); at != std::string::npos; at = yaml.find(there, at)) {
    const auto name_end = yaml.find_first_of(",}\n ", at);
    const std::filesystem::path name = yaml.substr(at, name_end - at);
    yaml.replace(at, name_end - at, dir.write(name.filename().string(), kHookSecret));
  }
  return yaml;
}

TEST(Examples, EachIsAValidConfiguration) {
  const TempDir dir;
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "examples")) {
    const bool is_ours = entry.path().parent_path() == kRoot / "examples"
                             ? entry.path().extension() == ".yaml"
                             : entry.path().filename() == "gitferry.yaml";
    if (!is_ours) continue;
    ++count;
    const auto text = with_files(content_of(entry.path()), dir);
    const auto loaded = load_text(text, entry.path().string(), all_secrets());
    ASSERT_TRUE(loaded) << text_of(loaded);
    EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front().str();
  }
  EXPECT_GE(count, 3);
}

TEST(Examples, GitferryYamlShowsEverySetting) {
  const std::string text = content_of(kRoot / "examples/gitferry.yaml");
  for (const Section* section : all_sections()) {
    for (const auto key : section->keys) {
      // Of a secret one of the two sources is shown.
      const std::string name(key);
      const std::string stem = name.substr(0, name.rfind('_'));
      const bool is_secret = name.ends_with("_env") || name == "token_file" || name == "secret_file" ||
                             name == "password_file" || name == "authorization_file";
      const bool is_shown = text.find(name + ":") != std::string::npos ||
                            (is_secret && (text.find(stem + "_env:") != std::string::npos ||
                                           text.find(stem + "_file:") != std::string::npos));
      EXPECT_TRUE(is_shown) << section->name << "." << name;
    }
  }
}

}  // namespace
}  // namespace gitferry::config
