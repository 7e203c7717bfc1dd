#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/git/web_client.h"
#include "agent/model/address_policy.h"
#include "api/hosting/hook_client.h"
#include "api/hosting/hook_setup.h"
#include "tests/support/hosting_api.h"

namespace gitferry::api::hosting {

constexpr const char* kProject = "acme/robot";
constexpr const char* kHookSecret = "whsec_c2VjcmV0LW9mLWEtd2ViaG9vay1vZi10aGUtdGVzdHM=";

/// A host, and a client of its API that has a token.
class HostAndClient {
 public:
  explicit HostAndClient(const std::string& kind, WebLimits limits = {},
                         const std::string& token = Api::kToken)
      : kind_(kind), api(kind), web_(options(), limits), token_(token) {
    api.add_project(kProject);
  }
  /// From now on the hooks are those of this organisation.
  void turn_to(const std::string& owner) {
    owner_ = owner;
    api.add_organisation(owner);
  }
  using Api = test::HostingApi;

  [[nodiscard]] HookClient client() {
    auto parsed = parse_remote_url(api.repository_url(kProject), any_scheme());
    return {web_, *find_hook_dialect(kind_), {parsed->url, Secret(token_), "", owner_}};
  }
  [[nodiscard]] WantedHook wanted() const {
    WantedHook hook;
    hook.url = "https://ferry.example.org/webhooks/" + kind_ + (owner_.empty() ? "/robot" : "");
    hook.scheme = find_webhook_kind(kind_)->schemes.front();
    hook.secret = Secret(kHookSecret);
    return hook;
  }
  Result<SetUpHook> install(const WantedHook& wanted, const SetupOptions& options = {}) {
    auto asked = client();
    return set_up(asked, wanted, options);
  }
  Result<std::optional<FoundHook>> check(const WantedHook& wanted) {
    auto asked = client();
    return look_up(asked, wanted);
  }
  [[nodiscard]] std::vector<Api::Hook> hooks() const { return api.hooks(whose()); }
  [[nodiscard]] std::string whose() const { return owner_.empty() ? kProject : Api::organisation(owner_); }

 private:
  static HttpOptions options() {
    HttpOptions options;
    options.addresses = *AddressPolicy::from({"127.0.0.0/8"});
    return options;
  }
  std::string kind_;
  std::string owner_;

 public:
  test::HostingApi api;

 private:
  WebClient web_;
  std::string token_;
};

}  // namespace gitferry::api::hosting
