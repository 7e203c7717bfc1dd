#include "config/map_reader.h"

#include <algorithm>
#include <utility>

#include "agent/base/text.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

constexpr std::size_t kShownLength = 60;

const Remark* find_remark(std::span<const Remark> remarks, std::string_view word) {
  const auto found =
      std::find_if(remarks.begin(), remarks.end(), [&](const Remark& r) { return r.word == word; });
  return found == remarks.end() ? nullptr : &*found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& words) {
  const std::string near = nearest(word, words);
  return near.empty() ? std::string() : "did you mean '" + near + "'?";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string not_available(std::string_view what, const Remark& remark) {
  return std::string(what) + " is not available in this version: " + std::string(remark.text);
}

}  // namespace

MapReader::MapReader(const YamlNode& node, std::string where, const Section& section, Report& report)
    : node_(node), where_(std::move(where)), report_(report) {
  if (node_.kind != YamlNode::Kind::Map) {
    report_.add(node_.at, where_ + " must be a mapping of keys, not " + std::string(name_of(node_.kind)));
    return;
  }
  check_keys(section);
}

void MapReader::check_keys(const Section& section) const {
  for (const auto& member : node_.members) {
    if (std::find(section.keys.begin(), section.keys.end(), member.key) != section.keys.end()) {
      if (member.value.kind == YamlNode::Kind::Null)
        report_.add(member.at, "'" + member.key + "' has no value", "remove the key or give it a value");
      continue;
    }
    if (const auto* remark = find_remark(section.refused, member.key)) {
      report_.add(member.at, "secrets are never written into the configuration", std::string(remark->text));
    } else if (const auto* planned = find_remark(section.planned, member.key)) {
      report_.add(member.at, not_available("'" + member.key + "'", *planned), "remove the key");
    } else {
      const std::vector<std::string> known(section.keys.begin(), section.keys.end());
      const std::string suggestion = did_you_mean(member.key, known);
      report_.add(member.at,
                  "unknown key '" + shortened(member.key, kShownLength) + "'" +
                      (where_.empty() ? "" : " in " + where_),
                  suggestion.empty() ? "known are: " + joined(known) : suggestion);
    }
  }
}

std::string MapReader::named(std::string_view key) const {
  return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

const YamlNode* MapReader::find(std::string_view key) const {
  const auto* member = node_.find(key);
  return member == nullptr || member->value.kind == YamlNode::Kind::Null ? nullptr : &member->value;
}

bool MapReader::require(std::string_view key, std::string_view example) const {
  if (find(key) != nullptr) return true;
  const bool is_reported = node_.kind != YamlNode::Kind::Map || node_.find(key) != nullptr;
  if (is_reported) return false;
  report_.add(at(key), named(key) + " is missing", "for example: " + std::string(example));
  return false;
}

const Position& MapReader::at(std::string_view key) const {
  const auto* member = node_.find(key);
  if (member == nullptr) return node_.at;
  return member->value.kind == YamlNode::Kind::Null ? member->at : member->value.at;
}

void MapReader::wrong_type(std::string_view key, const YamlNode& node, std::string_view wanted) const {
  std::string got(name_of(node.kind));
  // What stands there is shown only where it is short: a long text may be a secret in the wrong place.
  if (node.kind == YamlNode::Kind::Scalar && node.text.size() <= 20) got = "'" + node.text + "'";
  report_.add(node.at, named(key) + " must be " + std::string(wanted) + ", not " + got);
}

std::optional<std::string> MapReader::text(std::string_view key) const {
  const YamlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind != YamlNode::Kind::Scalar || node->text.empty()) {
    wrong_type(key, *node, "text");
    return std::nullopt;
  }
  return node->text;
}

std::optional<bool> MapReader::flag(std::string_view key) const {
  const YamlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  const bool is_plain = node->kind == YamlNode::Kind::Scalar && !node->is_quoted;
  const auto value = is_plain ? parse_flag(node->text) : std::nullopt;
  if (!value) wrong_type(key, *node, "true or false");
  return value;
}

std::optional<int> MapReader::number(std::string_view key, Range range) const {
  const YamlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  const bool is_plain = node->kind == YamlNode::Kind::Scalar && !node->is_quoted;
  // A leading zero is octal to some YAML readers and decimal to others.
  const bool is_ambiguous = node->text.size() > 1 && node->text.front() == '0';
  const auto value = is_plain && !is_ambiguous ? parse_number(node->text) : std::nullopt;
  if (value && *value >= range.lowest && *value <= range.highest) return static_cast<int>(*value);
  const std::string lowest = std::to_string(range.lowest);
  wrong_type(key, *node,
             range.lowest == range.highest
                 ? lowest
                 : "a whole number from " + lowest + " to " + std::to_string(range.highest));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> MapReader::duration(std::string_view key,
                                                             DurationRange range) const {
  const YamlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->kind == YamlNode::Kind::Scalar ? parse_duration(node->text) : std::nullopt;
  if (value && *value >= range.lowest && *value <= range.highest && *value % range.unit == range.unit.zero())
    return value;
  std::string wanted =
      "a duration from " + duration_text(range.lowest) + " to " + duration_text(range.highest);
  const bool has_steps = range.unit > std::chrono::milliseconds{1};
  wanted += has_steps ? " in steps of " + duration_text(range.unit) : ", such as 10s, 5m or 2h";
  wrong_type(key, *node, wanted);
  return std::nullopt;
}

std::optional<std::string> MapReader::choice(std::string_view key, const std::vector<std::string>& known,
                                             std::initializer_list<Remark> planned) const {
  const YamlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind != YamlNode::Kind::Scalar) {
    wrong_type(key, *node, "one of " + joined(known));
    return std::nullopt;
  }
  if (std::find(known.begin(), known.end(), node->text) != known.end()) return node->text;
  const std::string shown = named(key) + ": " + shortened(node->text, kShownLength);
  if (const auto* remark = find_remark({planned.begin(), planned.size()}, node->text)) {
    report_.add(node->at, not_available("'" + shown + "'", *remark), "use " + joined(known));
  } else {
    const std::string suggestion = did_you_mean(node->text, known);
    report_.add(node->at, named(key) + " must be one of " + joined(known), suggestion);
  }
  return std::nullopt;
}

const std::vector<YamlNode>& MapReader::list(std::string_view key) const {
  static const std::vector<YamlNode> kEmpty;
  const YamlNode* node = find(key);
  if (node == nullptr) return kEmpty;
  if (node->kind == YamlNode::Kind::List) return node->items;
  wrong_type(key, *node, "a list");
  return kEmpty;
}

std::vector<AddressRange> MapReader::address_ranges(std::string_view key) const {
  std::vector<AddressRange> ranges;
  for (const auto& node : list(key)) {
    const auto text = scalar_text(node, "an address range", report_);
    if (!text) continue;
    if (const auto range = parse_address_range(*text))
      ranges.push_back(*range);
    else
      report_.add(node.at, named(key) + " takes address ranges", "for example: 10.0.0.0/8 or fd00::/8");
  }
  return ranges;
}

std::optional<SecretSource> MapReader::secret(const std::string& file_key,
                                              const std::string& variable_key) const {
  const auto file = text(file_key);
  const auto variable = text(variable_key);
  if (file && variable) {
    report_.add(at(variable_key), named(file_key) + " and " + variable_key + " exclude each other",
                "keep one of them");
    return std::nullopt;
  }
  if (!file && !variable) return std::nullopt;
  return SecretSource{file.value_or(""), variable.value_or("")};
}

std::optional<std::string> scalar_text(const YamlNode& node, const std::string& where, Report& report) {
  if (node.kind == YamlNode::Kind::Scalar && !node.text.empty()) return node.text;
  report.add(node.at, where + " must be text, not " + std::string(name_of(node.kind)));
  return std::nullopt;
}

}  // namespace gitferry::config
