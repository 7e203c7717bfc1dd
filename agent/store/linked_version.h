#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace gitferry {

/// Name and version of the libraries that the store runs with.
inline std::vector<std::pair<std::string, std::string>> linked_store_libraries() {
  return {{"sqlite", sqlite3_libversion()}};
}

}  // namespace gitferry
