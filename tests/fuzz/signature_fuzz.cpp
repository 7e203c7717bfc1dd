#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/base/text.h"
#include "agent/model/webhook_source.h"
#include "api/webhook/provider.h"
#include "tests/fuzz/require.h"

/// Lines of `name: value` as the headers of a delivery, then, after an empty line, its body. No provider may
/// take it as proven: nobody has the secret.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  const auto text = fuzz::text_of(data, size);
  const auto end = text.find("\n\n");
  api::Request request;
  request.method = "POST";
  if (end != std::string_view::npos) request.body = text.substr(end + 2);
  for (const auto line : split(text.substr(0, end), '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.push_back({to_lower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))});
  }
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = api::webhook::find_provider(kind.provider);
    if (provider == nullptr) continue;
    api::webhook::came_from(*provider, request);
    for (const auto scheme : kind.schemes) {
      if (scheme == WebhookScheme::None) continue;
      WebhookSource source;
      source.provider = std::string(kind.provider);
      source.scheme = scheme;
      source.allow_sha1 = true;
      source.secrets = {{Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
                        {Secret("another secret of nobody")}};
      fuzz::require(!api::webhook::proves(*provider, source, request, from_epoch_ms(1'700'000'000'000)));
    }
  }
  return 0;
}
