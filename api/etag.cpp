#include "api/etag.h"

#include <algorithm>
#include <string_view>

#include "agent/base/crypto.h"
#include "agent/base/text.h"

namespace gitferry::api {
namespace {

/// Whether a list of If-None-Match has the tag. A proxy that compresses makes tags weak, which here is no
/// difference. Tags of ours have no comma in them; one that has is another's and does not match.
bool lists(std::string_view tags, std::string_view tag) {
  const auto parts = split(tags, ',');
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    part = trim(part);
    if (part.starts_with("W/")) part.remove_prefix(2);
    return part == tag || part == "*";
  });
}

bool has_already(const Request& request, std::string_view tag) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const Header& header) {
    return header.name == "if-none-match" && lists(header.value, tag);
  });
}

}  // namespace

Response with_etag(const Request& request, Response response) {
  if (response.status != 200) return response;
  const auto tag = '"' + to_hex(sha256(response.body).substr(0, 16)) + '"';
  response.headers.emplace_back("ETag", tag);
  if (has_already(request, tag)) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

}  // namespace gitferry::api
