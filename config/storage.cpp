#include "config/storage.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "config/named_files.h"

namespace gitferry::config {
namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::array<std::string_view, 2> kPostgres{"postgresql://", "postgres://"};
// A shorter one would bury an agent whose machine is merely busy; a longer one keeps branches waiting.
constexpr MapReader::DurationRange kLease{std::chrono::seconds{5}, std::chrono::minutes{10}};

bool is_postgres(std::string_view url) {
  return std::any_of(kPostgres.begin(), kPostgres.end(),
                     [&](std::string_view scheme) { return url.starts_with(scheme); });
}

/// `user:password@`, or `?password=`. What stands in the address is shown in logs and lists of processes.
bool has_password(std::string_view url) {
  const auto rest = url.substr(url.find("://") + 3);
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  const auto mark = authority.rfind('@');
  if (mark != std::string_view::npos && authority.substr(0, mark).find(':') != std::string_view::npos)
    return true;
  const auto query = rest.find('?');
  if (query == std::string_view::npos) return false;
  for (const auto parameter : split(rest.substr(query + 1), '&')) {
    const auto name = percent_decode(parameter.substr(0, parameter.find('=')));
    if (!name || *name == "password" || *name == "sslpassword") return true;
  }
  return false;
}

void read_postgres(const MapReader& map, const Environment& environment, std::string url, Config& config) {
  // Never quoted: a password may stand in it.
  if (has_password(url)) {
    map.error(map.at("url"), "storage.url has a password in it, or a parameter that cannot be read",
              "take it out, and name a file that holds it in storage.password_file");
    return;
  }
  config.database_url = std::move(url);
  config.database_password = map.secret("password");
  if (config.database_password) check_secret(map, "password", *config.database_password, environment);
  if (const auto lease = map.duration("lease", kLease)) config.database_lease = *lease;
  map.require("key_file", "key_file: /etc/gitferry/sealing-key (the same file for every agent)");
}

}  // namespace

void read_database(const MapReader& map, const Environment& environment, Config& config) {
  config.key_file = map.text("key_file").value_or("");
  const auto url = map.text("url");
  if (url && is_postgres(*url)) return read_postgres(map, environment, *url, config);
  for (const auto* key : {"password_file", "password_env", "lease"}) {
    if (map.find(key) != nullptr)
      map.error(map.at(key), map.named(key) + " is for postgresql:// alone", "take it out");
  }
  if (!url) return;
  if (!url->starts_with(kSqlite) || url->size() == kSqlite.size() || url->ends_with('/')) {
    map.error(map.at("url"), "storage.url must be sqlite: and the path of a file, or a postgresql:// address",
              "for example: sqlite:./data/gitferry.db or postgresql://gitferry@db.corp/gitferry");
  } else {
    config.database_path = url->substr(kSqlite.size());
  }
}

}  // namespace gitferry::config
