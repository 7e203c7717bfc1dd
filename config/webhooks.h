#pragma once

#include <optional>

#include "agent/model/webhook_source.h"
#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// A webhook as one mapping of the file describes it, with its secrets read, and where those came from.
struct ReadWebhook {
  WebhookSource source;
  WebhookOrigins origins;
};

/// Reads the keys that every webhook has, of a repository's side or of an organisation. nullopt where
/// something is wrong: it is in the report.
std::optional<ReadWebhook> read_webhook(const MapReader& map, const Environment& environment);

/// Reads `webhooks`, the hooks of organisations and instances, into config.bindings.hooks.
void read_hooks(const MapReader& root, const Environment& environment, Config& config);

}  // namespace gitferry::config
