#include "agent/sync/router.h"

namespace gitferry {

/// Stands in until the router is linked; weak, so that the real one wins where both are.
__attribute__((weak)) bool names_repository(const RepositoryIdentity& identity, const RemoteUrl& address) {
  for (const auto& url : identity.urls) {
    const auto parsed = parse_remote_url(url, any_scheme());
    if (parsed && parsed->url.identity() == address.identity()) return true;
  }
  return !identity.full_name.empty() && identity.full_name == address.full_name();
}

}  // namespace gitferry
