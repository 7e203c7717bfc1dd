#include "api/management_routes.h"

#include <iterator>
#include <utility>

namespace gitferry::api {

// No repository is called `repo`, so whatever begins with /cerobot/sync/repo/ is the repository's own: those
// routes come before /cerobot/sync/{repo_name}/branch, which would also take the path of a repository called
// `branch`. No delivery and no run has the id `branch`, so the branches of a repository called
// `deliveries` or `runs` come before those.
std::vector<Route> management_routes(ApiContext& context) {
  std::vector<Route> routes;
  for (auto group :
       {repository_routes(context), sync_routes(context), branch_routes(context), delivery_routes(context),
        log_routes(context), log_level_routes(context), check_routes(context), caller_routes(context)}) {
    std::move(group.begin(), group.end(), std::back_inserter(routes));
  }
  return routes;
}

}  // namespace gitferry::api
