#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/base/text.h"
#include "agent/model/webhook_source.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"
#include "tests/fuzz/require.h"

namespace {

using namespace gitferry;
using fuzz::require;

constexpr auto kNow = std::chrono::seconds(1'700'000'000);

api::Request request_of(std::string_view text) {
  api::Request request;
  request.method = "POST";
  const auto end = text.find("\n\n");
  if (end != std::string_view::npos) request.body = text.substr(end + 2);
  for (const auto line : split(text.substr(0, end), '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.push_back({to_lower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))});
  }
  return request;
}

WebhookSource source_of(const WebhookKind& kind, WebhookScheme scheme) {
  WebhookSource source;
  source.provider = std::string(kind.provider);
  source.scheme = scheme;
  source.allow_sha1 = true;
  return source;
}

bool is_proven(const WebhookSource& source, const api::Request& request,
               std::chrono::seconds later = std::chrono::seconds(0)) {
  const auto* provider = api::webhook::find_provider(source.provider);
  return api::webhook::proves(*provider, source, request,
                              from_epoch_ms(std::chrono::milliseconds(kNow + later).count()));
}

/// The same request with something else in its body.
api::Request with_other_body(api::Request request) {
  if (api::webhook::is_form(request)) {
    // Of a form some hosts sign the payload alone.
    request.body = "payload=another";
  } else {
    request.body += 'x';
  }
  return request;
}

/// What is proven holds for this body, this time and this secret, and is said once.
void check_proof(const WebhookSource& source, const api::Request& request) {
  const auto* provider = api::webhook::find_provider(source.provider);
  if (api::webhook::find_scheme(*provider, source.scheme)->needs_body) {
    require(!is_proven(source, with_other_body(request)));
  }
  if (source.scheme == WebhookScheme::Sign || source.scheme == WebhookScheme::Signing) {
    require(!is_proven(source, request, std::chrono::hours(1)));
    require(!is_proven(source, request, -std::chrono::hours(1)));
  }
  auto twice = request;
  twice.headers.insert(twice.headers.end(), request.headers.begin(), request.headers.end());
  require(!is_proven(source, twice));
  auto anothers = source;
  anothers.secrets = {{Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, {Secret("a secret of nobody")}};
  require(!is_proven(anothers, request));
}

}  // namespace

/// Lines of `name: value` as the headers of a delivery, then, after an empty line, its body. The corpus has
/// one delivery of each provider and scheme that is signed by the secret below.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = request_of(fuzz::text_of(data, size));
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = api::webhook::find_provider(kind.provider);
    require(provider != nullptr);
    api::webhook::came_from(*provider, request);
    for (const auto scheme : kind.schemes) {
      if (scheme == WebhookScheme::None) continue;
      auto source = source_of(kind, scheme);
      source.secrets = {{Secret("older")}, {Secret("whsec_aG9vay1zZWNyZXQtb2YtdGhlLXRlc3Qtb2YtYWxs")}};
      if (is_proven(source, request)) check_proof(source, request);
    }
  }
  return 0;
}
