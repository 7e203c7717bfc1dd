#pragma once

#include <functional>
#include <string>
#include <vector>

namespace gitferry::api {

/// What routes without a token show, besides what they find out from the ApiContext.
struct PublicView {
  /// How the channels of notifications get on, without their names: `ok`, `off`, or how many fail. May be
  /// empty.
  std::function<std::string()> notifications = {};
  /// Patterns of the repositories whose badges everybody may see (fits_pattern()).
  std::vector<std::string> badges = {};
};

}  // namespace gitferry::api
