#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/json.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// The signature does not cover the body: who saw one delivery can send any other for that long. Gitee's own
/// limit is an hour.
constexpr std::chrono::minutes kTolerance{10};

/// Milliseconds since the epoch, exactly as Gitee writes them: the text is what was signed.
std::optional<WallTime> time_of(std::string_view timestamp) {
  constexpr std::size_t kDigits = 13;
  if (timestamp.size() != kDigits) return std::nullopt;
  const auto milliseconds = parse_number(timestamp);
  if (!milliseconds) return std::nullopt;
  return from_epoch_ms(*milliseconds);
}

/// The secret is a part of what is signed: wiped like the secret itself.
Secret signed_text(std::string_view timestamp, const Secret& secret) {
  std::string text;
  text.reserve(timestamp.size() + 1 + secret.reveal().size());
  text.append(timestamp).append("\n").append(secret.reveal());
  return Secret(std::move(text));
}

/// The documentation has the signature percent-encoded, the deliveries have it plain. A '+' is a '+' in both.
std::optional<std::string> signature_of(std::string_view token) {
  if (token.find('%') == std::string_view::npos) return from_base64(token);
  const auto decoded = percent_decode(token);
  if (!decoded) return std::nullopt;
  return from_base64(*decoded);
}

bool verify_sign(const Request& request, const Secret& secret, const WebhookSource& source, WallTime now) {
  const auto token = request.only("x-gitee-token");
  const auto timestamp = request.only("x-gitee-timestamp");
  if (secret.empty() || !token || !timestamp) return false;
  const auto sent_at = time_of(*timestamp);
  if (!sent_at) return false;
  const auto tolerance = source.tolerance.value_or(kTolerance);
  if (std::chrono::abs(now - *sent_at) > tolerance) return false;
  const auto expected = hmac_sha256(secret, signed_text(*timestamp, secret).reveal());
  const auto sent = signature_of(*token);
  return equal_in_constant_time(expected, sent.value_or("")) && sent.has_value();
}

/// The timestamp is sent here too, but proves nothing.
bool verify_password(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return holds_secret(request, "x-gitee-token", secret);
}

Result<RepositoryIdentity> gitee_repository(const Json::Value& document) {
  RepositoryIdentity identity;
  for (const auto* field : {"repository", "project"}) {
    const auto& repository = member(document, field);
    for (const auto* name : {"full_name", "path_with_namespace"}) {
      if (identity.full_name.empty()) identity.full_name = text_at(repository, name).value_or("");
    }
    if (identity.full_name.empty()) continue;
    add_urls(identity, repository,
             {"clone_url", "git_http_url", "ssh_url", "git_ssh_url", "git_url", "html_url"});
    return identity;
  }
  return bad_field("repository.full_name");
}

/// The body repeats the password or the signature; nothing here reads them.
Result<PushEvent> parse(const Provider& provider, const Request& request) {
  constexpr std::array<std::string_view, 4> kPushes{"Push Hook", "Tag Push Hook", "push_hooks",
                                                    "tag_push_hooks"};
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  if (request.only("x-gitee-ping") == "true") return ignored(std::move(event), "ping");
  if (std::find(kPushes.begin(), kPushes.end(), event.event) == kPushes.end()) {
    return ignored(std::move(event), "unsupported_event");
  }
  auto repository = gitee_repository(*document);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  return one_change(std::move(event), *document);
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Sign, false, &verify_sign},
                              SchemeCheck{WebhookScheme::Password, false, &verify_password}};
constexpr std::array kProviders{Provider{"gitee", "x-gitee-event", "", kUsualBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> gitee_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook
