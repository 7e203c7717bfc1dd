#include "config/yaml_tree.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include <yaml.h>

#include "agent/base/text.h"

namespace gitferry::config {
namespace {

/// Ends the parsing; the reason is in the report already.
struct Stop : std::exception {};

Position position(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1, {}};
}

/// What libyaml says of the document, one event after the other; released before the next one.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// False where the text is no YAML; the parser knows why.
  bool read_from(yaml_parser_t& parser) { return yaml_parser_parse(&parser, &event_) == 1; }
  [[nodiscard]] const yaml_event_t& get() const { return event_; }

 private:
  yaml_event_t event_{};
};

/// Owns libyaml's parser. Reads `text`, which must outlive it.
class Parser {
 public:
  explicit Parser(std::string_view text) {
    if (yaml_parser_initialize(&parser_) != 1) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  yaml_parser_t& get() { return parser_; }

 private:
  yaml_parser_t parser_{};
};

/// Builds the tree from libyaml's events, where positions are known and nothing has been expanded yet.
class TreeBuilder {
 public:
  explicit TreeBuilder(Report& report) : report_(report) {}

  YamlNode take_root() { return std::move(root_); }
  [[nodiscard]] bool has_document() const { return has_document_; }

  void take(const yaml_event_t& event) {
    const yaml_mark_t& mark = event.start_mark;
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        return begin_document(mark);
      case YAML_ALIAS_EVENT:
        return refuse_alias(mark);
      case YAML_SCALAR_EVENT:
        return take_scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return open(YamlNode::Kind::List, mark, event.data.sequence_start.tag,
                    event.data.sequence_start.anchor);
      case YAML_MAPPING_START_EVENT:
        return open(YamlNode::Kind::Map, mark, event.data.mapping_start.tag, event.data.mapping_start.anchor);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      case YAML_NO_EVENT:
      case YAML_STREAM_START_EVENT:
      case YAML_STREAM_END_EVENT:
      case YAML_DOCUMENT_END_EVENT:
        return;
    }
  }

 private:
  void begin_document(const yaml_mark_t& mark) {
    if (std::exchange(has_document_, true)) {
      report_.add(position(mark), "a second document begins here", "keep one document a file");
      throw Stop();
    }
  }

  void refuse_alias(const yaml_mark_t& mark) {
    report_.add(position(mark), "aliases (*name) are not allowed", "write the value out here");
    if (expects_key()) throw Stop();
    YamlNode node;
    node.at = position(mark);
    attach(std::move(node));
  }

  void take_scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    refuse_anchor(event.start_mark, scalar.anchor);
    refuse_tag(event.start_mark, scalar.tag);
    std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool is_quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
    const bool is_nothing = !is_quoted && is_null(text);
    if (expects_key()) {
      if (is_nothing) refuse_key(event.start_mark);
      open_.back().key = std::move(text);
      open_.back().key_at = position(event.start_mark);
      return;
    }
    YamlNode node;
    node.at = position(event.start_mark);
    if (!is_nothing) {
      node.kind = YamlNode::Kind::Scalar;
      node.text = std::move(text);
      node.is_quoted = is_quoted;
    }
    attach(std::move(node));
  }

  /// The words of YAML's core schema for no value.
  static bool is_null(std::string_view text) {
    constexpr std::array<std::string_view, 5> words{"", "~", "null", "Null", "NULL"};
    return std::find(words.begin(), words.end(), text) != words.end();
  }

  struct Open {
    YamlNode node;
    std::optional<std::string> key;
    Position key_at;
  };

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::Map && !open_.back().key;
  }
  [[noreturn]] void refuse_key(const yaml_mark_t& mark) {
    report_.add(position(mark), "a key must be plain text");
    throw Stop();
  }
  void refuse_anchor(const yaml_mark_t& mark, const yaml_char_t* anchor) {
    if (anchor != nullptr)
      report_.add(position(mark), "anchors (&name) are not allowed", "write the value out where it is used");
  }
  void refuse_tag(const yaml_mark_t& mark, const yaml_char_t* tag) {
    if (tag != nullptr) report_.add(position(mark), "tags (!name) are not allowed", "remove the tag");
  }

  void open(YamlNode::Kind kind, const yaml_mark_t& mark, const yaml_char_t* tag, const yaml_char_t* anchor) {
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
    if (parent.node.members.size() >= kKeysLimit) {
      report_.add(parent.key_at, "more than " + std::to_string(kKeysLimit) + " keys in one mapping");
      throw Stop();
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

/// Where it was noticed is often far behind where the mistake is: where the piece begins is said, too.
void report_syntax(const yaml_parser_t& parser, Report& report) {
  std::string text = "not valid YAML";
  if (parser.problem != nullptr) text += ": " + std::string(parser.problem);
  if (parser.context != nullptr)
    text += " " + std::string(parser.context) + " that begins in line " +
            std::to_string(parser.context_mark.line + 1);
  report.add(position(parser.problem_mark), std::move(text));
}

/// Whether it is text at all: a place is more use than what a parser says of bytes that it cannot read.
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
    Parser parser(text);
    while (true) {
      Event event;
      if (!event.read_from(parser.get())) {
        report_syntax(parser.get(), report);
        return std::nullopt;
      }
      if (event.get().type == YAML_STREAM_END_EVENT) break;
      builder.take(event.get());
    }
  } catch (const Stop&) {
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
