#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/model/ref_name.h"
#include "agent/model/webhook_source.h"
#include "api/webhook/provider.h"
#include "tests/fuzz/require.h"

/// The first byte chooses the provider, the second one the event and the content type; the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  using fuzz::require;
  if (size < 2) return 0;
  constexpr std::array kEvents{"push",          "create",      "delete",    "Push Hook",
                               "Tag Push Hook", "System Hook", "repo:push", "repo:refs_changed",
                               "ping"};
  const auto kinds = webhook_kinds();
  const auto* provider = api::webhook::find_provider(kinds[data[0] % kinds.size()].provider);
  if (provider == nullptr) return 0;
  api::Request request;
  request.method = "POST";
  request.body = fuzz::text_of(data + 2, size - 2);
  const auto choice = data[1];
  if (!provider->event_header.empty())
    request.headers.push_back(
        {std::string(provider->event_header), kEvents.at((choice & 0x7FU) % kEvents.size())});
  if (choice >= 128) request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
  const auto event = provider->parse(*provider, request);
  if (!event) return 0;
  require(event->provider == provider->name);
  // Either something moved, or it is said why there is nothing to do.
  const bool moved = !event->changes.empty() || event->is_unspecific;
  require(moved == event->ignored_reason.empty());
  require(event->changes.empty() || !event->is_unspecific);
  for (const auto& change : event->changes) require(is_valid_ref(change.ref));
  return 0;
}
