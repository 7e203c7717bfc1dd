#include <array>

#include "api/json.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"
#include "api/webhook/standard_signature.h"

namespace gitferry::api::webhook {
namespace {

/// A secret token proves the sender, not the body. A delivery that is signed too comes from a hook that was
/// set up for signatures: taking its token instead would be a downgrade.
bool verify_gitlab_token(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return !has_standard_signature(request) && holds_secret(request, "x-gitlab-token", secret);
}

bool verify_gitcode(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return is_signed_sha256(request, "x-gitcode-signature-256", secret);
}

bool verify_gitcode_token(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return holds_secret(request, "x-gitcode-token", secret);
}

bool verify_codeup_token(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return holds_secret(request, "x-codeup-token", secret);
}

/// It sends the same token under GitLab's name.
bool verify_tencent_token(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return holds_secret(request, "x-token", secret);
}

/// Codeup and Tencent send no `project`; there the name is what the addresses end with.
Result<RepositoryIdentity> project_of(const Json::Value& document) {
  const auto& project = member(document, "project");
  RepositoryIdentity identity;
  add_urls(identity, project, {"git_http_url", "git_ssh_url", "web_url", "http_url", "ssh_url", "url"});
  add_urls(identity, member(document, "repository"), {"git_http_url", "git_ssh_url", "url", "homepage"});
  identity.full_name = text_at(project, "path_with_namespace").value_or(name_from_urls(identity));
  if (identity.full_name.empty()) return bad_field("project.path_with_namespace");
  return identity;
}

/// A system hook says in the body what it is about. Its `repository_update` has all refs of one push, without
/// the limit that push hooks have.
Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  event.signed_id = signed_id_of(request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  auto kind = event.event;
  if (kind == "System Hook") kind = text_at(*document, "event_name").value_or("");
  const bool is_push = kind == "Push Hook" || kind == "Tag Push Hook" || kind == "push" || kind == "tag_push";
  if (!is_push && kind != "repository_update") return ignored(std::move(event), "unsupported_event");
  auto project = project_of(*document);
  if (!project) return fail(std::move(project.error()));
  event.repository = std::move(*project);
  return is_push ? one_change(std::move(event), *document) : several_changes(std::move(event), *document);
}

constexpr std::array kGitlab{SchemeCheck{WebhookScheme::Token, false, &verify_gitlab_token},
                             SchemeCheck{WebhookScheme::Signing, true, &verify_standard_signature}};
constexpr std::array kGitcode{SchemeCheck{WebhookScheme::Hmac, true, &verify_gitcode},
                              SchemeCheck{WebhookScheme::Token, false, &verify_gitcode_token}};
constexpr std::array kCodeup{SchemeCheck{WebhookScheme::Token, false, &verify_codeup_token}};
constexpr std::array kTencent{SchemeCheck{WebhookScheme::Token, false, &verify_tencent_token}};

/// Codeup's event header has no `X-`. Tencent's comes beside GitLab's.
constexpr std::array kProviders{
    Provider{"gitcode", "x-gitcode-event", "x-gitcode-delivery", kUsualBody, kGitcode, &parse},
    Provider{"codeup", "codeup-event", {}, kUsualBody, kCodeup, &parse},
    Provider{"tencent", "x-event", "x-trace-id", kUsualBody, kTencent, &parse},
    Provider{"gitlab", "x-gitlab-event", "x-gitlab-event-uuid", kLargestBody, kGitlab, &parse}};

}  // namespace

std::span<const Provider> gitlab_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook
