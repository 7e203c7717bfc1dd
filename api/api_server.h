#pragma once

#include <memory>
#include <vector>

#include "agent/base/result.h"
#include "api/api_context.h"
#include "api/http_server.h"
#include "api/public_view.h"
#include "api/router_table.h"

namespace gitferry::api {

using ServerOptions = HttpServerOptions;

/// Every route of the server, in the order in which they are matched. `context` must outlive them.
std::vector<Route> all_routes(ApiContext& context, const PublicView& view = {});

/// The HTTP side of the agent: webhooks, the management API and the health routes on one guarded listener.
///
/// Threading: stop() from any one thread. Blocking: stop() until the running requests are answered.
class ApiServer {
 public:
  /// `context` must outlive the server. ConfigurationInvalid where the address cannot be listened on.
  static Result<std::unique_ptr<ApiServer>> start(const ServerOptions& options, ApiContext& context,
                                                  const PublicView& view = {});
  virtual ~ApiServer() = default;

  [[nodiscard]] virtual int port() const = 0;
  /// Stops accepting and finishes what runs. Call it before SyncService::stop(): a request may wait for a
  /// run.
  virtual void stop() = 0;
};

}  // namespace gitferry::api
