#include <array>

#include "agent/base/crypto.h"
#include "api/json.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// More refs than any host lets one push move.
constexpr std::size_t kChangesLimit = 10'000;

/// A secret token proves the sender, not the body. A delivery that is signed too comes from a hook that was
/// set up for signatures: taking its token instead would be a downgrade.
bool verify_token(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  if (request.count("webhook-signature") > 0) return false;
  const auto token = request.only("x-gitlab-token");
  if (secret.empty() || !token || token->empty()) return false;
  return matches(secret, *token);
}

Result<RepositoryIdentity> project_of(const Json::Value& document) {
  const auto& project = member(document, "project");
  RepositoryIdentity identity;
  auto name = text_at(project, "path_with_namespace");
  if (!name || name->empty()) {
    return fail(
        ErrorCode::InvalidArgument,
        "read the payload: the field project.path_with_namespace is missing or not what it should be");
  }
  identity.full_name = std::move(*name);
  add_urls(identity, project, {"git_http_url", "git_ssh_url", "web_url", "http_url", "ssh_url"});
  return identity;
}

/// `repository_update` of a system hook: all refs of one push, without the limit that push hooks have.
Result<PushEvent> repository_update(PushEvent event, const Json::Value& document) {
  const auto& changes = member(document, "changes");
  if (!changes.isArray() || changes.size() > kChangesLimit) {
    return fail(ErrorCode::InvalidArgument, "read the payload: the field changes is not a list of at most " +
                                                std::to_string(kChangesLimit) + " changes");
  }
  for (const auto& object : changes) {
    auto change = ref_change(object);
    if (!change) return fail(std::move(change.error()));
    if (!is_test(*change)) event.changes.push_back(std::move(*change));
  }
  if (event.changes.empty()) return ignored(std::move(event), "no_changes");
  return event;
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  auto kind = event.event;
  if (kind == "System Hook") kind = text_at(*document, "event_name").value_or("");
  const bool is_push = kind == "Push Hook" || kind == "Tag Push Hook" || kind == "push" || kind == "tag_push";
  if (!is_push && kind != "repository_update") return ignored(std::move(event), "unsupported_event");
  auto project = project_of(*document);
  if (!project) return fail(std::move(project.error()));
  event.repository = std::move(*project);
  if (!is_push) return repository_update(std::move(event), *document);
  auto change = ref_change(*document);
  if (!change) return fail(std::move(change.error()));
  if (is_test(*change)) return ignored(std::move(event), "test_delivery");
  event.changes.push_back(std::move(*change));
  return event;
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Token, false, &verify_token}};
constexpr std::array kProviders{
    Provider{"gitlab", "x-gitlab-event", "x-gitlab-event-uuid", kLargestBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> gitlab_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook
