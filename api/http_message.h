#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gitferry::api {

struct Header {
  std::string name;   ///< lower case
  std::string value;  ///< the exact bytes between the white space at both ends; nothing is decoded
};

struct Parameter {
  std::string name;
  std::string value;
};

/// A request as routes see it: validated, but nothing in it is to be trusted.
struct Request {
  std::string method;
  std::string target;                 ///< as sent
  std::vector<std::string> segments;  ///< of the path: split at '/', then each decoded once
  std::vector<Parameter> query;       ///< decoded, in order, duplicates kept
  std::vector<Header> headers;        ///< in order, duplicates kept
  std::string body;
  std::string client_address;  ///< that of api/forwarded.h: of a header only what a trusted proxy says
  std::string id;              ///< ours, for logs and the X-Request-Id of the answer

  [[nodiscard]] std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(),
                                                  [&](const Header& header) { return header.name == name; }));
  }
  /// The value of a header that is there exactly once; nullopt where it is missing or repeated.
  [[nodiscard]] std::optional<std::string_view> only(std::string_view name) const {
    std::optional<std::string_view> found;
    for (const auto& header : headers) {
      if (header.name != name) continue;
      if (found) return std::nullopt;
      found = header.value;
    }
    return found;
  }
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json";
  std::string body;
};

}  // namespace gitferry::api
