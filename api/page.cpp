#include "api/page.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/envelope.h"
#include "api/etag.h"

namespace gitferry::api {
namespace {

constexpr std::string_view kStartFile = "index.html";

struct MediaType {
  std::string_view ending;
  std::string_view name;
};
constexpr std::array<MediaType, 4> kMediaTypes{{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
}};

/// Everything comes from this agent, nothing is inline, nobody puts the page into a frame, and no text
/// becomes markup: names of branches and what git hosts say are shown on it. A form that the script did not
/// take would put its fields into an address, so forms go nowhere.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; trusted-types 'none'; "
    "require-trusted-types-for 'script'";

std::string_view media_type_of(std::string_view name) {
  for (const auto& [ending, type] : kMediaTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

Response file_answer(const Request& request, const PageFile& file) {
  Response response;
  response.content_type = media_type_of(file.name);
  response.body = file.bytes;
  // Kept, and asked for again each time: the names of the files stay when the program is exchanged.
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  return with_etag(request, std::move(response));
}

const PageFile* file_called(std::string_view name) {
  const auto files = page_files();
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

Response get_file(const Request& request, std::string_view name) {
  if (const auto* file = file_called(name)) return file_answer(request, *file);
  return failure(request, Error{ErrorCode::RouteUnknown, "the page has no such file", {}, {}});
}

}  // namespace

std::vector<Route> page_routes() {
  const auto start = [](const Call& call) { return get_file(call.request, kStartFile); };
  const auto asset = [](const Call& call) { return get_file(call.request, call.argument("name")); };
  return {{"GET", "/", std::nullopt, kNoBody, start, nullptr},
          {"GET", "/assets/{name}", std::nullopt, kNoBody, asset, nullptr}};
}

}  // namespace gitferry::api
