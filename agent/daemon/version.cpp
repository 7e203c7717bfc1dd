#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <openssl/crypto.h>

#include "agent/base/text.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/git/linked_version.h"
#include "agent/store/linked_version.h"
#include "api/linked_version.h"

namespace gitferry::daemon {
namespace {

using Versions = std::vector<std::pair<std::string, std::string>>;

Versions all_versions() {
  Versions versions{{"gitferry", GITFERRY_VERSION}, {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}};
  for (const auto& more : {linked_git_libraries(), linked_store_libraries(), api::linked_api_libraries()})
    versions.insert(versions.end(), more.begin(), more.end());
  versions.emplace_back(
      "fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  return versions;
}

}  // namespace

int print_version(bool json) {
  std::string text;
  for (const auto& [name, version] : all_versions()) {
    if (json)
      text += (text.empty() ? "{" : ",") + json_string(name) + ":" + json_string(version);
    else
      text += fmt::format("{:<12} {}\n", name, version);
  }
  if (json) text += "}\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

}  // namespace gitferry::daemon
