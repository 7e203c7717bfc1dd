#pragma once

#include <string>
#include <utility>
#include <vector>

#include <httplib.h>
#include <json/version.h>

namespace gitferry::api {

/// Name and version of the libraries that the HTTP surface was built with; they do not tell at run time.
inline std::vector<std::pair<std::string, std::string>> linked_api_libraries() {
  return {{"cpp-httplib", CPPHTTPLIB_VERSION}, {"jsoncpp", JSONCPP_VERSION_STRING}};
}

}  // namespace gitferry::api
