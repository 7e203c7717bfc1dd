#include "api/webhook/hook_proof.h"

#include <algorithm>

#include "agent/base/crypto.h"
#include "agent/base/ip_address.h"
#include "agent/base/log.h"

namespace gitferry::api::webhook {
namespace {

constexpr std::size_t kSecurityHeaderLimit = 1024;  ///< bytes

bool is_security_header(std::string_view name) {
  return name == "authorization" || name.ends_with("-token") || name.ends_with("-timestamp") ||
         name.starts_with("webhook-") || name.find("-signature") != std::string_view::npos;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

/// Verified against when there is nothing to verify against, so that the time taken tells nothing.
const Secret& unguessable_secret() {
  static const Secret secret(random_bytes(32));
  return secret;
}

/// Chosen by the name, so that asking twice tells nothing, and by the key, so that nobody can work it out:
/// whether a refusal comes before or after the body then says nothing about the name either.
const SchemeCheck& pretended_scheme(const HookDoor& door) {
  const auto digest =
      hmac_sha256(unguessable_secret(), std::string(door.provider.name) + "/" + std::string(door.name));
  return door.provider.schemes[static_cast<unsigned char>(digest.front()) % door.provider.schemes.size()];
}

bool is_from_allowed_address(const WebhookSource& source, const Request& request) {
  if (source.allow_addresses.empty()) return source.scheme != WebhookScheme::None;
  const auto address = parse_ip_address(request.client_address);
  return address && is_in(source.allow_addresses, *address);
}

bool needs_body(const Provider& provider, const WebhookSource& source) {
  const auto* check = find_scheme(provider, source.scheme);
  return check != nullptr && check->needs_body;
}

}  // namespace

bool has_bad_security_header(const Request& request) {
  return std::any_of(request.headers.begin(), request.headers.end(), [](const Header& header) {
    return is_security_header(header.name) &&
           (header.value.size() > kSecurityHeaderLimit || has_control_character(header.value));
  });
}

std::vector<const WebhookSource*> proven_sources(const HookDoor& door, const Request& request, WallTime now) {
  std::vector<const WebhookSource*> proven;
  for (const auto* source : door.sources) {
    const bool is_proven = proves(door.provider, *source, request, now);
    if (is_from_allowed_address(*source, request) && is_proven) proven.push_back(source);
  }
  if (door.sources.empty()) pretended_scheme(door).verify(request, unguessable_secret(), {}, now);
  if (came_from(door.provider, request)) return proven;
  if (!proven.empty()) {
    const auto* sender = likely_sender(request);
    log::warn("webhook of another kind of sender",
              {{"provider", door.provider.name},
               {"looks_like", sender == nullptr ? std::string_view("none that is known") : sender->name},
               {"request_id", request.id}});
  }
  return {};
}

bool is_refused_by_head(const HookDoor& door, const Request& request, WallTime now) {
  if (is_unsigned_ping(door.provider, request)) return false;
  const bool waits_for_body =
      door.sources.empty() ? pretended_scheme(door).needs_body
                           : std::any_of(door.sources.begin(), door.sources.end(), [&](const auto* source) {
                               return needs_body(door.provider, *source);
                             });
  return !waits_for_body && proven_sources(door, request, now).empty();
}

}  // namespace gitferry::api::webhook
