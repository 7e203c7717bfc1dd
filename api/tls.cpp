#include "api/tls.h"

namespace gitferry::api {

Result<std::shared_ptr<ServerTls>> ServerTls::load(const std::string&, const std::string&) {
  return fail(ErrorCode::ConfigurationInvalid, "server.tls is not available in this version");
}

}  // namespace gitferry::api
