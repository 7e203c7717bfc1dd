#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/webhook_source.h"

namespace gitferry::api {

/// One ref of a push, as a payload tells of it.
struct MovedRef {
  std::string ref;     ///< full
  std::string before;  ///< hex; all zeros for a new ref
  std::string after;   ///< hex; all zeros for a deleted ref
};

/// A test delivery as a git host would send it.
struct SendRequest {
  std::string
      base_url;  ///< of the agent, `http://127.0.0.1:8080`, with a path where a proxy puts one in front
  std::string certificate_file = {};    ///< that of HttpCall
  std::string provider;                 ///< a WebhookKind's name
  std::optional<WebhookScheme> scheme;  ///< unset: the first that the provider has
  std::string repo_name;                ///< of the binding; empty: the hook of an organisation
  Secret secret;                        ///< empty for WebhookScheme::None alone
  std::string repository_url;           ///< of the repository that was pushed to
  std::string full_name;                ///< `acme/robot`
  std::string ref;                      ///< full
  std::string before;                   ///< hex; all zeros for a new ref
  std::string after;                    ///< hex; all zeros for a deleted ref
  /// push (whatever word the host has for it), or ping where it has such a test
  std::string event = "push";
  std::chrono::milliseconds timeout{10'000};
  /// More refs of the same push, where the host puts several into one delivery. GitLab does so in the events
  /// of system hooks, which is what this makes there.
  std::vector<MovedRef> further = {};
  bool as_form = false;                                ///< the body as a form, where the host can send one
  std::string username = {};                           ///< WebhookScheme::Basic; empty: `gitferry`
  std::optional<Secret> authorization = std::nullopt;  ///< what Gitea's family puts into that header
  std::optional<WallTime> sent_at = std::nullopt;      ///< for schemes that sign the time; unset: now
  /// Bytes to sign and send in the place of the JSON that the host would make.
  std::optional<std::string> document = std::nullopt;
};

struct SentDelivery {
  int status = 0;
  std::string body;
  std::string delivery_id;  ///< the one that was sent; empty where the host has none
};

/// Signs and sends. Blocking: up to the timeout for each step. Errors: InvalidArgument, those of send(); any
/// answer of the agent, also a refusal, is a SentDelivery.
Result<SentDelivery> send_webhook(const SendRequest& request);

/// The body and headers that send_webhook() sends; for tests.
struct ComposedDelivery {
  std::vector<std::pair<std::string, std::string>> headers;  ///< but for the content type
  std::string body;
  std::string delivery_id;
  std::string content_type = "application/json";
};
/// Errors: InvalidArgument where the host cannot send such a thing.
Result<ComposedDelivery> compose_webhook(const SendRequest& request);

/// `/webhooks/{provider}` and, where it is one binding's hook, its name.
std::string webhook_path(const SendRequest& request);

}  // namespace gitferry::api
