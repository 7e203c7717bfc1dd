#include "api/api_server.h"

#include <iterator>
#include <utility>

#include "api/badge.h"
#include "api/management_routes.h"
#include "api/openapi.h"
#include "api/page.h"
#include "api/webhook/webhook_routes.h"

namespace gitferry::api {

std::vector<Route> all_routes(ApiContext& context, const PublicView& view) {
  auto routes = health_routes(context, view);
  for (auto more : {webhook_routes(context), management_routes(context), metrics_routes(context),
                    badge_routes(context, view), openapi_routes(), page_routes()}) {
    std::move(more.begin(), more.end(), std::back_inserter(routes));
  }
  return routes;
}

namespace {

class RunningApi final : public ApiServer {
 public:
  RunningApi(ApiContext& context, const PublicView& view)
      : context_(context), table_(all_routes(context, view), context) {}
  ~RunningApi() override { stop(); }

  Status listen_on(const ServerOptions& options) {
    auto server = HttpServer::start(
        with_overload_heard(options), [this](const Request& request) { return table_.admit(request); },
        [this](const Request& request) { return table_.handle(request); });
    if (!server) return fail(std::move(server.error()));
    server_ = std::move(*server);
    return {};
  }

  [[nodiscard]] int port() const override { return server_->port(); }
  void stop() override {
    if (server_) server_->stop();
  }

 private:
  /// What there is no room for is not read, but it may have been a webhook.
  ServerOptions with_overload_heard(ServerOptions options) {
    options.on_overload = [this](const Request& request) { hear_of_unread_webhook(context_, request); };
    return options;
  }

  ApiContext& context_;
  RouterTable table_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(const ServerOptions& options, ApiContext& context,
                                                    const PublicView& view) {
  auto api = std::make_unique<RunningApi>(context, view);
  if (auto listening = api->listen_on(options); !listening) return fail(std::move(listening.error()));
  return api;
}

}  // namespace gitferry::api
