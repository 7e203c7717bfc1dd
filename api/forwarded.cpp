#include "api/forwarded.h"

namespace gitferry::api {

IpAddress client_address(const IpAddress& peer, const Request&, std::span<const AddressRange>) {
  return peer;
}

}  // namespace gitferry::api
