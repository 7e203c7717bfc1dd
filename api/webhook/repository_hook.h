#pragma once

#include <string_view>

#include "agent/model/binding.h"
#include "api/api_context.h"
#include "api/http_message.h"
#include "api/webhook/hook_proof.h"

namespace gitferry::api::webhook {

/// `POST /webhooks/{provider}/{repo_name}`: the hooks of one binding's two sides.

HookDoor repository_door(const Provider& provider, const BindingSnapshot& bindings, std::string_view name);
Response receive_for_repository(ApiContext& context, const Provider& provider, std::string_view name,
                                const Request& request);

}  // namespace gitferry::api::webhook
