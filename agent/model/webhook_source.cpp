#include "agent/model/webhook_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

using enum WebhookScheme;

constexpr std::array<std::pair<WebhookScheme, std::string_view>, 7> kSchemes{{{Hmac, "hmac"},
                                                                              {Signing, "signing"},
                                                                              {Token, "token"},
                                                                              {Sign, "sign"},
                                                                              {Password, "password"},
                                                                              {Basic, "basic"},
                                                                              {None, "none"}}};

constexpr std::array kHmac{Hmac};
constexpr std::array kToken{Token};
constexpr std::array kSigning{Signing};
constexpr std::array kTokenOrSigning{Token, Signing};
constexpr std::array kSignOrPassword{Sign, Password};
constexpr std::array kHmacOrToken{Hmac, Token};
constexpr std::array kHmacOrBasic{Hmac, Basic};
constexpr std::array kBasic{Basic};
constexpr std::array kNone{None};

constexpr std::array kKinds{
    WebhookKind{.provider = "github", .schemes = kHmac, .instance = "https://github.com", .has_sha1 = true},
    WebhookKind{"gitlab", kTokenOrSigning, "https://gitlab.com"},
    WebhookKind{.provider = "gitea", .schemes = kHmac, .instance = {}, .sends_authorization = true},
    WebhookKind{.provider = "forgejo", .schemes = kHmac, .instance = {}, .sends_authorization = true},
    WebhookKind{.provider = "gogs", .schemes = kHmac, .instance = {}, .sends_authorization = true},
    WebhookKind{"gitee", kSignOrPassword, "https://gitee.com"},
    WebhookKind{"gitcode", kHmacOrToken, "https://gitcode.com"},
    WebhookKind{"codeup", kToken, "https://codeup.aliyun.com"},
    WebhookKind{"coding", kHmac, "https://e.coding.net", true},
    WebhookKind{"tencent", kToken, "https://git.code.tencent.com"},
    WebhookKind{"bitbucket", kHmac, "https://bitbucket.org"},
    WebhookKind{"bitbucket-server", kHmacOrBasic, {}},
    WebhookKind{"azure", kBasic, "https://dev.azure.com"},
    WebhookKind{"gerrit", kNone, {}},
    WebhookKind{"standard", kSigning, {}},
};

}  // namespace

std::string_view name_of(WebhookScheme scheme) {
  const auto* found = std::find_if(kSchemes.begin(), kSchemes.end(),
                                   [&](const auto& known) { return known.first == scheme; });
  return found->second;
}

std::optional<WebhookScheme> webhook_scheme_from(std::string_view name) {
  const auto* found =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&](const auto& known) { return known.second == name; });
  if (found == kSchemes.end()) return std::nullopt;
  return found->first;
}

std::span<const WebhookKind> webhook_kinds() {
  return kKinds;
}

const WebhookKind* find_webhook_kind(std::string_view provider) {
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const WebhookKind& kind) { return kind.provider == provider; });
  return found == kKinds.end() ? nullptr : found;
}

std::optional<Secret> standard_webhooks_key(const Secret& secret) {
  constexpr std::string_view kPrefix = "whsec_";
  constexpr std::size_t kShortest = 24;
  constexpr std::size_t kLongest = 64;
  auto text = secret.reveal();
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  auto bytes = from_base64(text);
  if (!bytes) return std::nullopt;
  Secret key(std::move(*bytes));
  const auto size = key.reveal().size();
  if (size < kShortest || size > kLongest) return std::nullopt;
  return key;
}

}  // namespace gitferry
