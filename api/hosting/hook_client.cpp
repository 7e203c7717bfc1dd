#include "api/hosting/hook_client.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "api/json.h"

namespace gitferry::api::hosting {
namespace {

constexpr int kPages = 100;
constexpr std::size_t kHooks = 2'000;
constexpr JsonBounds kListBounds{.values = 20'000};
/// Of GitLab's deliveries: what was sent, which is large and not ours to look at.
constexpr std::array<std::string_view, 5> kUnread{"request_data", "request_headers", "response_headers",
                                                  "response_body", "payload"};

/// Texts of hosts may repeat what they were sent.
void hide(std::string& text, const Secret& secret) {
  const auto bytes = secret.reveal();
  if (bytes.empty()) return;
  for (auto at = text.find(bytes); at != std::string::npos; at = text.find(bytes, at + 3))
    text.replace(at, bytes.size(), "***");
}

tl::unexpected<Error> not_the_api(const std::string& what, std::string_view why) {
  return fail(ErrorCode::ProtocolError, fmt::format("{}: the answer is not the API's: {}", what, why),
              "check api_url in credentials, and that the webhook's provider is what the host is");
}

Secret document_text(const Json::Value& document) {
  return Secret(to_text(document));
}

}  // namespace

bool is_same_address(const std::string& left, const std::string& right) {
  const auto plain = [](const std::string& text) {
    const auto parsed = parse_remote_url(text, {Scheme::Https, Scheme::Http});
    if (!parsed) return text;
    auto path = percent_decode(parsed->url.path).value_or(parsed->url.path);
    while (path.ends_with('/')) path.pop_back();
    return parsed->url.origin() + path;
  };
  return plain(left) == plain(right);
}

HookClient::HookClient(WebClient& web, const HookDialect& dialect, HookPlace place)
    : web_(web), dialect_(dialect), place_(std::move(place)) {
  api_url_ = place_.api_url.empty() ? dialect_.api_of(place_.repository) : place_.api_url;
  hooks_path_ = place_.owner.empty() ? dialect_.hooks_path(project_of(place_.repository))
                                     : dialect_.organisation_hooks_path(place_.owner);
}

std::string HookClient::described(const std::string& what) const {
  const auto whose = place_.owner.empty() ? project_of(place_.repository) : place_.owner;
  return fmt::format("{} of '{}' through '{}'", what, whose, api_url_);
}

std::string_view HookClient::rights() const {
  return place_.owner.empty() ? dialect_.rights : dialect_.organisation_rights;
}

std::string HookClient::path_of(const HostedHook& hook) const {
  return fmt::format("{}/{}", hooks_path_, hook.id);
}

Result<std::vector<HostedHook>> HookClient::list() {
  std::vector<HostedHook> hooks;
  for (int number = 1; number <= kPages; ++number) {
    auto more = page(number);
    if (!more) return more;
    // A host that knows no pages gives the first one again.
    const bool is_new = hooks.empty() || more->empty() || more->front().id != hooks.front().id;
    const auto count = is_new ? more->size() : 0;
    if (is_new) std::move(more->begin(), more->end(), std::back_inserter(hooks));
    if (count == 0 || dialect_.page_size_key.empty()) return hooks;
    if (hooks.size() > kHooks) break;
  }
  return fail(ErrorCode::LimitExceeded, described("list the webhooks") + ": there are too many",
              "remove those that nobody needs");
}

Result<std::vector<HostedHook>> HookClient::page(int number) {
  auto path = hooks_path_;
  if (!dialect_.page_size_key.empty())
    path += fmt::format("?{}={}&page={}", dialect_.page_size_key, dialect_.page_size, number);
  const auto body = call({"list the webhooks", "GET", std::move(path)}, {});
  if (!body) return fail(body.error());
  const auto items = parse_json_array(*body, kListBounds);
  if (!items) return not_the_api(described("list the webhooks"), items.error().message);
  std::vector<HostedHook> hooks;
  hooks.reserve(items->size());
  for (const auto& item : *items) {
    const auto id = number_in(member(item, "id"));
    if (id <= 0) return not_the_api(described("list the webhooks"), "a webhook has no id");
    hooks.push_back({id, dialect_.url_of(item), item});
  }
  return hooks;
}

Status HookClient::create(const WantedHook& wanted) {
  const auto made =
      call({"create a webhook", "POST", hooks_path_, dialect_.document_of(wanted, {})}, wanted.secret);
  if (!made) return fail(made.error());
  return {};
}

Status HookClient::change(const HostedHook& hook, const WantedHook& wanted) {
  const auto changed = call({fmt::format("change webhook {}", hook.id), std::string(dialect_.change_method),
                             path_of(hook), dialect_.document_of(wanted, hook.document)},
                            wanted.secret);
  if (!changed) return fail(changed.error());
  return {};
}

Status HookClient::revive(const HostedHook& hook) {
  const auto tested = call({fmt::format("have webhook {} send a test", hook.id), "POST",
                            path_of(hook) + std::string(dialect_.revival_path)},
                           {});
  if (!tested) return fail(tested.error());
  return {};
}

Status HookClient::remove(const HostedHook& hook) {
  const auto removed = call({fmt::format("remove webhook {}", hook.id), "DELETE", path_of(hook)}, {});
  if (!removed) return fail(removed.error());
  return {};
}

Result<std::optional<HostDelivery>> HookClient::last_delivery(const HostedHook& hook) {
  std::optional<HostDelivery> told;
  if (dialect_.last_delivery_in != nullptr) told = dialect_.last_delivery_in(hook.document);
  if (dialect_.deliveries_path.empty()) return told;
  const auto what = fmt::format("read the deliveries of webhook {}", hook.id);
  const auto body = call({what, "GET", path_of(hook) + std::string(dialect_.deliveries_path)}, {});
  if (!body) {
    // An instance may be older than that part of the API, and a token may be kept from it.
    const auto code = body.error().code;
    if (code == ErrorCode::RepositoryMissing || code == ErrorCode::AccessDenied) return told;
    return fail(body.error());
  }
  const auto items = parse_json_array(*body, {.values = kListBounds.values, .skipped = kUnread});
  if (!items) return not_the_api(described(what), items.error().message);
  return items->empty() ? told : dialect_.delivery_of((*items)[0U]);
}

Result<std::string> HookClient::call(const Call& asked, const Secret& secret) {
  WebRequest request;
  request.what = described(asked.what);
  request.method = asked.method;
  request.url = api_url_ + asked.path;
  request.headers.assign(dialect_.headers.begin(), dialect_.headers.end());
  request.secret_header = Secret(std::string(dialect_.token_header).append(place_.token.reveal()));
  if (asked.document) request.document = document_text(*asked.document);
  auto reply = web_.send(request);
  if (!reply) return fail(std::move(reply.error()));
  if (auto checked = check(request.what, *reply, secret); !checked) return fail(std::move(checked.error()));
  return std::move(reply->body);
}

Status HookClient::check(const std::string& what, const WebReply& reply, const Secret& secret) const {
  const auto answered = [&](ErrorCode code, std::string_view text, std::string hint) -> Status {
    Error error{code, fmt::format("{}: {} ({})", what, text, reply.status), std::move(hint), {}};
    error.retry_after = reply.retry_after;
    return fail(std::move(error));
  };
  if (reply.status / 100 == 2) return {};
  if (reply.status / 100 == 3)
    return answered(
        ErrorCode::AddressRefused, "redirect refused",
        "the token goes nowhere else: correct the repository's address, or api_url in credentials");
  // GitHub says 403 to who asks too often, and then when to come again.
  const bool is_busy = reply.status == 429 || (reply.status == 403 && reply.retry_after);
  if (is_busy)
    return answered(ErrorCode::HostBusy, "the host asks to be left alone for a while", "try it later");
  switch (reply.status) {
    case 401:
      return answered(ErrorCode::AuthenticationFailed, "the host refused the API token",
                      fmt::format("give credentials an api_token that has not expired, with {}", rights()));
    case 403:
      return answered(ErrorCode::AccessDenied, "the API token may not do that",
                      fmt::format("it needs {}", rights()));
    case 404:
      return answered(ErrorCode::RepositoryMissing,
                      fmt::format("the host knows no such {}, or hides it from the API token",
                                  place_.owner.empty() ? "repository" : "organisation"),
                      fmt::format("check the {}; the token needs {}",
                                  place_.owner.empty() ? "address" : "name in owners", rights()));
    default:
      break;
  }
  const auto words = words_of(reply, secret);
  const auto text = words.empty() ? "the host refused it" : "the host refused it: " + words;
  if (reply.status >= 500) return answered(ErrorCode::HostError, "the host failed", "look into its log");
  return answered(ErrorCode::RejectedByRemote, text, {});
}

/// `message` or `error`, of whatever is in it, without what we sent.
std::string HookClient::words_of(const WebReply& reply, const Secret& secret) const {
  const auto document = parse_json_object(reply.body);
  if (!document) return {};
  for (const auto* name : {"message", "error"}) {
    const auto& said = member(*document, name);
    if (said.isNull()) continue;
    auto text = said.isString() ? said.asString() : to_text(said);
    hide(text, secret);
    hide(text, place_.token);
    return shown(text);
  }
  return {};
}

}  // namespace gitferry::api::hosting
