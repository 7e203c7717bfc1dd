#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "api/router_table.h"

namespace gitferry::api {

/// A file of api/page as it was when the program was built.
struct PageFile {
  std::string_view name;
  std::string_view bytes;
};
std::span<const PageFile> page_files();

/// `/` and `/assets/{name}`: the web page. Public, since its files say nothing about this agent; what it
/// shows it asks the management API for, with the token of whoever looks at it.
std::vector<Route> page_routes();

}  // namespace gitferry::api
