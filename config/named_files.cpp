#include "config/named_files.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>

#include "agent/base/unique_fd.h"

namespace gitferry::config {

void check_secret(const MapReader& map, const std::string& stem, const SecretSource& source,
                  const Environment& environment) {
  const auto secret = read_secret(source, environment);
  if (!secret)
    map.error(map.at(stem + (source.file.empty() ? "_env" : "_file")), secret.error().message,
              secret.error().hint);
}

void check_readable(const MapReader& map, std::string_view key, const std::string& path,
                    const std::string& hint) {
  if (path.empty()) return;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd)
    map.error(map.at(key), "cannot read '" + path + "': " + std::generic_category().message(errno), hint);
}

}  // namespace gitferry::config
