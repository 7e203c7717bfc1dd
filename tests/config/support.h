#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config/loader.h"

namespace gitferry::config {

/// An environment of the test's own.
inline Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

/// Good for every scheme: base64 of 32 bytes.
constexpr const char* kHookSecret = "whsec_c2VjcmV0LW9mLWEtd2ViaG9vay1vZi10aGUtdGVzdHM=";

/// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "gitferry-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }
  [[nodiscard]] std::string write(std::string_view name, std::string_view text, ::mode_t mode = 0600) const {
    const std::string file = path(name);
    std::ofstream(file, std::ios::binary) << text;
    ::chmod(file.c_str(), mode);
    return file;
  }

 private:
  std::string path_;
};

inline std::string text_of(const Loaded& loaded) {
  std::string text;
  if (!loaded)
    for (const auto& found : loaded.error()) text += found.str() + "\n";
  return text;
}

}  // namespace gitferry::config
