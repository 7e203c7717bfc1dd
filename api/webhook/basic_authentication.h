#pragma once

#include "agent/base/clock.h"
#include "agent/base/secret.h"
#include "agent/model/webhook_source.h"
#include "api/http_message.h"

namespace gitferry::api::webhook {

/// `Authorization: Basic` (RFC 7617) with `secret` as the password and, where the source names one, its user
/// name. It proves the sender, not the body.
bool verify_basic(const Request& request, const Secret& secret, const WebhookSource& source, WallTime now);

}  // namespace gitferry::api::webhook
