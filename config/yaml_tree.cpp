#include "config/yaml_tree.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "agent/base/text.h"

namespace gitferry::config {
namespace {

/// Ends the parsing; the reason is in the report already.
struct Stop : std::exception {};

Position position(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1, {}};
}

/// Builds the tree from yaml-cpp's events, where positions are known and nothing has been expanded yet.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Report& report) : report_(report) {}

  YamlNode take_root() { return std::move(root_); }
  [[nodiscard]] bool has_document() const { return has_document_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(has_document_, true)) {
      report_.add(position(mark), "a second document begins here", "keep one document a file");
      throw Stop();
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) refuse_key(mark);
    YamlNode node;
    node.at = position(mark);
    attach(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    report_.add(position(mark), "aliases (*name) are not allowed", "write the value out here");
    if (expects_key()) throw Stop();
    YamlNode node;
    node.at = position(mark);
    attach(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) {
      open_.back().key = value;
      open_.back().key_at = position(mark);
      return;
    }
    YamlNode node;
    node.kind = YamlNode::Kind::Scalar;
    node.at = position(mark);
    node.text = value;
    node.is_quoted = tag == "!";
    attach(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::List, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::Map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    std::optional<std::string> key;
    Position key_at;
  };

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::Map && !open_.back().key;
  }
  [[noreturn]] void refuse_key(const YAML::Mark& mark) {
    report_.add(position(mark), "a key must be plain text");
    throw Stop();
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      report_.add(position(mark), "anchors (&name) are not allowed", "write the value out where it is used");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    // The parser itself gives "?" to plain values and "!" to quoted ones.
    if (!tag.empty() && tag != "?" && tag != "!")
      report_.add(position(mark), "tags (!name) are not allowed", "remove the tag");
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) refuse_key(mark);
    if (open_.size() >= kDepthLimit) {
      report_.add(position(mark), "nested deeper than " + std::to_string(kDepthLimit) + " levels");
      throw Stop();
    }
    Open frame;
    frame.node.kind = kind;
    frame.node.at = position(mark);
    open_.push_back(std::move(frame));
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::List) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    const std::string key = *std::exchange(parent.key, std::nullopt);
    if (key == "<<") {
      report_.add(parent.key_at, "merge keys (<<) are not allowed", "write the keys out here");
    } else if (const auto* first = parent.node.find(key)) {
      report_.add(parent.key_at, "duplicate key '" + shortened(key, 60) + "'",
                  "first given in line " + std::to_string(first->at.line));
    } else {
      parent.node.members.push_back({key, parent.key_at, std::move(node)});
    }
  }

  Report& report_;
  std::vector<Open> open_;
  YamlNode root_;
  bool has_document_ = false;
};

/// Whether yaml-cpp may see the bytes: it takes control characters for its own marks (0x04 is its end of
/// file).
bool is_plain_text(std::string_view text, Report& report) {
  if (text.size() > kFileLimit) {
    report.add({}, "the file is larger than 16 MiB");
    return false;
  }
  if (!is_valid_utf8(text)) {
    report.add({}, "the file is not valid UTF-8", "save it as UTF-8");
    return false;
  }
  const auto bad = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f;
  });
  if (bad == text.end()) return true;
  const auto before = text.substr(0, static_cast<std::size_t>(bad - text.begin()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;
  report.add({static_cast<int>(line), static_cast<int>(column), {}}, "a control character");
  return false;
}

}  // namespace

const YamlNode::Member* YamlNode::find(std::string_view key) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return found == members.end() ? nullptr : &*found;
}

std::string_view name_of(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::Null:
      return "nothing";
    case YamlNode::Kind::Scalar:
      return "a single value";
    case YamlNode::Kind::List:
      return "a list";
    case YamlNode::Kind::Map:
      return "a mapping";
  }
  return "nothing";
}

std::optional<YamlNode> parse_yaml(std::string_view text, Report& report) {
  if (!is_plain_text(text, report)) return std::nullopt;
  TreeBuilder builder(report);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) continue;
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    report.add(position(error.mark), "not valid YAML: " + error.msg);
    return std::nullopt;
  } catch (const std::exception& error) {
    report.add({}, std::string("not valid YAML: ") + error.what());
    return std::nullopt;
  }
  YamlNode root = builder.take_root();
  if (root.kind == YamlNode::Kind::Map) return root;
  report.add(root.at,
             builder.has_document() ? "the file must hold keys and values at the top" : "the file is empty",
             "begin with: version: 1");
  return std::nullopt;
}

}  // namespace gitferry::config
