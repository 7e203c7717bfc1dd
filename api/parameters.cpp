#include "api/parameters.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "api/json.h"

namespace gitferry::api {
namespace {

constexpr std::size_t kListLimit = 1000;
constexpr std::int64_t kPageSizeLimit = 100;
constexpr std::int64_t kPageNumberLimit = 1'000'000'000;

tl::unexpected<Error> bad(const char* name, const std::string& what) {
  return fail(ErrorCode::InvalidArgument, "read the parameter " + std::string(name) + ": " + what);
}

std::optional<bool> boolean_from(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue{"true", "1", "on", "yes", "t", "y"};
  constexpr std::array<std::string_view, 6> kFalse{"false", "0", "off", "no", "f", "n"};
  const auto word = to_lower(text);
  if (std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), word) != kFalse.end()) return false;
  return std::nullopt;
}

template <typename Value>
Result<Value> required(const char* name, Result<std::optional<Value>> given) {
  if (!given) return fail(std::move(given.error()));
  if (!*given) return bad(name, "it is missing");
  return std::move(**given);
}

}  // namespace

Result<Parameters> Parameters::from(const Request& request) {
  Parameters parameters;
  parameters.query_ = request.query;
  for (const auto& parameter : request.query) {
    const auto same = [&](const Parameter& other) { return other.name == parameter.name; };
    if (std::count_if(request.query.begin(), request.query.end(), same) > 1) {
      return fail(ErrorCode::InvalidArgument,
                  "read the query: the parameter '" + shortened(parameter.name, 80) + "' is given twice",
                  "give each one once");
    }
  }
  if (!request.body.empty()) {
    auto body = parse_json_object(request.body);
    if (!body) return fail(std::move(body.error()));
    parameters.body_ = std::move(*body);
  }
  return parameters;
}

Result<std::optional<std::string>> Parameters::given(const char* name, bool may_be_boolean) const {
  std::string found;
  const auto queried = std::find_if(query_.begin(), query_.end(),
                                    [&](const Parameter& parameter) { return parameter.name == name; });
  const auto& value = member(body_, name);
  if (queried != query_.end()) {
    found = queried->value;
  } else if (value.isNull()) {
    return std::nullopt;
  } else if (value.isString()) {
    found = value.asString();
  } else if (value.isBool() && may_be_boolean) {
    found = value.asBool() ? "true" : "false";
  } else if (value.isInt64()) {
    found = std::to_string(value.asInt64());
  } else {
    return bad(name, may_be_boolean ? "true or false is expected" : "a string or a whole number is expected");
  }
  if (found.find('\0') != std::string::npos || !is_valid_utf8(found))
    return bad(name, "it is not valid text");
  return found;
}

Result<std::optional<std::string>> Parameters::text(const char* name) const {
  return given(name, false);
}

Result<std::string> Parameters::required_text(const char* name) const {
  return required(name, text(name));
}

Result<std::optional<Secret>> Parameters::secret(const char* name) const {
  auto found = text(name);
  if (!found) return fail(std::move(found.error()));
  if (!*found) return std::nullopt;
  return Secret(std::move(**found));
}

Result<bool> Parameters::required_boolean(const char* name) const {
  return required(name, boolean(name));
}

Result<std::optional<bool>> Parameters::boolean(const char* name) const {
  const auto found = given(name, true);
  if (!found) return fail(found.error());
  if (!*found) return std::nullopt;
  const auto value = boolean_from(**found);
  if (!value) return bad(name, "true or false is expected");
  return value;
}

Result<std::optional<std::int64_t>> Parameters::number(const char* name, std::int64_t least,
                                                       std::int64_t most) const {
  const auto found = text(name);
  if (!found) return fail(found.error());
  if (!*found) return std::nullopt;
  const bool negative = (*found)->starts_with('-');
  auto value = parse_number(std::string_view(**found).substr(negative ? 1 : 0));
  if (!value) return bad(name, "a whole number is expected");
  if (negative) value = -*value;
  if (*value < least || *value > most) {
    return bad(name,
               "a number from " + std::to_string(least) + " to " + std::to_string(most) + " is expected");
  }
  return value;
}

Result<std::vector<std::string>> Parameters::names(const char* name) const {
  const auto found = text(name);
  if (!found) return fail(found.error());
  std::vector<std::string> names;
  if (!*found || (*found)->empty()) return names;
  for (const auto part : split(**found, ',')) {
    if (trim(part).empty() || names.size() >= kListLimit) {
      return bad(name, "up to " + std::to_string(kListLimit) + " names separated by commas are expected");
    }
    names.emplace_back(trim(part));
  }
  return names;
}

Result<std::vector<std::int64_t>> Parameters::ids(const char* name) const {
  const auto parts = names(name);
  if (!parts) return fail(parts.error());
  std::vector<std::int64_t> ids;
  for (const auto& part : *parts) {
    const auto id = parse_number(part);
    if (!id) return bad(name, "numbers separated by commas are expected, as in 1,2,3");
    ids.push_back(*id);
  }
  return ids;
}

Result<Page> Parameters::page(std::int64_t default_size) const {
  const auto number_given = number("page_num", 1, kPageNumberLimit);
  if (!number_given) return fail(number_given.error());
  const auto size_given = number("page_size", 1, kPageSizeLimit);
  if (!size_given) return fail(size_given.error());
  const auto ascending = boolean("create_sort");
  if (!ascending) return fail(ascending.error());
  return Page{number_given->value_or(1), size_given->value_or(default_size), ascending->value_or(false)};
}

}  // namespace gitferry::api
