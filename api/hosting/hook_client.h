#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/web_client.h"
#include "agent/model/remote_url.h"
#include "api/hosting/hook_host.h"

namespace gitferry::api::hosting {

/// A hook as its host has it.
struct HostedHook {
  std::int64_t id = 0;
  std::string url;
  Json::Value document;  ///< may hold secrets: never shown
};

/// Which repository or organisation, at which host, with what.
struct HookPlace {
  RemoteUrl repository;  ///< of an organisation's hooks the address of its host
  Secret token;
  std::string api_url;  ///< empty: where hosts of the dialect have it
  /// The organisation or group, for which the dialect has a path; empty: it is about a repository.
  std::string owner = {};
};

/// The webhooks of one repository or organisation, asked for and changed through its host's web API.
///
/// Threading: one thread. Blocking: each call for one or a few requests.
/// Errors: those of WebClient::send(); AuthenticationFailed, AccessDenied and RepositoryMissing with what the
///         token needs; HostBusy, HostError; RejectedByRemote with the host's words, from which our secrets
///         are taken; ProtocolError for an answer that is not the API's.
class HookClient {
 public:
  HookClient(WebClient& web, const HookDialect& dialect, HookPlace place);

  /// All of them; of more than 2,000, or 100 pages, LimitExceeded.
  Result<std::vector<HostedHook>> list();
  Status create(const WantedHook& wanted);
  Status change(const HostedHook& hook, const WantedHook& wanted);
  /// Has the host send a test, after which a hook that it gave up counts as well again. Errors besides:
  /// RejectedByRemote where the test failed.
  Status revive(const HostedHook& hook);
  Status remove(const HostedHook& hook);
  /// What the host tells of the latest one; nullopt: there was none, or it tells nothing.
  Result<std::optional<HostDelivery>> last_delivery(const HostedHook& hook);

  [[nodiscard]] const HookDialect& dialect() const { return dialect_; }
  [[nodiscard]] const std::string& api_url() const { return api_url_; }

 private:
  struct Call {
    std::string what;  ///< `list the webhooks`
    std::string method;
    std::string path;
    std::optional<Json::Value> document = std::nullopt;
  };

  Result<std::string> call(const Call& asked, const Secret& secret);
  Result<std::vector<HostedHook>> page(int number);
  [[nodiscard]] std::string described(const std::string& what) const;
  [[nodiscard]] std::string_view rights() const;
  [[nodiscard]] std::string path_of(const HostedHook& hook) const;
  [[nodiscard]] Status check(const std::string& what, const WebReply& reply, const Secret& secret) const;
  [[nodiscard]] std::string words_of(const WebReply& reply, const Secret& secret) const;

  WebClient& web_;
  const HookDialect& dialect_;
  HookPlace place_;
  std::string api_url_;
  std::string hooks_path_;
};

/// Whether both lead to the same place: scheme, host, port and path; user info does not count.
bool is_same_address(const std::string& left, const std::string& right);

}  // namespace gitferry::api::hosting
