#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/model/ref_name.h"
#include "agent/model/webhook_source.h"
#include "api/webhook/provider.h"

/// The first byte chooses provider, event and content type; the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry::api;
  if (size == 0) return 0;
  constexpr std::array kEvents{"push",        "create", "delete",    "Push Hook",
                               "System Hook", "ping",   "repo:push", "repo:refs_changed"};
  const auto kinds = gitferry::webhook_kinds();
  const std::size_t choice = data[0];
  const auto* provider = webhook::find_provider(kinds[choice % kinds.size()].provider);
  if (provider == nullptr) std::abort();
  Request request;
  request.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  request.headers.push_back(
      {std::string(provider->event_header), kEvents[(choice / kinds.size()) % kEvents.size()]});
  if (choice >= 128) request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
  for (const auto* name : {"x-gogs-signature", "x-hub-signature", "x-gitee-token", "authorization"}) {
    request.headers.push_back({name, request.body.substr(0, 64)});
  }
  request.headers.push_back({"x-gitee-timestamp", request.body.substr(0, 13)});
  for (const auto& scheme : provider->schemes) {
    if (scheme.verify(request, gitferry::Secret("never in a corpus"), {}, gitferry::WallTime{})) std::abort();
  }
  const auto event = provider->parse(*provider, request);
  if (!event) return 0;
  const bool says_nothing = event->changes.empty() && !event->is_unspecific;
  if (says_nothing != !event->ignored_reason.empty()) std::abort();
  for (const auto& change : event->changes) {
    if (!gitferry::is_valid_ref(change.ref)) std::abort();
  }
  return 0;
}
