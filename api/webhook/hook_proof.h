#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "agent/base/clock.h"
#include "agent/model/webhook_source.h"
#include "api/http_message.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {

/// Everything that one route could be proven by. Names can be guessed, so nothing here may tell a name that
/// does not exist from a wrong proof: where there is nothing to verify against, something is verified all the
/// same.
struct HookDoor {
  const Provider& provider;
  std::string_view name;                      ///< of the binding in the path; empty for organisations
  std::vector<const WebhookSource*> sources;  ///< of this provider
};

/// Whether a header that proves something is longer than any of them is, or holds control characters.
bool has_bad_security_header(const Request& request);

/// Which of the door's sources the request proves to come from, in their order. All are tried, whatever the
/// first ones give. A source that names addresses counts only from there, and none counts where the headers
/// are another host's.
std::vector<const WebhookSource*> proven_sources(const HookDoor& door, const Request& request, WallTime now);

/// Whether the head alone shows that nothing will prove the request: none of the sources needs the body. A
/// door without any pretends to have one, of a scheme that stays the same for its name.
bool is_refused_by_head(const HookDoor& door, const Request& request, WallTime now);

}  // namespace gitferry::api::webhook
