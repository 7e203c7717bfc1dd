#pragma once

#include <string>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <zlib.h>

namespace gitferry {

/// Name and version of the libraries that the git layer runs with.
inline std::vector<std::pair<std::string, std::string>> linked_git_libraries() {
  return {{"libcurl", curl_version_info(CURLVERSION_NOW)->version}, {"zlib", zlibVersion()}};
}

}  // namespace gitferry
