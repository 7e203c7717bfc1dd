#include "tests/support/hosting_api.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <json/json.h>

#include "agent/base/clock.h"
#include "agent/base/text.h"
#include "api/webhook/webhook_sender.h"

namespace gitferry::test {
namespace {

using Hook = HostingApi::Hook;

Json::Value parsed(const std::string& body) {
  Json::Value value;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  if (!reader->parse(body.data(), body.data() + body.size(), &value, nullptr)) return {};
  return value;
}

std::string text_of(const Json::Value& value) {
  Json::StreamWriterBuilder builder;
  builder["indentation"] = "";
  return Json::writeString(builder, value);
}

/// RFC 3339 as these hosts write it: whole seconds.
std::string now_text() {
  auto text = rfc3339(to_epoch_ms(SystemClock().now()));
  return text.substr(0, text.size() - 5) + "Z";
}

Json::Value events_of(const Hook& hook) {
  Json::Value events(Json::arrayValue);
  for (const auto& event : hook.events) events.append(event);
  return events;
}

void take_events(const Json::Value& body, Hook& hook) {
  hook.events.clear();
  for (const auto& event : body["events"]) hook.events.insert(event.asString());
  if (hook.events.empty()) hook.events.insert("push");
}

/// What one kind of host does in its own way.
class Dialect {
 public:
  virtual ~Dialect() = default;
  [[nodiscard]] virtual std::string base() const = 0;
  [[nodiscard]] virtual std::pair<std::string, std::string> authentication() const = 0;
  [[nodiscard]] virtual Json::Value shown(const Hook& hook) const = 0;
  /// A new hook, or the change of one. nullopt: 422 with this reason.
  virtual std::optional<std::string> take(const Json::Value& body, Hook& hook, bool is_new) const = 0;
  [[nodiscard]] virtual Json::Value no_scope() const { return message("forbidden"); }
  [[nodiscard]] virtual std::string change_method() const { return "PATCH"; }
  [[nodiscard]] virtual std::string page_key() const { return "per_page"; }
  [[nodiscard]] virtual int page_limit() const { return 100; }
  [[nodiscard]] virtual bool has_pages() const { return true; }
  [[nodiscard]] virtual bool has_organisations() const { return true; }
  /// The project's name in the raw path after the base, and what follows it.
  [[nodiscard]] virtual std::pair<std::string, std::string> project_in(const std::string& path) const {
    constexpr std::string_view kStart = "/repos/";
    constexpr std::string_view kOrganisations = "/orgs/";
    const auto hooks = path.find("/hooks");
    if (hooks == std::string::npos) return {};
    if (has_organisations() && path.starts_with(kOrganisations)) {
      const auto name = path.substr(kOrganisations.size(), hooks - kOrganisations.size());
      return {HostingApi::organisation(name), path.substr(hooks)};
    }
    if (!path.starts_with(kStart)) return {};
    return {path.substr(kStart.size(), hooks - kStart.size()), path.substr(hooks)};
  }
  /// What is below a hook; nullopt: 404.
  virtual std::optional<Json::Value> below(const std::string& /*what*/, const Hook& /*hook*/) const {
    return std::nullopt;
  }

  static Json::Value message(const std::string& text) {
    Json::Value value;
    value["message"] = text;
    return value;
  }
};

class GitHub final : public Dialect {
 public:
  [[nodiscard]] std::string base() const override { return "/api/v3"; }
  [[nodiscard]] std::pair<std::string, std::string> authentication() const override {
    return {"Authorization", "Bearer "};
  }
  [[nodiscard]] Json::Value no_scope() const override {
    auto value = message("Resource not accessible by personal access token");
    value["documentation_url"] = "https://docs.github.com/rest";
    return value;
  }
  [[nodiscard]] Json::Value shown(const Hook& hook) const override {
    Json::Value value;
    value["type"] = "Repository";
    value["id"] = hook.id;
    value["name"] = "web";
    value["active"] = hook.active;
    value["events"] = events_of(hook);
    auto& config = value["config"];
    config["url"] = hook.url;
    config["content_type"] = hook.content_type;
    config["insecure_ssl"] = hook.verifies_tls ? "0" : "1";
    if (!hook.secret.empty()) config["secret"] = "********";
    value["updated_at"] = now_text();
    value["ping_url"] = "https://api.github.com/pings";
    auto& last = value["last_response"];
    last["code"] = hook.status > 0 ? Json::Value(hook.status) : Json::Value();
    last["status"] = hook.status == 0 ? "unused" : "active";
    last["message"] = hook.status > 0 ? Json::Value("OK") : Json::Value();
    return value;
  }
  std::optional<std::string> take(const Json::Value& body, Hook& hook, bool is_new) const override {
    if (is_new && body["config"]["url"].asString().empty()) return "Validation Failed";
    if (body.isMember("active")) hook.active = body["active"].asBool();
    if (body.isMember("events") || is_new) take_events(body, hook);
    if (!body.isMember("config")) return std::nullopt;
    const auto& config = body["config"];
    hook.url = config.get("url", hook.url).asString();
    hook.content_type = config.get("content_type", "form").asString();
    hook.verifies_tls = config.get("insecure_ssl", "0").asString() == "0";
    // "If you previously had a secret set, you must provide the same secret …, or the secret will be
    // removed."
    hook.secret = config.get("secret", "").asString();
    return std::nullopt;
  }
  std::optional<Json::Value> below(const std::string& what, const Hook& hook) const override {
    if (what != "/deliveries") return std::nullopt;
    Json::Value list(Json::arrayValue);
    if (hook.status == 0) return list;
    Json::Value item;
    item["id"] = 12345678;
    item["guid"] = "0b989ba4-242f-11e5-81e1-c7b6966d2516";
    item["delivered_at"] = hook.delivered_at;
    item["redelivery"] = false;
    item["duration"] = 0.27;
    item["status"] = hook.status == 200 || hook.status == 202 ? "OK"
                     : hook.status < 0                        ? "timed out"
                                                              : "Invalid HTTP Response";
    item["status_code"] = std::max(hook.status, 0);
    item["event"] = "push";
    list.append(item);
    return list;
  }
};

class GitLab final : public Dialect {
 public:
  [[nodiscard]] std::string base() const override { return "/api/v4"; }
  [[nodiscard]] std::pair<std::string, std::string> authentication() const override {
    return {"PRIVATE-TOKEN", ""};
  }
  [[nodiscard]] Json::Value no_scope() const override {
    Json::Value value;
    value["error"] = "insufficient_scope";
    value["error_description"] = "The request requires higher privileges than provided by the access token.";
    value["scope"] = "api";
    return value;
  }
  [[nodiscard]] std::string change_method() const override { return "PUT"; }
  /// The whole name is one segment.
  [[nodiscard]] std::pair<std::string, std::string> project_in(const std::string& path) const override {
    for (const std::string_view start : {"/projects/", "/groups/"}) {
      const auto end = path.find('/', start.size());
      if (!path.starts_with(start) || end == std::string::npos) continue;
      const auto name = percent_decode(path.substr(start.size(), end - start.size())).value_or("");
      return {start == "/groups/" ? HostingApi::organisation(name) : name, path.substr(end)};
    }
    return {};
  }
  [[nodiscard]] Json::Value shown(const Hook& hook) const override {
    Json::Value value;
    value["id"] = hook.id;
    value["url"] = hook.url;
    value["project_id"] = 3;
    value["push_events"] = hook.events.contains("push");
    value["tag_push_events"] = hook.events.contains("tag_push");
    value["issues_events"] = hook.events.contains("issues");
    value["push_events_branch_filter"] = hook.branch_filter;
    value["branch_filter_strategy"] = "wildcard";
    value["enable_ssl_verification"] = hook.verifies_tls;
    value["alert_status"] = hook.alert_status;
    value["disabled_until"] = Json::Value();
    value["url_variables"] = Json::Value(Json::arrayValue);
    value["custom_webhook_template"] =
        hook.template_text.empty() ? Json::Value() : Json::Value(hook.template_text);
    value["token_present"] = !hook.secret.empty();
    value["signing_token_present"] = !hook.signing_token.empty();
    return value;
  }
  std::optional<std::string> take(const Json::Value& body, Hook& hook, bool is_new) const override {
    if (!body["url"].isString()) return "url is missing";
    if (!is_new && body["url"].asString() != hook.url) hook.secret.clear();
    hook.url = body["url"].asString();
    for (const auto& [key, event] : {std::pair{"push_events", "push"}, {"tag_push_events", "tag_push"}}) {
      if (!body.isMember(key)) continue;
      hook.events.erase(event);
      if (body[key].asBool()) hook.events.insert(event);
    }
    hook.verifies_tls = body.get("enable_ssl_verification", hook.verifies_tls).asBool();
    hook.branch_filter = body.get("push_events_branch_filter", hook.branch_filter).asString();
    hook.template_text = body.get("custom_webhook_template", hook.template_text).asString();
    hook.secret = body.get("token", hook.secret).asString();
    const auto signing = body.get("signing_token", hook.signing_token).asString();
    if (!signing.empty() && (!signing.starts_with("whsec_") || signing.size() != 6 + 44))
      return "signing_token is invalid";
    hook.signing_token = signing;
    return std::nullopt;
  }
  std::optional<Json::Value> below(const std::string& what, const Hook& hook) const override {
    if (what != "/events") return std::nullopt;
    Json::Value list(Json::arrayValue);
    if (hook.status == 0) return list;
    Json::Value item;
    item["id"] = 1;
    item["url"] = hook.url;
    item["trigger"] = "push_hooks";
    item["request_headers"]["X-Gitlab-Token"] = "[REDACTED]";
    item["request_data"]["object_kind"] = "push";
    item["response_status"] = hook.status > 0 ? std::to_string(hook.status) : "internal error";
    list.append(item);
    return list;
  }
};

/// Gogs, and what Gitea and Forgejo made of it.
class Gitea final : public Dialect {
 public:
  explicit Gitea(std::string kind) : kind_(std::move(kind)) {}
  [[nodiscard]] std::string base() const override { return "/api/v1"; }
  [[nodiscard]] std::pair<std::string, std::string> authentication() const override {
    return {"Authorization", "token "};
  }
  [[nodiscard]] Json::Value no_scope() const override {
    return message("token does not have at least one of required scope(s): [write:repository]");
  }
  [[nodiscard]] std::string page_key() const override { return "limit"; }
  [[nodiscard]] int page_limit() const override { return 50; }
  [[nodiscard]] bool has_pages() const override { return kind_ != "gogs"; }
  [[nodiscard]] bool has_organisations() const override { return kind_ != "gogs"; }
  [[nodiscard]] Json::Value shown(const Hook& hook) const override {
    Json::Value value;
    value["id"] = hook.id;
    value["type"] = hook.type;
    value["active"] = hook.active;
    value["events"] = events_of(hook);
    value["config"]["url"] = hook.url;
    value["config"]["content_type"] = hook.content_type;
    value["updated_at"] = now_text();
    if (kind_ == "gogs") return value;
    value["branch_filter"] = hook.branch_filter;
    value["authorization_header"] = hook.authorization;
    return value;
  }
  std::optional<std::string> take(const Json::Value& body, Hook& hook, bool is_new) const override {
    const auto& config = body["config"];
    if (is_new && body["type"].asString() != kind_) return "Invalid hook type: " + body["type"].asString();
    if (is_new && !config.isMember("content_type")) return "Missing config option: content_type";
    if (is_new) hook.type = kind_;
    if (config.isMember("url")) hook.url = config["url"].asString();
    if (config.isMember("content_type")) hook.content_type = config["content_type"].asString();
    if (config.isMember("secret") && (is_new || kind_ != "gogs")) hook.secret = config["secret"].asString();
    if (body.isMember("active") || is_new) hook.active = body.get("active", false).asBool();
    // What a change does not name is set to its default.
    take_events(body, hook);
    if (kind_ == "gogs") return std::nullopt;
    hook.branch_filter = body.get("branch_filter", "").asString();
    hook.authorization = body.get("authorization_header", "").asString();
    return std::nullopt;
  }

 private:
  std::string kind_;
};

class Gitee final : public Dialect {
 public:
  [[nodiscard]] bool has_organisations() const override { return false; }
  [[nodiscard]] std::string base() const override { return "/api/v5"; }
  [[nodiscard]] std::pair<std::string, std::string> authentication() const override {
    return {"Authorization", "Bearer "};
  }
  [[nodiscard]] Json::Value shown(const Hook& hook) const override {
    Json::Value value;
    value["id"] = hook.id;
    value["url"] = hook.url;
    value["created_at"] = "2026-11-27T10:00:00+08:00";
    value["password"] = hook.secret;
    value["project_id"] = 42;
    value["result"] = hook.status == 0 ? Json::Value() : Json::Value("the answer's text");
    value["result_code"] =
        hook.status == 0 ? Json::Value() : Json::Value(hook.status < 0 ? 504 : hook.status);
    value["push_events"] = hook.events.contains("push");
    value["tag_push_events"] = hook.events.contains("tag_push");
    value["issues_events"] = hook.events.contains("issues");
    value["note_events"] = false;
    value["merge_requests_events"] = false;
    return value;
  }
  std::optional<std::string> take(const Json::Value& body, Hook& hook, bool /*is_new*/) const override {
    if (body["url"].asString().empty()) return "url is missing";
    hook.url = body["url"].asString();
    hook.secret = body.get("password", hook.secret).asString();
    hook.encryption_type = body.get("encryption_type", hook.encryption_type).asInt();
    hook.events.clear();
    for (const auto& [key, event] :
         {std::pair{"push_events", "push"}, {"tag_push_events", "tag_push"}, {"issues_events", "issues"}})
      if (body.get(key, std::string(event) == "push").asBool()) hook.events.insert(event);
    return std::nullopt;
  }
};

std::unique_ptr<Dialect> dialect_of(const std::string& kind) {
  if (kind == "github") return std::make_unique<GitHub>();
  if (kind == "gitlab") return std::make_unique<GitLab>();
  if (kind == "gitee") return std::make_unique<Gitee>();
  return std::make_unique<Gitea>(kind);
}

}  // namespace

struct HostingApi::Impl {
  std::string kind;
  std::unique_ptr<Dialect> dialect;
  httplib::Server server;
  std::thread thread;
  int port = 0;

  mutable std::mutex mutex;
  std::condition_variable ended;
  bool is_over = false;
  std::map<std::string, std::vector<Hook>> projects;
  int next_id = 1;
  Power power = Power::Full;
  int largest_page = 100;
  std::optional<Fault> fault;
  std::vector<std::string> requests;
  std::vector<std::string> bodies;
  int writes = 0;

  static void answer(httplib::Response& response, int status, const Json::Value& body) {
    response.status = status;
    response.set_content(text_of(body), "application/json");
  }

  /// True: the request got the fault.
  bool take_fault(const httplib::Request& request, httplib::Response& response,
                  std::unique_lock<std::mutex>& lock) {
    if (!fault || (!fault->method.empty() && fault->method != request.method)) return false;
    const auto now = *fault;
    if (--fault->times == 0) fault.reset();
    if (now.status == 0) {
      ended.wait(lock, [this] { return is_over; });
      return true;
    }
    response.status = now.status;
    for (const auto& [name, value] : now.headers) response.set_header(name, value);
    response.set_content(now.body, "application/json");
    return true;
  }

  [[nodiscard]] bool is_authenticated(const httplib::Request& request) const {
    const auto [header, prefix] = dialect->authentication();
    return request.get_header_value_count(header) == 1 && request.get_header_value(header) == prefix + kToken;
  }

  void serve(const httplib::Request& request, httplib::Response& response) {
    std::unique_lock lock(mutex);
    requests.push_back(request.method + " " + request.target);
    bodies.push_back(request.body);
    if (request.method != "GET") ++writes;
    if (take_fault(request, response, lock)) return;
    if (!is_authenticated(request)) return answer(response, 401, Dialect::message("401 Unauthorized"));
    if (power == Power::None) return answer(response, 403, dialect->no_scope());
    const auto path = request.target.substr(0, request.target.find('?'));
    const auto base = dialect->base();
    const auto [name, rest] = path.starts_with(base) ? dialect->project_in(path.substr(base.size()))
                                                     : std::pair<std::string, std::string>();
    const auto project = projects.find(name);
    if (power == Power::Hidden || project == projects.end())
      return answer(response, 404, Dialect::message("404 Project Not Found"));
    route(request, response, project->second, rest);
  }

  void route(const httplib::Request& request, httplib::Response& response, std::vector<Hook>& hooks,
             const std::string& rest) {
    if (rest == "/hooks" && request.method == "GET") return list(request, response, hooks);
    if (rest == "/hooks" && request.method == "POST") return create(request, response, hooks);
    const auto parts = split(rest, '/');
    if (parts.size() < 3 || parts[1] != "hooks")
      return answer(response, 404, Dialect::message("404 Not Found"));
    const auto id = parse_number(parts[2]).value_or(0);
    const auto hook =
        std::find_if(hooks.begin(), hooks.end(), [&](const Hook& known) { return known.id == id; });
    if (hook == hooks.end()) return answer(response, 404, Dialect::message("404 Not Found"));
    const auto below = rest.substr(std::string("/hooks/").size() + parts[2].size());
    if (!below.empty()) return go_below(request, response, *hook, below);
    if (request.method == "DELETE") {
      hooks.erase(hook);
      response.status = 204;
      return;
    }
    if (request.method != dialect->change_method())
      return answer(response, 405, Dialect::message("405 Method Not Allowed"));
    take(request, response, *hook, false);
  }

  void list(const httplib::Request& request, httplib::Response& response,
            const std::vector<Hook>& hooks) const {
    const auto number = [&](const std::string& key, int otherwise) {
      return request.has_param(key) ? std::stoi(request.get_param_value(key)) : otherwise;
    };
    const auto wanted = std::min({number(dialect->page_key(), 20), dialect->page_limit(), largest_page});
    const auto size = dialect->has_pages() ? static_cast<std::size_t>(wanted) : hooks.size();
    const auto first = dialect->has_pages() ? static_cast<std::size_t>(number("page", 1) - 1) * size : 0;
    Json::Value page(Json::arrayValue);
    for (auto i = first; i < std::min(hooks.size(), first + size); ++i) page.append(dialect->shown(hooks[i]));
    answer(response, 200, page);
  }

  void create(const httplib::Request& request, httplib::Response& response, std::vector<Hook>& hooks) {
    Hook hook;
    hook.id = next_id;
    take(request, response, hook, true);
    if (response.status != 201) return;
    ++next_id;
    hooks.push_back(hook);
  }

  void take(const httplib::Request& request, httplib::Response& response, Hook& hook, bool is_new) const {
    const auto body = parsed(request.body);
    const bool is_json = request.get_header_value("Content-Type") == "application/json" && body.isObject();
    if (!is_json) return answer(response, 400, Dialect::message("Problems parsing JSON"));
    if (auto refused = dialect->take(body, hook, is_new))
      return answer(response, 422, Dialect::message(*refused));
    answer(response, is_new ? 201 : 200, dialect->shown(hook));
  }

  void go_below(const httplib::Request& request, httplib::Response& response, Hook& hook,
                const std::string& below) {
    if (request.method == "POST" && below == "/test/push_events" && kind == "gitlab") {
      hook.alert_status = "executable";
      return answer(response, 201, Dialect::message("201 Created"));
    }
    const auto found = request.method == "GET" ? dialect->below(below, hook) : std::nullopt;
    if (!found) return answer(response, 404, Dialect::message("404 Not Found"));
    answer(response, 200, *found);
  }
};

HostingApi::HostingApi(std::string kind) : impl_(std::make_unique<Impl>()) {
  impl_->kind = std::move(kind);
  impl_->dialect = dialect_of(impl_->kind);
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    impl_->serve(request, response);
  };
  impl_->server.Get(".*", handler);
  impl_->server.Post(".*", handler);
  impl_->server.Put(".*", handler);
  impl_->server.Patch(".*", handler);
  impl_->server.Delete(".*", handler);
  // A kept connection would keep a thread of the server, and its end waiting.
  impl_->server.set_keep_alive_max_count(1);
  impl_->port = impl_->server.bind_to_any_port("127.0.0.1");
  if (impl_->port <= 0) throw std::runtime_error("no port for the web API");
  impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
  // Before that, stop() would be lost.
  while (!impl_->server.is_running()) std::this_thread::yield();
}

HostingApi::~HostingApi() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->is_over = true;
  }
  impl_->ended.notify_all();
  impl_->server.stop();
  impl_->thread.join();
}

std::uint16_t HostingApi::port() const {
  return static_cast<std::uint16_t>(impl_->port);
}

std::string HostingApi::url() const {
  return fmt::format("http://127.0.0.1:{}{}", impl_->port, impl_->dialect->base());
}

std::string HostingApi::repository_url(const std::string& project) const {
  return fmt::format("http://127.0.0.1:{}/{}.git", impl_->port, project);
}

void HostingApi::add_project(const std::string& project) {
  const std::lock_guard lock(impl_->mutex);
  impl_->projects[project];
}

int HostingApi::add_hook(const std::string& project, Hook hook) {
  const std::lock_guard lock(impl_->mutex);
  hook.id = impl_->next_id++;
  impl_->projects[project].push_back(hook);
  return hook.id;
}

std::vector<Hook> HostingApi::hooks(const std::string& project) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->projects.find(project);
  return found == impl_->projects.end() ? std::vector<Hook>{} : found->second;
}

void HostingApi::change_hook(const std::string& project, int id, const std::function<void(Hook&)>& change) {
  const std::lock_guard lock(impl_->mutex);
  for (auto& hook : impl_->projects.at(project))
    if (hook.id == id) change(hook);
}

void HostingApi::set_power(Power power) {
  const std::lock_guard lock(impl_->mutex);
  impl_->power = power;
}

void HostingApi::set_largest_page(int size) {
  const std::lock_guard lock(impl_->mutex);
  impl_->largest_page = size;
}

void HostingApi::fail(Fault fault) {
  const std::lock_guard lock(impl_->mutex);
  impl_->fault = std::move(fault);
}

std::vector<std::string> HostingApi::requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->requests;
}

std::vector<std::string> HostingApi::bodies() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->bodies;
}

int HostingApi::writes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->writes;
}

int HostingApi::push(const std::string& project, const Push& push) {
  auto told = tell(project, project, push);
  for (auto end = project.find('/'); end != std::string::npos; end = project.find('/', end + 1))
    told += tell(organisation(project.substr(0, end)), project, push);
  return told;
}

int HostingApi::tell(const std::string& whose, const std::string& project, const Push& push) {
  int told = 0;
  for (const auto& hook : hooks(whose)) {
    if (!hook.active || !hook.events.contains("push") || hook.alert_status != "executable") continue;
    const auto route = hook.url.find("/webhooks/");
    const auto parts = split(std::string_view(hook.url).substr(route), '/');
    api::SendRequest request;
    request.base_url = hook.url.substr(0, route);
    request.provider = impl_->kind;
    if (parts.size() > 3) request.repo_name = std::string(parts[3]);
    request.secret = Secret(hook.signing_token.empty() ? hook.secret : hook.signing_token);
    if (!hook.signing_token.empty()) request.scheme = WebhookScheme::Signing;
    if (impl_->kind == "gitee")
      request.scheme = hook.encryption_type == 1 ? WebhookScheme::Sign : WebhookScheme::Password;
    if (!hook.authorization.empty()) request.authorization = Secret(hook.authorization);
    request.as_form = hook.content_type == "form";
    request.repository_url = push.repository_url;
    request.full_name = project;
    request.ref = push.ref;
    request.before = push.before;
    request.after = push.after;
    const auto sent = api::send_webhook(request);
    change_hook(whose, hook.id, [&](Hook& kept) {
      kept.status = sent ? sent->status : -1;
      kept.delivered_at = now_text();
    });
    ++told;
  }
  return told;
}

}  // namespace gitferry::test
