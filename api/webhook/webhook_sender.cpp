#include "api/webhook/webhook_sender.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <json/value.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/http_client.h"
#include "api/json.h"
#include "api/webhook/sent_documents.h"

namespace gitferry::api {
namespace {

/// A random id in the form of a UUID (version 4).
std::string new_delivery_id() {
  auto bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  auto text = to_hex(bytes);
  for (const std::size_t position : {8U, 13U, 18U, 23U}) text.insert(position, "-");
  return text;
}

/// A delivery while it is being made.
struct Draft {
  const SendRequest& request;
  WebhookScheme scheme;
  WallTime sent_at;
  ComposedDelivery delivery;

  void add(std::string name, std::string value) {
    delivery.headers.emplace_back(std::move(name), std::move(value));
  }
  std::string new_id() {
    delivery.delivery_id = new_delivery_id();
    return delivery.delivery_id;
  }
  [[nodiscard]] bool is_ping() const { return request.event == "ping"; }
  [[nodiscard]] std::string secret() const { return std::string(request.secret.reveal()); }
  [[nodiscard]] std::string hex_mac(std::string_view message) const {
    return to_hex(hmac_sha256(request.secret, message));
  }

  /// Sets the body from the request; returns the JSON, which is something else where it was put into a form.
  template <typename Make>
  std::string set_body(const Make& make) {
    auto json = request.document ? *request.document : to_text(make(request));
    delivery.body = json;
    if (!request.as_form) return json;
    delivery.body = "payload=" + percent_encode(json);
    delivery.content_type = "application/x-www-form-urlencoded";
    return json;
  }
};

Json::Value greeting(const SendRequest&) {
  Json::Value document(Json::objectValue);
  document["zen"] = "Keep it logically awesome.";
  return document;
}

Json::Value diagnostic_test(const SendRequest&) {
  Json::Value document(Json::objectValue);
  document["test"] = true;
  return document;
}

/// `Push Hook` and `Tag Push Hook`: words that GitLab has given to many.
std::string push_hook(const SendRequest& request) {
  return is_tag(request.ref) ? "Tag Push Hook" : "Push Hook";
}

void add_basic(Draft& draft) {
  const auto user = draft.request.username.empty() ? "gitferry" : draft.request.username;
  draft.add("Authorization", "Basic " + to_base64(user + ":" + draft.secret()));
}

/// The three headers of Standard Webhooks (its specification, 1.0.0); the body is there already.
void add_standard_signature(Draft& draft, const std::string& id) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(draft.sent_at.time_since_epoch()).count();
  const auto timestamp = std::to_string(seconds);
  const auto key = standard_webhooks_key(draft.request.secret).value_or(Secret());
  const auto mac = hmac_sha256(key, id + "." + timestamp + "." + draft.delivery.body);
  draft.add("webhook-id", id);
  draft.add("webhook-timestamp", timestamp);
  draft.add("webhook-signature", "v1," + to_base64(mac));
}

void compose_github(Draft& draft) {
  draft.set_body(draft.is_ping() ? &greeting : &github_document);
  draft.add("X-GitHub-Event", draft.request.event);
  draft.add("X-GitHub-Delivery", draft.new_id());
  draft.add("X-Hub-Signature-256", "sha256=" + draft.hex_mac(draft.delivery.body));
  draft.add("X-Hub-Signature", "sha1=" + to_hex(hmac_sha1(draft.request.secret, draft.delivery.body)));
}

void compose_gitlab(Draft& draft) {
  const bool is_system = !draft.request.further.empty();
  draft.set_body(is_system ? &gitlab_system_document : &gitlab_document);
  draft.add("X-Gitlab-Event", is_system ? "System Hook" : push_hook(draft.request));
  draft.add("X-Gitlab-Event-UUID", draft.new_id());
  if (draft.scheme == WebhookScheme::Signing) {
    add_standard_signature(draft, draft.delivery.delivery_id);
  } else {
    draft.add("X-Gitlab-Token", draft.secret());
  }
}

void compose_gitcode(Draft& draft) {
  draft.set_body(&gitlab_document);
  draft.add("X-GitCode-Event", push_hook(draft.request));
  draft.add("X-GitCode-Delivery", draft.new_id());
  if (draft.scheme == WebhookScheme::Token) {
    draft.add("X-GitCode-Token", draft.secret());
  } else {
    draft.add("X-GitCode-Signature-256", "sha256=" + draft.hex_mac(draft.delivery.body));
  }
}

void compose_codeup(Draft& draft) {
  draft.set_body(&old_gitlab_document);
  draft.add("Codeup-Event", push_hook(draft.request));
  draft.add("X-Codeup-Token", draft.secret());
}

void compose_tencent(Draft& draft) {
  draft.set_body(&old_gitlab_document);
  for (const auto* name : {"X-Event", "X-Gitlab-Event"}) draft.add(name, push_hook(draft.request));
  for (const auto* name : {"X-Token", "X-Gitlab-Token"}) draft.add(name, draft.secret());
  draft.add("X-TRACE-ID", draft.new_id());
}

/// The event of Gitea's family that announces this change. A branch that went is told by `delete` alone; with
/// Gogs tags are told in no other way.
std::string gitea_event(const SendRequest& request) {
  const bool is_new = is_null_id(request.before);
  const bool is_gone = is_null_id(request.after);
  if (is_new == is_gone) return "push";
  const bool is_gogs_tag = request.provider == "gogs" && is_tag(request.ref);
  if (is_gone && (is_gogs_tag || !is_tag(request.ref))) return "delete";
  return is_gogs_tag ? "create" : "push";
}

void compose_gitea(Draft& draft) {
  const auto& provider = draft.request.provider;
  const auto event = gitea_event(draft.request);
  // Only Forgejo's own hooks give the full name in `create` and `delete`.
  const auto json = draft.set_body([&](const SendRequest& request) {
    return event == "push" ? gitea_document(request) : gitea_ref_document(request, provider != "forgejo");
  });
  const auto id = draft.new_id();
  const auto signature = draft.hex_mac(json);  // also where the body is a form
  const auto add_names_of = [&](const std::string& name) {
    draft.add("X-" + name + "-Event", event);
    draft.add("X-" + name + "-Delivery", id);
    draft.add("X-" + name + "-Signature", signature);
  };
  // Each of the three sends its ancestors' names too.
  if (provider == "forgejo") add_names_of("Forgejo");
  if (provider != "gogs") add_names_of("Gitea");
  add_names_of("Gogs");
  draft.add("X-GitHub-Event", event);
  draft.add("X-GitHub-Delivery", id);
  if (provider != "gogs") draft.add("X-Hub-Signature-256", "sha256=" + signature);
  if (draft.request.authorization) {
    draft.add("Authorization", std::string(draft.request.authorization->reveal()));
  }
}

void compose_gitee(Draft& draft) {
  const auto timestamp = std::to_string(to_epoch_ms(draft.sent_at));
  const auto sign = to_base64(hmac_sha256(draft.request.secret, timestamp + "\n" + draft.secret()));
  const bool is_signed = draft.scheme == WebhookScheme::Sign;
  draft.set_body([&](const SendRequest& request) {
    auto document = gitee_document(request);
    // The body repeats what proves it.
    document["timestamp"] = timestamp;
    document["sign"] = is_signed ? sign : "";
    document["password"] = is_signed ? "" : draft.secret();
    return document;
  });
  draft.add("X-Gitee-Event", push_hook(draft.request));
  draft.add("X-Gitee-Timestamp", timestamp);
  draft.add("X-Gitee-Token", is_signed ? sign : draft.secret());
  draft.add("X-Gitee-Ping", draft.is_ping() ? "true" : "false");
  draft.add("X-Git-Oschina-Event", push_hook(draft.request));
}

void compose_coding(Draft& draft) {
  draft.set_body(draft.is_ping() ? &greeting : &coding_document);
  draft.add("X-Coding-Event", draft.request.event);
  draft.add("X-Coding-Delivery", draft.new_id());
  draft.add("X-Coding-Signature", "sha1=" + to_hex(hmac_sha1(draft.request.secret, draft.delivery.body)));
}

void compose_bitbucket(Draft& draft) {
  draft.set_body(&bitbucket_document);
  draft.add("X-Event-Key", "repo:push");
  draft.add("X-Request-UUID", draft.new_id());
  draft.add("X-Hook-UUID", new_delivery_id());
  draft.add("X-Attempt-Number", "1");
  draft.add("X-Hub-Signature", "sha256=" + draft.hex_mac(draft.delivery.body));
}

void compose_bitbucket_server(Draft& draft) {
  draft.set_body(draft.is_ping() ? &diagnostic_test : &bitbucket_server_document);
  draft.add("X-Event-Key", draft.is_ping() ? "diagnostics:ping" : "repo:refs_changed");
  draft.add("X-Request-Id", draft.new_id());
  if (draft.scheme == WebhookScheme::Basic) {
    add_basic(draft);
  } else {
    draft.add("X-Hub-Signature", "sha256=" + draft.hex_mac(draft.delivery.body));
  }
}

void compose_azure(Draft& draft) {
  const auto id = draft.new_id();
  draft.set_body([&](const SendRequest& request) { return azure_document(request, id); });
  add_basic(draft);
}

void compose_gerrit(Draft& draft) {
  draft.set_body(&gerrit_document);
  draft.add("X-Origin-Url", draft.request.repository_url);
}

void compose_standard(Draft& draft) {
  draft.set_body(&standard_document);
  draft.delivery.delivery_id = "msg_" + to_hex(random_bytes(16));
  add_standard_signature(draft, draft.delivery.delivery_id);
}

/// What a kind of host sends.
struct Sender {
  std::string_view provider;
  void (*compose)(Draft&);
  bool has_several_refs = false;
  bool has_form = false;
  bool has_ping = false;
};

constexpr std::array kSenders{Sender{"github", &compose_github, false, true, true},
                              Sender{"gitlab", &compose_gitlab, true},
                              Sender{"gitea", &compose_gitea, false, true},
                              Sender{"forgejo", &compose_gitea, false, true},
                              Sender{"gogs", &compose_gitea, false, true},
                              Sender{"gitee", &compose_gitee, false, true, true},
                              Sender{"gitcode", &compose_gitcode},
                              Sender{"codeup", &compose_codeup},
                              Sender{"coding", &compose_coding, false, false, true},
                              Sender{"tencent", &compose_tencent},
                              Sender{"bitbucket", &compose_bitbucket, true},
                              Sender{"bitbucket-server", &compose_bitbucket_server, true, false, true},
                              Sender{"azure", &compose_azure, true},
                              Sender{"gerrit", &compose_gerrit},
                              Sender{"standard", &compose_standard, true}};

tl::unexpected<Error> cannot(const std::string& why, std::string hint) {
  return fail(ErrorCode::InvalidArgument, "send a webhook: " + why, std::move(hint));
}

template <typename Range, typename Name>
std::string listed(const Range& range, Name name) {
  std::string text;
  for (const auto& element : range) {
    const auto word = name(element);
    if (word.empty()) continue;
    text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

std::string senders_with(bool Sender::*ability) {
  return listed(kSenders,
                [&](const Sender& sender) { return sender.*ability ? sender.provider : std::string_view(); });
}

/// What the host of `sender` cannot do of what is asked for.
Status check_abilities(const Sender& sender, const SendRequest& request) {
  const auto& name = request.provider;
  if (request.event != "push" && request.event != "ping") {
    return cannot("the event '" + request.event + "' cannot be sent", "use push or ping");
  }
  if (request.event == "ping" && !sender.has_ping) {
    return cannot(name + " has no ping", "these have one: " + senders_with(&Sender::has_ping));
  }
  if (!request.further.empty() && !sender.has_several_refs) {
    return cannot(name + " sends one delivery for each ref",
                  "these put several into one: " + senders_with(&Sender::has_several_refs));
  }
  if (request.as_form && !sender.has_form) {
    return cannot(name + " does not send forms", "these can: " + senders_with(&Sender::has_form));
  }
  return {};
}

Status check_secret(WebhookScheme scheme, const Secret& secret) {
  if (scheme == WebhookScheme::None) return {};
  if (secret.empty()) return cannot("the secret is empty", {});
  if (scheme == WebhookScheme::Signing && !standard_webhooks_key(secret)) {
    return cannot("the secret is no signing key", "it is whsec_ and 24 to 64 bytes in base64");
  }
  return {};
}

}  // namespace

Result<ComposedDelivery> compose_webhook(const SendRequest& request) {
  const auto* kind = find_webhook_kind(request.provider);
  const auto* sender = std::find_if(kSenders.begin(), kSenders.end(),
                                    [&](const Sender& known) { return known.provider == request.provider; });
  if (kind == nullptr || sender == kSenders.end()) {
    return cannot("the provider '" + request.provider + "' is not known",
                  "use one of " + listed(kSenders, [](const Sender& known) { return known.provider; }));
  }
  const auto scheme = request.scheme.value_or(kind->schemes.front());
  if (std::find(kind->schemes.begin(), kind->schemes.end(), scheme) == kind->schemes.end()) {
    return cannot(request.provider + " does not have the scheme '" + std::string(name_of(scheme)) + "'",
                  "use " + listed(kind->schemes, [](WebhookScheme known) { return name_of(known); }));
  }
  if (auto able = check_abilities(*sender, request); !able) return fail(std::move(able.error()));
  if (auto checked = check_secret(scheme, request.secret); !checked) return fail(std::move(checked.error()));
  Draft draft{request, scheme, request.sent_at.value_or(SystemClock().now()), {}};
  sender->compose(draft);
  return std::move(draft.delivery);
}

std::string webhook_path(const SendRequest& request) {
  const auto path = "/webhooks/" + percent_encode(request.provider);
  return request.repo_name.empty() ? path : path + "/" + percent_encode(request.repo_name);
}

Result<SentDelivery> send_webhook(const SendRequest& request) {
  auto composed = compose_webhook(request);
  if (!composed) return fail(std::move(composed.error()));
  HttpCall call;
  call.purpose = "send a webhook";
  call.base_url = request.base_url;
  call.certificate_file = request.certificate_file;
  call.method = "POST";
  call.path = webhook_path(request);
  call.headers = std::move(composed->headers);
  call.body = std::move(composed->body);
  call.content_type = composed->content_type;
  call.connect_timeout = request.timeout;
  call.answer_timeout = request.timeout;
  auto reply = send(call);
  if (!reply) return fail(std::move(reply.error()));
  return SentDelivery{reply->status, std::move(reply->body), composed->delivery_id};
}

}  // namespace gitferry::api
