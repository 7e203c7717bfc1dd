#pragma once

#include <string>
#include <vector>

#include "config/secret_source.h"
#include "config/yaml_tree.h"

namespace gitferry::config {

/// Puts values of environment variables into the tree, in place of the file's: `GITFERRY_<SECTION>_<KEY>` for
/// every scalar of `log`, `server`, `storage` and `sync`, and `SYNC_DIR`, `LOG_DETAIL` and `DELETE_SYNC_DIR`
/// of the API document's service. A GITFERRY_ name wins over the short one; an empty variable counts as not
/// set.
///
/// Returns the names of those that were used. Errors found later carry the variable's name as their position.
std::vector<std::string> apply_environment(YamlNode& root, const Environment& environment);

}  // namespace gitferry::config
