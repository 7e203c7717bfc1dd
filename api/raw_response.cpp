#include "api/raw_response.h"

#include <algorithm>

namespace gitferry::api {
namespace {

const char* reason_phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Refused";
  }
}

}  // namespace

void add_common_headers(Response& response, const std::string& request_id) {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  const auto is_said = std::any_of(response.headers.begin(), response.headers.end(),
                                   [](const auto& header) { return header.first == "Cache-Control"; });
  if (!is_said) response.headers.emplace_back("Cache-Control", "no-store");
  if (!request_id.empty()) response.headers.emplace_back("X-Request-Id", request_id);
}

std::string raw_response(const Response& response, bool with_body) {
  std::string text =
      "HTTP/1.1 " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  text += "Content-Type: " + response.content_type +
          "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\nConnection: close\r\n\r\n";
  if (with_body) text += response.body;
  return text;
}

}  // namespace gitferry::api
