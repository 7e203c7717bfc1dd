#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/api_context.h"
#include "api/public_view.h"
#include "api/router_table.h"

namespace gitferry::api {

/// `/badges/{repo_name}/{branch_name...}.svg`: how a branch stands, as a picture for pages that cannot show a
/// token. Only repositories that PublicView::badges names have one; for any other, whether it is bound
/// or not, and for an unknown branch, the answer is the same picture, which says `unknown`.
std::vector<Route> badge_routes(ApiContext& context, const PublicView& view);

/// The picture of one of our words; `colour` as SVG has it.
std::string badge_svg(std::string_view word, std::string_view colour);

}  // namespace gitferry::api
