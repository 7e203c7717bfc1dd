#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/model/push_event.h"
#include "agent/model/webhook_source.h"
#include "api/http_message.h"

namespace gitferry::api::webhook {

/// The most that a host sends: GitHub and GitLab say 25 MiB themselves; the others are far below 8.
constexpr std::size_t kLargestBody = 25 * 1024 * 1024;
constexpr std::size_t kUsualBody = 8 * 1024 * 1024;

/// One way in which a provider's deliveries can prove themselves.
struct SchemeCheck {
  WebhookScheme scheme;
  /// Whether verify() looks at the body. If not, a bad delivery is refused before its body is read.
  bool needs_body;
  /// One secret against one delivery, over the exact bytes received, before anything is parsed. False for an
  /// empty secret. The source is that of the secret: its switches count, its other secrets do not.
  bool (*verify)(const Request&, const Secret&, const WebhookSource&, WallTime now);
};

/// One kind of git host: how its deliveries prove themselves and how they are read. Static data; all
/// functions are pure.
///
/// The route's path chooses the provider, headers never do.
struct Provider {
  std::string_view name;  ///< as WebhookKind::provider
  /// Names the event; a delivery without it did not come from such a host. Empty where the body names it.
  std::string_view event_header;
  std::string_view delivery_header;      ///< empty: it sends none
  std::size_t body_limit;                ///< bytes
  std::span<const SchemeCheck> schemes;  ///< those of its WebhookKind, in that order
  /// Only after a proof. InvalidArgument on what is malformed; never throws.
  Result<PushEvent> (*parse)(const Provider&, const Request&);
  /// Where the event's header does not tell it from another kind of host: what else must be so. Where there
  /// is no such header: whether the request has this host's mark. nullptr: nothing.
  bool (*fits)(const Request&) = nullptr;
  /// A more specific provider, whose deliveries count as this one's too. Empty: none.
  std::string_view also_from = {};
};

/// One span a family of hosts; each is defined in the file of that family, the more specific senders first.
std::span<const Provider> gitea_providers();
std::span<const Provider> gitee_providers();
std::span<const Provider> coding_providers();
std::span<const Provider> bitbucket_providers();
std::span<const Provider> gitlab_providers();
std::span<const Provider> github_providers();
std::span<const Provider> azure_providers();
std::span<const Provider> gerrit_providers();
std::span<const Provider> standard_providers();

/// nullptr where there is none of that name.
const Provider* find_provider(std::string_view name);

/// Whether the headers fit `provider`: its event header is there once, and no header marks a more specific
/// sender, as Gitea's do among the GitHub names that it sends too. A provider without such a header takes
/// nothing that bears the mark of any other. A check besides the proof, never instead of it.
bool came_from(const Provider& provider, const Request& request);

/// Whose marks the headers bear, the most specific sender first; nullptr where they bear none. For telling
/// people what they mixed up, never for deciding.
const Provider* likely_sender(const Request& request);

/// Bitbucket Data Center's test of a connection without any proof. Whether it signs that is not documented: a
/// signed one is verified like all else, this one gets the answer of an ignored delivery, whatever the name
/// in the path, and leaves no trace.
bool is_unsigned_ping(const Provider& provider, const Request& request);

/// The check of a scheme; nullptr where the provider does not have it.
const SchemeCheck* find_scheme(const Provider& provider, WebhookScheme scheme);

/// Whether `request` proves that it comes from `source`: any of its secrets that are in force now. All of
/// them are tried, whatever the first ones give. False where the source is another provider's. Where the
/// scheme is None: true; whoever asks has checked the sender's address.
bool proves(const Provider& provider, const WebhookSource& source, const Request& request, WallTime now);

}  // namespace gitferry::api::webhook
