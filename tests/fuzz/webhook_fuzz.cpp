#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/model/webhook_source.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"
#include "tests/fuzz/require.h"

namespace {

using namespace gitferry;
using fuzz::require;

/// The second byte of an input chooses one of these; new ones go to the end.
constexpr std::array kEvents{"push",          "create",          "delete",    "Push Hook",
                             "Tag Push Hook", "System Hook",     "repo:push", "repo:refs_changed",
                             "ping",          "diagnostics:ping"};

void check_event(const api::webhook::Provider& provider, const PushEvent& event) {
  require(event.provider == provider.name);
  require(is_valid_utf8(event.event) && is_valid_utf8(event.ignored_reason));
  // Either something moved, or it is said why there is nothing to do.
  const bool moved = !event.changes.empty() || event.is_unspecific;
  require(moved == event.ignored_reason.empty());
  require(event.changes.empty() || !event.is_unspecific);
  require(event.changes.size() <= api::webhook::kChangesLimit);
  for (const auto& change : event.changes) {
    require(is_valid_ref(change.ref));
    require(!change.deleted || !change.after || change.after->is_null());
  }
}

}  // namespace

/// The first byte chooses the provider, the second one the event and the content type; the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto kinds = webhook_kinds();
  const auto* provider = api::webhook::find_provider(kinds[data[0] % kinds.size()].provider);
  require(provider != nullptr);
  api::Request request;
  request.method = "POST";
  request.body = fuzz::text_of(data + 2, size - 2);
  const auto choice = data[1];
  if (!provider->event_header.empty()) {
    request.headers.push_back(
        {std::string(provider->event_header), kEvents.at((choice & 0x7FU) % kEvents.size())});
  }
  if (choice >= 128) request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
  if (const auto event = provider->parse(*provider, request)) {
    check_event(*provider, *event);
  } else {
    require(event.error().code == ErrorCode::InvalidArgument && is_valid_utf8(event.error().message));
  }
  return 0;
}
