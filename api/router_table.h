#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api_context.h"
#include "api/http_message.h"
#include "api/http_server.h"
#include "api/request_guard.h"

namespace gitferry::api {

/// What the variable segments of a route's pattern matched.
using PathArguments = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t kApiBodyLimit = 1024 * 1024;
constexpr std::size_t kNoBody = 0;                           ///< of public routes that read no parameters
constexpr std::size_t kWebhookBodyLimit = 25 * 1024 * 1024;  ///< GitHub's and GitLab's own limit

/// An admitted request on its way to its handler.
struct Call {
  const Request& request;
  const PathArguments& arguments;
  Identity caller;

  /// The path's argument; empty where the pattern has none of that name.
  [[nodiscard]] const std::string& argument(std::string_view name) const;
};

/// One route as data.
struct Route {
  std::string method;
  /// `{name}` is one segment; `{name...}`, at the end, is the rest, so that `feature/login` works plainly and
  /// as %2F.
  std::string pattern;
  std::optional<Role> role;  ///< unset: public
  std::size_t body_limit = kApiBodyLimit;
  std::function<Response(const Call&)> handler;
  /// Decides before the body is read; may be empty. nullopt: go on.
  std::function<std::optional<Response>(const Request&, const PathArguments&)> precheck = {};
  Place place = Place::Worker;
  bool is_unlimited = false;  ///< answered however much the client asks: for the health of the agent
  /// In the place of body_limit, where the limit depends on the path; may be empty.
  std::function<std::size_t(const PathArguments&)> body_limit_of = {};
  /// Told of a request that was refused for the rate of its address; may be empty.
  std::function<void(const Request&)> on_rate_limited = {};
};

/// All routes of the server. Immutable after construction; the first route that matches is taken.
///
/// Threading: both calls from any thread.
class RouterTable {
 public:
  RouterTable(std::vector<Route> routes, const ApiContext& context);

  /// 429, 404, 405 with Allow, 401, 403 and the routes' own prechecks: all without a body.
  [[nodiscard]] Admission admit(const Request& request) const;
  /// Asks for the token once more: it may have been taken away since the request was admitted.
  [[nodiscard]] Response handle(const Request& request) const;

  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Match {
    const Route* route = nullptr;
    PathArguments arguments;
    std::string allowed;  ///< methods of the routes with this path, where none has the method
  };
  [[nodiscard]] Match find(const Request& request) const;
  [[nodiscard]] Admission admit(const Request& request, const Match& found) const;
  [[nodiscard]] Response handle(const Request& request, const Match& found) const;
  /// 429 or 401 or 403; unset where the token is good for the route.
  [[nodiscard]] std::optional<Response> refusal_of_token(Role needed, const Request& request) const;

  std::vector<Route> routes_;
  std::function<TokenHashes()> tokens_;
  std::shared_ptr<RequestGuard> guard_;
};

}  // namespace gitferry::api
