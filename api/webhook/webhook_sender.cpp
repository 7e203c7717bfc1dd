#include "api/webhook/webhook_sender.h"

#include <utility>

#include <json/value.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/http_client.h"
#include "api/json.h"
#include "api/webhook/provider.h"

namespace gitferry::api {
namespace {

bool is_zero(const std::string& id) {
  return id.find_first_not_of('0') == std::string::npos;
}

std::string last_part(const std::string& full_name) {
  return full_name.substr(full_name.rfind('/') + 1);
}

/// A random id in the form of a UUID (version 4).
std::string new_delivery_id() {
  auto bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  auto text = to_hex(bytes);
  for (const std::size_t position : {8U, 13U, 18U, 23U}) text.insert(position, "-");
  return text;
}

/// GitHub's push document; the Gitea family's has the same fields but for the flags.
Json::Value github_like(const SendRequest& request, bool with_flags) {
  Json::Value document(Json::objectValue);
  document["ref"] = request.ref;
  document["before"] = request.before;
  document["after"] = request.after;
  document["commits"] = Json::Value(Json::arrayValue);
  document["head_commit"] = Json::Value();
  auto& repository = document["repository"];
  repository["name"] = last_part(request.full_name);
  repository["full_name"] = request.full_name;
  repository["clone_url"] = request.repository_url;
  repository["html_url"] = request.repository_url;
  document["pusher"]["name"] = "gitferry";
  document["pusher"]["login"] = "gitferry";
  document["sender"]["login"] = "gitferry";
  if (with_flags) {
    document["created"] = is_zero(request.before);
    document["deleted"] = is_zero(request.after);
    document["forced"] = false;
  }
  return document;
}

Json::Value gitlab_document(const SendRequest& request) {
  const bool is_tag = request.ref.starts_with("refs/tags/");
  Json::Value document(Json::objectValue);
  document["object_kind"] = is_tag ? "tag_push" : "push";
  document["event_name"] = is_tag ? "tag_push" : "push";
  document["ref"] = request.ref;
  document["before"] = request.before;
  document["after"] = request.after;
  document["checkout_sha"] = is_zero(request.after) ? Json::Value() : Json::Value(request.after);
  document["commits"] = Json::Value(Json::arrayValue);
  document["total_commits_count"] = 0;
  document["user_username"] = "gitferry";
  auto& project = document["project"];
  project["name"] = last_part(request.full_name);
  project["path_with_namespace"] = request.full_name;
  project["git_http_url"] = request.repository_url;
  project["web_url"] = request.repository_url;
  return document;
}

ComposedDelivery compose_github(const SendRequest& request) {
  ComposedDelivery delivery;
  Json::Value document = github_like(request, true);
  if (request.event == "ping") {
    document = Json::Value(Json::objectValue);
    document["zen"] = "Keep it logically awesome.";
    document["hook_id"] = 1;
  }
  delivery.body = to_text(document);
  delivery.delivery_id = new_delivery_id();
  delivery.headers = {
      {"X-GitHub-Event", request.event},
      {"X-GitHub-Delivery", delivery.delivery_id},
      {"X-Hub-Signature-256", "sha256=" + to_hex(hmac_sha256(request.secret, delivery.body))}};
  return delivery;
}

ComposedDelivery compose_gitlab(const SendRequest& request) {
  ComposedDelivery delivery;
  delivery.body = to_text(gitlab_document(request));
  delivery.delivery_id = new_delivery_id();
  const bool is_tag = request.ref.starts_with("refs/tags/");
  delivery.headers = {{"X-Gitlab-Event", is_tag ? "Tag Push Hook" : "Push Hook"},
                      {"X-Gitlab-Event-UUID", delivery.delivery_id},
                      {"X-Gitlab-Token", std::string(request.secret.reveal())}};
  return delivery;
}

ComposedDelivery compose_gitea(const SendRequest& request) {
  ComposedDelivery delivery;
  delivery.body = to_text(github_like(request, false));
  delivery.delivery_id = new_delivery_id();
  const auto signature = to_hex(hmac_sha256(request.secret, delivery.body));
  const auto add = [&](const std::string& name) {
    delivery.headers.emplace_back("X-" + name + "-Event", request.event);
    delivery.headers.emplace_back("X-" + name + "-Delivery", delivery.delivery_id);
    delivery.headers.emplace_back("X-" + name + "-Signature", signature);
  };
  // Each of the three sends its ancestors' names too.
  if (request.provider == "forgejo") add("Forgejo");
  if (request.provider != "gogs") add("Gitea");
  add("Gogs");
  delivery.headers.emplace_back("X-GitHub-Event", request.event);
  delivery.headers.emplace_back("X-GitHub-Delivery", delivery.delivery_id);
  if (request.provider != "gogs") delivery.headers.emplace_back("X-Hub-Signature-256", "sha256=" + signature);
  return delivery;
}

}  // namespace

Result<ComposedDelivery> compose_webhook(const SendRequest& request) {
  const auto* provider = webhook::find_provider(request.provider);
  if (provider == nullptr) {
    return fail(ErrorCode::InvalidArgument,
                "send a webhook: the provider '" + request.provider + "' is not known",
                "use github, gitlab, gitea, forgejo or gogs");
  }
  if (request.scheme && webhook::find_scheme(*provider, *request.scheme) == nullptr) {
    return fail(ErrorCode::InvalidArgument,
                "send a webhook: " + request.provider + " does not have the scheme '" +
                    std::string(name_of(*request.scheme)) + "'",
                "use " + std::string(name_of(provider->schemes.front().scheme)));
  }
  if (request.event != "push" && (request.event != "ping" || request.provider != "github")) {
    return fail(ErrorCode::InvalidArgument,
                "send a webhook: the event '" + request.event + "' cannot be sent",
                "use push, or ping with github");
  }
  if (request.secret.empty()) return fail(ErrorCode::InvalidArgument, "send a webhook: the secret is empty");
  if (request.provider == "github") return compose_github(request);
  if (request.provider == "gitlab") return compose_gitlab(request);
  return compose_gitea(request);
}

Result<SentDelivery> send_webhook(const SendRequest& request) {
  const auto composed = compose_webhook(request);
  if (!composed) return fail(composed.error());
  HttpCall call;
  call.purpose = "send a webhook";
  call.base_url = request.base_url;
  call.certificate_file = request.certificate_file;
  call.method = "POST";
  call.path = "/webhooks/" + percent_encode(request.provider) + "/" + percent_encode(request.repo_name);
  call.headers = composed->headers;
  call.body = composed->body;
  call.connect_timeout = request.timeout;
  call.answer_timeout = request.timeout;
  auto reply = send(call);
  if (!reply) return fail(std::move(reply.error()));
  return SentDelivery{reply->status, std::move(reply->body), composed->delivery_id};
}

}  // namespace gitferry::api
