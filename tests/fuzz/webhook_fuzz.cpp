#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/model/ref_name.h"
#include "api/webhook/provider.h"

/// The first byte chooses provider, event and content type; the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry::api;
  if (size == 0) return 0;
  constexpr std::array kNames{"github", "gitlab", "gitea", "forgejo", "gogs"};
  constexpr std::array kEvents{"push", "create", "delete", "Push Hook", "System Hook", "ping"};
  const auto choice = data[0];
  const auto* provider = webhook::find_provider(kNames[choice % kNames.size()]);
  if (provider == nullptr) return 0;
  Request request;
  request.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  request.headers.push_back(
      {std::string(provider->event_header), kEvents[(choice / kNames.size()) % kEvents.size()]});
  if (choice >= 128) request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
  request.headers.push_back({"x-gogs-signature", request.body.substr(0, 64)});
  if (provider->schemes.front().verify(request, gitferry::Secret("secret"), {}, gitferry::WallTime{}))
    std::abort();
  const auto event = provider->parse(*provider, request);
  if (!event) return 0;
  if (event->changes.empty() != !event->ignored_reason.empty()) std::abort();
  for (const auto& change : event->changes) {
    if (!gitferry::is_valid_ref(change.ref)) std::abort();
  }
  return 0;
}
