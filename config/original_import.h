#pragma once

#include <string>
#include <vector>

#include "agent/base/secret.h"
#include "config/original_dump.h"

namespace gitferry::config {

/// A token of the original service that has to go to a file of its own.
struct ImportedSecret {
  std::string file;  ///< below the directory for secrets: as the configuration names it
  Secret secret;
};

/// What a dump of the original service comes to.
struct OriginalImport {
  std::string yaml;                     ///< a configuration; it holds no secret
  std::vector<ImportedSecret> secrets;  ///< to be written, 0600, before the configuration is loaded
  std::vector<std::string> left_out;  ///< repositories and branches that are not in it, each with its reason
  std::vector<std::string> remarks;   ///< what an operator should know of the rest
  std::size_t repositories = 0;       ///< in the configuration
  std::size_t branches = 0;
};

/// Makes a configuration of what the original service had bound.
///
/// Every name and address goes through the same checks as those of a configuration; what they refuse is left
/// out and named. `secrets_directory` is where tokens go; empty: they are left out with a remark. Pure.
OriginalImport import_original(const OriginalDump& dump, const std::string& secrets_directory);

}  // namespace gitferry::config
