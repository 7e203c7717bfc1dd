#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/push_event.h"
#include "api/http_message.h"

namespace gitferry::api::webhook {

/// One kind of git host: how its deliveries prove themselves and how they are read. Static data; all
/// functions are pure.
///
/// The route's path chooses the provider, headers never do.
struct Provider {
  std::string_view name;
  std::string_view scheme;  ///< hmac or token, as WebhookSource::scheme
  /// Names the event; a delivery without it did not come from such a host.
  std::string_view event_header;
  std::string_view delivery_header;
  /// Whether verify() looks at the body. If not, a bad delivery is refused before its body is read.
  bool needs_body;
  /// Over the exact bytes received, before anything is parsed. False for an empty secret.
  bool (*verify)(const Provider&, const Request&, const Secret&);
  /// Only after verify(). InvalidArgument on what is malformed; never throws.
  Result<PushEvent> (*parse)(const Provider&, const Request&);
};

std::span<const Provider> github_providers();
std::span<const Provider> gitlab_providers();
std::span<const Provider> gitea_providers();

/// nullptr where there is none of that name.
const Provider* find_provider(std::string_view name);

/// Whether the headers fit `provider`: its event header is there, and no header marks a more specific sender,
/// as Gitea's do among the GitHub names that it sends too. A check besides the signature, never instead of
/// it.
bool came_from(const Provider& provider, const Request& request);

}  // namespace gitferry::api::webhook
