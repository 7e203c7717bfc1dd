#pragma once

#include <span>

#include "agent/base/ip_address.h"
#include "api/http_message.h"

namespace gitferry::api {

/// Whose request it is: the socket's peer, or, where that is a trusted proxy, the right-most address of
/// X-Forwarded-For that is none. An entry that is no address ends the search: the one right of it counts.
IpAddress client_address(const IpAddress& peer, const Request& request,
                         std::span<const AddressRange> trusted_proxies);

}  // namespace gitferry::api
