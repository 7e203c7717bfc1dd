#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <json/value.h>
#include <yaml-cpp/yaml.h>

#include "agent/base/text.h"

namespace gitferry::api::testing {

/// One operation of the OpenAPI document.
struct Operation {
  std::string method;  ///< upper case
  std::string path;
  std::string role;
  std::string id;
  YAML::Node node;
  std::vector<YAML::Node> path_parameters;
  std::vector<YAML::Node> query;  ///< resolved
  YAML::Node body;                ///< its JSON schema; undefined where none is documented
};

/// Reads an OpenAPI document, as far as ours goes.
class ApiDocument {
 public:
  explicit ApiDocument(std::string_view text) : root_(YAML::Load(std::string(text))) {}

  [[nodiscard]] std::vector<Operation> operations() const {
    std::vector<Operation> found;
    for (const auto& path : paths()) {
      for (const auto& member : path.second) {
        const auto name = member.first.as<std::string>();
        if (name == "parameters") continue;
        found.push_back(operation(path.first.as<std::string>(), name, path.second, member.second));
      }
    }
    return found;
  }

  /// The node that `$ref` names, or the node itself.
  [[nodiscard]] YAML::Node resolved(const YAML::Node& node) const {
    if (!node.IsMap() || !node["$ref"]) return node;
    const auto reference = node["$ref"].as<std::string>();
    YAML::Node found(root_);
    for (const auto part : split(std::string_view(reference).substr(2), '/')) {
      const YAML::Node parent(found);
      found.reset(parent[std::string(part)]);
    }
    return found;
  }

  /// The schema of a JSON answer; undefined where the operation documents none for the status.
  [[nodiscard]] YAML::Node answer_schema(const Operation& operation, int status) const {
    const YAML::Node& node = operation.node;
    auto answer = node["responses"][std::to_string(status)];
    if (!answer && status / 100 == 4) answer = node["responses"]["4XX"];
    if (!answer) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node found = resolved(answer);
    return found["content"]["application/json"]["schema"];
  }

  /// What is wrong with `value`, a line each with where it is.
  [[nodiscard]] std::vector<std::string> flaws(const Json::Value& value, const YAML::Node& schema,
                                               const std::string& where = "answer") const {
    std::vector<std::string> found;
    check(value, resolved(schema), where, found);
    return found;
  }

 private:
  [[nodiscard]] YAML::Node paths() const {
    const YAML::Node root = root_;
    return root["paths"];
  }

  [[nodiscard]] Operation operation(const std::string& path, const std::string& method,
                                    const YAML::Node& item, const YAML::Node& node) const {
    Operation found;
    found.method = method;
    std::transform(method.begin(), method.end(), found.method.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    found.path = path;
    found.role = node["x-role"].as<std::string>("");
    found.id = node["operationId"].as<std::string>("");
    found.node = node;
    for (const auto& list : {item["parameters"], node["parameters"]}) {
      for (const auto& entry : list) {
        const auto parameter = resolved(entry);
        const auto place = parameter["in"].as<std::string>();
        (place == "path" ? found.path_parameters : found.query).push_back(parameter);
      }
    }
    if (node["requestBody"]) {
      const YAML::Node body = resolved(node["requestBody"]);
      found.body = resolved(body["content"]["application/json"]["schema"]);
    }
    return found;
  }

  static std::string type_of(const Json::Value& value) {
    if (value.isNull()) return "null";
    if (value.isBool()) return "boolean";
    if (value.isInt64()) return "integer";
    if (value.isString()) return "string";
    return value.isArray() ? "array" : "object";
  }

  /// As a document writes it: 1, true, text, null.
  static std::string plain(const Json::Value& value) {
    if (value.isNull()) return "null";
    if (value.isBool()) return value.asBool() ? "true" : "false";
    return value.isInt64() ? std::to_string(value.asInt64()) : value.asString();
  }

  static bool is_one_of(const std::string& word, const YAML::Node& words) {
    if (words.IsScalar()) return words.Scalar() == word;
    return std::any_of(words.begin(), words.end(), [&](const YAML::Node& each) {
      return (each.IsNull() ? "null" : each.Scalar()) == word;
    });
  }

  void check(const Json::Value& value, const YAML::Node& schema, const std::string& where,
             std::vector<std::string>& found) const {
    if (schema["anyOf"]) {
      const YAML::Node choices = schema["anyOf"];
      if (std::none_of(choices.begin(), choices.end(),
                       [&](const YAML::Node& choice) { return flaws(value, choice, where).empty(); })) {
        // The first choice is the one that is meant; the other is null.
        const auto flaws_of_first = flaws(value, choices[0], where);
        found.insert(found.end(), flaws_of_first.begin(), flaws_of_first.end());
      }
      return;
    }
    if (schema["type"] && !is_one_of(type_of(value), schema["type"])) {
      found.push_back(where + " is of type " + type_of(value));
      return;
    }
    if (schema["enum"] && !is_one_of(plain(value), schema["enum"])) {
      found.push_back(where + " has the undocumented value " + plain(value));
    }
    if (schema["const"] && plain(value) != schema["const"].Scalar()) {
      found.push_back(where + " is not " + schema["const"].Scalar());
    }
    if (value.isObject()) check_object(value, schema, where, found);
    if (!value.isArray() || !schema["items"]) return;
    for (Json::ArrayIndex i = 0; i < value.size(); ++i) {
      check(value[i], resolved(schema["items"]), where + "[" + std::to_string(i) + "]", found);
    }
  }

  void check_object(const Json::Value& value, const YAML::Node& schema, const std::string& where,
                    std::vector<std::string>& found) const {
    const bool is_closed = schema["additionalProperties"] && !schema["additionalProperties"].as<bool>();
    const YAML::Node properties = schema["properties"];
    for (const auto& name : value.getMemberNames()) {
      if (properties && properties[name]) {
        check(value[name], resolved(properties[name]), where + "." + name, found);
      } else if (is_closed) {
        found.push_back(where + "." + name + " is not documented");
      }
    }
    for (const auto& name : schema["required"]) {
      if (!value.isMember(name.Scalar())) found.push_back(where + "." + name.Scalar() + " is missing");
    }
  }

  YAML::Node root_;
};

}  // namespace gitferry::api::testing
