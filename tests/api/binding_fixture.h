#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/sync/binding_registry.h"
#include "agent/sync/sync_service.h"
#include "api/api_server.h"
#include "api/json.h"
#include "tests/agent/sync/fake_engine.h"
#include "tests/api/fakes.h"
#include "tests/api/raw_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::api::testing {

struct Answer {
  int status = 0;
  Json::Value body;
  std::string text;  ///< the whole answer, head and body

  [[nodiscard]] int code() const { return body["code_status"].asInt(); }
  [[nodiscard]] std::string detail() const { return body["detail"].asString(); }
  [[nodiscard]] const Json::Value& data() const& { return body["data"]; }
  [[nodiscard]] Json::Value data() && { return body["data"]; }  ///< so that a loop may run over it
};

inline std::string internal_address(const std::string& name) {
  return "https://git.corp.example/acme/" + name + ".git";
}
inline std::string external_address(const std::string& name) {
  return "https://mirror.example/public/" + name + ".git";
}

/// Whatever POST /repo takes, for a repository of branches that goes outwards.
inline Json::Value repository_body(const std::string& name) {
  Json::Value body(Json::objectValue);
  body["repo_name"] = name;
  body["enable"] = true;
  body["internal_repo_address"] = internal_address(name);
  body["external_repo_address"] = external_address(name);
  body["sync_granularity"] = 2;
  body["sync_direction"] = 1;
  return body;
}
inline Json::Value branch_body(const std::string& internal, const std::string& external) {
  Json::Value body(Json::objectValue);
  body["enable"] = true;
  body["internal_branch_name"] = internal;
  body["external_branch_name"] = external;
  return body;
}

/// The real server, registry, sync service and store in a directory of their own; only the git hosts are
/// fakes. The clock stands still, so everything is created at the same time. The service is not started:
/// what is marked stays pending, until a test starts it.
class BindingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.path = directory / "gitferry.db";
    options.sealing_key = Secret(std::string(32, 'k'));
    auto opened = Store::open(options, clock);
    ASSERT_TRUE(opened) << opened.error().text();
    store = std::move(*opened);
    auto registry = BindingRegistry::open({*store,
                                           clock,
                                           {{Scheme::Https, Scheme::Ssh}, {}},
                                           [this](const Snapshot& snapshot) {
                                             if (sync) sync->replace_snapshot(snapshot);
                                           }},
                                          file);
    ASSERT_TRUE(registry) << registry.error().text();
    bindings = std::move(*registry);
    SyncOptions sync_options;
    sync_options.reconcile_interval = std::chrono::milliseconds(0);
    sync = SyncService::make(
        sync_options, *store, clock, [this] { return std::make_unique<FakeEngine>(hosts); },
        [](const RemoteUrl&) { return std::optional<Credential>{}; }, bindings->snapshot());
    context = std::make_unique<ApiContext>(ApiContext{
        *sync, *store, clock, *bindings, [this] { return tokens; }, [this] { return configuration; }});
    auto started = ApiServer::start(ServerOptions{}, *context);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
  }
  void TearDown() override {
    server.reset();
    if (is_started) sync->stop();
  }

  void start_sync() {
    sync->start();
    is_started = true;
  }

  [[nodiscard]] Answer ask(const Sent& sent) const {
    Answer answer;
    answer.text = answer_to(server->port(), sent.bytes());
    answer.status = status_of(answer.text);
    answer.body = json_of(body_of(answer.text));
    return answer;
  }
  /// `path` is below /cerobot/sync.
  [[nodiscard]] Answer api(const std::string& method, const std::string& path, const std::string& body = {},
                           const std::string& token = kAdminToken) const {
    return ask({method, "/cerobot/sync" + path, {{"Authorization", "Bearer " + token}}, body});
  }
  [[nodiscard]] Answer submit(const std::string& method, const std::string& path,
                              const Json::Value& body) const {
    return api(method, path, to_text(body));
  }
  void bind(const std::string& name) const {
    const auto answer = submit("POST", "/repo", repository_body(name));
    ASSERT_EQ(answer.code(), 0) << name << ": " << answer.text;
  }
  void bind_whole(const std::string& name) const {
    auto body = repository_body(name);
    body["sync_granularity"] = 1;
    ASSERT_EQ(submit("POST", "/repo", body).code(), 0) << name;
  }
  void bind_branch(const std::string& repository, const std::string& internal,
                   const std::string& external) const {
    const auto answer = submit("POST", "/" + repository + "/branch", branch_body(internal, external));
    ASSERT_EQ(answer.code(), 0) << internal << ": " << answer.text;
  }

  /// Everything that a change of bindings could leave a trace in, as text to compare.
  [[nodiscard]] std::string everything() const {
    std::string text = to_text(api("GET", "/repo?page_size=100&create_sort=true").body);
    const auto in_force = bindings->snapshot();
    for (const auto& [name, binding] : in_force->repositories) {
      text += "\n" + to_text(api("GET", "/" + name + "/branch?page_size=100&create_sort=true").body);
    }
    text += "\n" + to_text(api("GET", "/audit?page_size=100").body);
    text += "\n" + to_text(api("GET", "/status").body);
    return text + "\n" + to_text(api("GET", "/deliveries").body);
  }

  BindingSnapshot file;  ///< to be filled before SetUp() of this class
  test::TemporaryDirectory directory;
  FakeClock clock;
  FakeHosts hosts;
  ConfigurationState configuration;
  TokenHashes tokens = std::make_shared<const std::vector<TokenHash>>(
      std::vector<TokenHash>{{"reader", Role::Read, sha256(kReadToken)},
                             {"operator", Role::Operate, sha256(kOperateToken)},
                             {"owner", Role::Admin, sha256(kAdminToken)}});
  std::unique_ptr<Store> store;
  std::unique_ptr<BindingRegistry> bindings;
  std::unique_ptr<SyncService> sync;
  std::unique_ptr<ApiContext> context;
  std::unique_ptr<ApiServer> server;
  bool is_started = false;
};

}  // namespace gitferry::api::testing
