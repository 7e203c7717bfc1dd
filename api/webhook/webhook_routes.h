#pragma once

#include <vector>

#include "api/api_context.h"
#include "api/router_table.h"

namespace gitferry::api {

/// `POST /webhooks/{provider}/{repo_name}` and `POST /webhooks/{provider}`: public, each delivery proves
/// itself.
///
/// 202 means that the delivery and its marks are on the disk. An unknown name, a binding without a secret for
/// the provider and a wrong signature get the same 401: names can be guessed, so nothing may tell them apart.
std::vector<Route> webhook_routes(ApiContext& context);

/// For HttpServerOptions::on_overload: the binding in the path, where there is one that such a webhook could
/// be for, is compared out of turn. Nobody proved anything, so it is no more than a hint. Never blocks.
void hear_of_unread_webhook(ApiContext& context, const Request& request);

}  // namespace gitferry::api
