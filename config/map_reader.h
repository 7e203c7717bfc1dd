#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostic.h"
#include "config/keys.h"
#include "config/yaml_tree.h"

namespace gitferry::config {

/// Reads the keys of one mapping, each as the type it must have.
///
/// The constructor reports keys that are unknown, planned, secrets or without a value. A reading call returns
/// nullopt where the key is absent, and also, with a report, where its value is wrong.
class MapReader {
 public:
  /// `where` is what people call it: `sync`, `repos[2]`.
  MapReader(const YamlNode& node, std::string where, const Section& section, Report& report);

  /// The value of `key`, or nullptr. A key without a value counts as absent; the constructor reported it.
  const YamlNode* find(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  struct Range {
    int lowest = 0;
    int highest = 0;
  };
  std::optional<int> number(std::string_view key, Range range) const;
  std::optional<std::chrono::milliseconds> duration(std::string_view key) const;
  /// One of `words`. A word of `planned` gets its own message.
  std::optional<std::string> choice(std::string_view key, std::initializer_list<std::string_view> words,
                                    std::initializer_list<Remark> planned = {}) const;
  /// The items of a list; empty where it is absent or not a list.
  const std::vector<YamlNode>& list(std::string_view key) const;
  /// `<stem>_file` or `<stem>_env`; both is an error. Does not read it.
  std::optional<SecretSource> secret(const std::string& stem) const;

  /// Reports that `key` is missing. Returns whether it is there.
  bool require(std::string_view key, std::string_view example) const;
  /// Where `key` stands, or the mapping itself.
  [[nodiscard]] const Position& at(std::string_view key) const;
  [[nodiscard]] const Position& at() const { return node_.at; }
  [[nodiscard]] const std::string& where() const { return where_; }
  void error(const Position& at, std::string message, std::string suggestion = {}) const {
    report_.add(at, std::move(message), std::move(suggestion));
  }

 private:
  void wrong_type(std::string_view key, const YamlNode& node, std::string_view wanted) const;
  void check_keys(const Section& section) const;
  std::string named(std::string_view key) const;

  const YamlNode& node_;
  std::string where_;
  Report& report_;
};

/// A plain word or number as text; reports anything else. For items of lists.
std::optional<std::string> scalar_text(const YamlNode& node, const std::string& where, Report& report);

}  // namespace gitferry::config
