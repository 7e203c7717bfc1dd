#include "api/parameters.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "api/json.h"

namespace gitferry::api {
namespace {

constexpr std::int64_t kPageSizeDefault = 10;
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

}  // namespace

Result<Parameters> Parameters::from(const Request& request) {
  Parameters parameters;
  parameters.query_ = request.query;
  for (const auto& parameter : request.query) {
    const auto same = [&](const Parameter& other) { return other.name == parameter.name; };
    if (std::count_if(request.query.begin(), request.query.end(), same) > 1) {
      return fail(ErrorCode::InvalidArgument, "read the query: a parameter is given twice",
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

Result<std::optional<std::string>> Parameters::text(const char* name) const {
  for (const auto& parameter : query_) {
    if (parameter.name == name) return parameter.value;
  }
  const auto& value = member(body_, name);
  if (value.isNull()) return std::nullopt;
  std::string found;
  if (value.isString()) {
    found = value.asString();
  } else if (value.isBool()) {
    found = value.asBool() ? "true" : "false";
  } else if (value.isInt64()) {
    found = std::to_string(value.asInt64());
  } else {
    return bad(name, "a string, a number or a boolean is expected");
  }
  if (found.find('\0') != std::string::npos || !is_valid_utf8(found))
    return bad(name, "it is not valid text");
  return found;
}

Result<std::optional<bool>> Parameters::boolean(const char* name) const {
  const auto given = text(name);
  if (!given) return fail(given.error());
  if (!*given) return std::nullopt;
  const auto value = boolean_from(**given);
  if (!value) return bad(name, "true or false is expected");
  return value;
}

Result<std::optional<std::int64_t>> Parameters::number(const char* name, std::int64_t least,
                                                       std::int64_t most) const {
  const auto given = text(name);
  if (!given) return fail(given.error());
  if (!*given) return std::nullopt;
  const bool negative = (*given)->starts_with('-');
  auto value = parse_number(std::string_view(**given).substr(negative ? 1 : 0));
  if (!value) return bad(name, "a whole number is expected");
  if (negative) value = -*value;
  if (*value < least || *value > most) {
    return bad(name,
               "a number from " + std::to_string(least) + " to " + std::to_string(most) + " is expected");
  }
  return value;
}

Result<Page> Parameters::page() const {
  const auto number_given = number("page_num", 1, kPageNumberLimit);
  if (!number_given) return fail(number_given.error());
  const auto size_given = number("page_size", 1, kPageSizeLimit);
  if (!size_given) return fail(size_given.error());
  const auto ascending = boolean("create_sort");
  if (!ascending) return fail(ascending.error());
  return Page{number_given->value_or(1), size_given->value_or(kPageSizeDefault), ascending->value_or(false)};
}

}  // namespace gitferry::api
