#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/webhook_source.h"

namespace gitferry::api {

/// A test delivery as a git host would send it.
struct SendRequest {
  std::string
      base_url;  ///< of the agent, `http://127.0.0.1:8080`, with a path where a proxy puts one in front
  std::string certificate_file = {};    ///< that of HttpCall
  std::string provider;                 ///< github, gitlab, gitea, forgejo, gogs
  std::optional<WebhookScheme> scheme;  ///< unset: the first that the provider has
  std::string repo_name;
  Secret secret;
  std::string repository_url;  ///< of the repository that was pushed to
  std::string full_name;       ///< `acme/robot`
  std::string ref;             ///< full
  std::string before;          ///< hex; all zeros for a new ref
  std::string after;           ///< hex; all zeros for a deleted ref
  std::string event = "push";  ///< push, or ping (github)
  std::chrono::milliseconds timeout{10'000};
};

struct SentDelivery {
  int status = 0;
  std::string body;
  std::string delivery_id;  ///< the one that was sent
};

/// Signs and sends. Blocking: up to the timeout for each step. Errors: InvalidArgument, those of send(); any
/// answer of the agent, also a refusal, is a SentDelivery.
Result<SentDelivery> send_webhook(const SendRequest& request);

/// The body and headers that send_webhook() sends; for tests.
struct ComposedDelivery {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string delivery_id;
};
Result<ComposedDelivery> compose_webhook(const SendRequest& request);

}  // namespace gitferry::api
