#pragma once

#include "agent/model/binding.h"
#include "agent/sync/hook_matching.h"
#include "api/api_context.h"
#include "api/http_message.h"
#include "api/webhook/hook_proof.h"

namespace gitferry::api::webhook {

/// `POST /webhooks/{provider}`: the hooks of organisations, groups and whole instances. Every binding of the
/// payload's repository fires.

HookDoor organisation_door(const Provider& provider, const BindingSnapshot& bindings);
Response receive_for_organisation(ApiContext& context, HookMatching& matching, const Provider& provider,
                                  const Request& request);

}  // namespace gitferry::api::webhook
