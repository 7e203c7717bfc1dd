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
  struct DurationRange {
    std::chrono::milliseconds lowest{1};
    std::chrono::milliseconds highest{std::chrono::hours{24}};
    std::chrono::milliseconds unit{1};  ///< a whole number of it
  };
  std::optional<std::chrono::milliseconds> duration(std::string_view key) const { return duration(key, {}); }
  std::optional<std::chrono::milliseconds> duration(std::string_view key, DurationRange range) const;
  /// One of `words`. A word of `planned` gets its own message.
  std::optional<std::string> choice(std::string_view key, const std::vector<std::string>& words,
                                    std::initializer_list<Remark> planned = {}) const;
  /// The items of a list; empty where it is absent or not a list.
  const std::vector<YamlNode>& list(std::string_view key) const;
  /// The items of a list of address ranges; what is none is reported.
  std::vector<AddressRange> address_ranges(std::string_view key) const;
  /// `<stem>_file` or `<stem>_env`; both is an error. Does not read it.
  std::optional<SecretSource> secret(const std::string& stem) const {
    return secret(stem + "_file", stem + "_env");
  }
  /// The same with the names of both keys.
  std::optional<SecretSource> secret(const std::string& file_key, const std::string& variable_key) const;

  /// Reports that `key` is missing. Returns whether it is there.
  bool require(std::string_view key, std::string_view example) const;
  /// Where `key` stands, or the mapping itself.
  [[nodiscard]] const Position& at(std::string_view key) const;
  [[nodiscard]] const Position& at() const { return node_.at; }
  [[nodiscard]] const std::string& where() const { return where_; }
  /// False: the constructor reported it, and nothing can be read.
  [[nodiscard]] bool is_map() const { return node_.kind == YamlNode::Kind::Map; }
  /// What people call the value of `key`: `sync.workers`.
  [[nodiscard]] std::string named(std::string_view key) const;
  void error(const Position& at, std::string message, std::string suggestion = {}) const {
    report_.add(at, std::move(message), std::move(suggestion));
  }
  void warn(const Position& at, std::string message, std::string suggestion = {}) const {
    report_.warn(at, std::move(message), std::move(suggestion));
  }
  [[nodiscard]] Report& report() const { return report_; }

 private:
  void wrong_type(std::string_view key, const YamlNode& node, std::string_view wanted) const;
  void check_keys(const Section& section) const;

  const YamlNode& node_;
  std::string where_;
  Report& report_;
};

/// A plain word or number as text; reports anything else. For items of lists.
std::optional<std::string> scalar_text(const YamlNode& node, const std::string& where, Report& report);

}  // namespace gitferry::config
