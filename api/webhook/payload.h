#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/push_event.h"
#include "api/http_message.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {

/// What the provider families share.

bool is_form(const Request& request);

/// The field `payload` of a form body, decoded once; nullopt where it is missing, repeated or broken.
std::optional<std::string> form_payload(std::string_view body);

/// The JSON document of a verified delivery, out of the form where it is one.
Result<Json::Value> document_of(const Request& request);

/// Whether `hex` is exactly the HMAC-SHA256 of `message`: 64 digits of either case, compared in constant
/// time. False for an empty secret, as all of these are.
bool is_hmac_hex(const Secret& secret, std::string_view message, std::string_view hex);
/// The same with SHA-1 and 40 digits: only where the source allows it.
bool is_hmac_sha1_hex(const Secret& secret, std::string_view message, std::string_view hex);

/// Whether `header` is there once and holds `sha256=` and the HMAC of the raw body.
bool is_signed_sha256(const Request& request, std::string_view header, const Secret& secret);
/// Whether `header` is there once and holds `sha1=` and the HMAC-SHA1 of the raw body.
bool is_signed_sha1(const Request& request, std::string_view header, const Secret& secret);
/// Whether `header` is there once and holds the secret itself; compared in constant time.
bool holds_secret(const Request& request, std::string_view header, const Secret& secret);

/// An event with its names filled in: the provider, the event's header, the delivery's id.
PushEvent event_of(const Provider& provider, const Request& request);
/// A word that came from outside, fit to be kept and shown: valid text, not long. Empty where it is not.
std::string shown_word(std::string_view word);
PushEvent ignored(PushEvent event, std::string_view reason);

/// What to say of a field that is missing or of the wrong type. `name` is ours, not what was sent.
tl::unexpected<Error> bad_field(std::string_view name);

/// Adds the strings among `names` of `object` to the URLs of the repository.
void add_urls(RepositoryIdentity& identity, const Json::Value& object,
              std::initializer_list<const char*> names);

/// `ref`, `before` and `after` of `object`; the null id means "does not exist". Errors name the field.
Result<RefChange> ref_change(const Json::Value& object);

/// The one change of a document whose fields are at the top; a test delivery is ignored.
Result<PushEvent> one_change(PushEvent event, const Json::Value& document);

/// The name of the repository by the first of its URLs that is one: lower case; empty where there is none.
std::string name_from_urls(const RepositoryIdentity& identity);

/// Whether both ids are null: what Gitea sends when a hook of an empty repository is tested.
bool is_test(const RefChange& change);

/// The full name of a ref that may be short, by `ref_type` (branch or tag).
Result<std::string> full_ref(const Json::Value& object);

/// GitHub's form of a repository, which the Gitea family has taken over.
Result<RepositoryIdentity> repository_of(const Json::Value& document);

/// The one change of a push document in GitHub's form.
Result<PushEvent> single_push(PushEvent event, const Json::Value& document);

}  // namespace gitferry::api::webhook
