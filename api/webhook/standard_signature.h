#pragma once

#include <string>

#include "agent/base/clock.h"
#include "agent/base/secret.h"
#include "agent/model/webhook_source.h"
#include "api/http_message.h"

namespace gitferry::api::webhook {

/// The symmetric signatures of Standard Webhooks 1.0.0, which GitLab's signing tokens use too: `v1` in the
/// header `webhook-signature` is the HMAC-SHA256 of id, time and raw body, joined by dots.

/// Whether the request carries such a signature, good or bad.
bool has_standard_signature(const Request& request);

/// A SchemeCheck's verify(). The secret is the text that the sender shows, with or without `whsec_`. The time
/// may be the source's tolerance away from `now`, or five minutes. The raw text of the headers is what is
/// signed: it is checked, never put into another form.
bool verify_standard_signature(const Request& request, const Secret& secret, const WebhookSource& source,
                               WallTime now);

/// The id that a verified signature covers; empty where the request has no signature.
std::string signed_id_of(const Request& request);

}  // namespace gitferry::api::webhook
