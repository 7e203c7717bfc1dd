#include "agent/git/http_proxy.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {

Result<HttpProxy> HttpProxy::from(const ProxyRule& rule) {
  HttpProxy proxy;
  proxy.rule_ = rule;
  for (const auto& text : rule.no_proxy) {
    auto pattern = HostPattern::parse(text);
    if (!pattern) {
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("network.no_proxy: '{}' is no host", shortened(text, 60)),
                  "write a host, .suffix for all hosts below a domain, or a range of addresses");
    }
    proxy.direct_.push_back(std::move(*pattern));
  }
  return proxy;
}

Result<std::optional<ProxyAccess>> HttpProxy::access_for(const RemoteUrl& url,
                                                         const AddressPolicy& policy) const {
  const auto fits = [&](const HostPattern& pattern) { return pattern.fits(url.host); };
  if (rule_.url.empty() || std::any_of(direct_.begin(), direct_.end(), fits)) return std::nullopt;
  const auto address = written_address(url.host);
  if (address && !policy.allows(*address)) {
    return fail(refused_address(fmt::format("'{}'", url.str()), *address));
  }
  ProxyAccess access{rule_.url, rule_.username, {}};
  if (!rule_.username.empty()) {
    auto password = read_secret("network.proxy", rule_.password);
    if (!password) return fail(std::move(password.error()));
    access.password = std::move(*password);
  }
  return access;
}

}  // namespace gitferry
