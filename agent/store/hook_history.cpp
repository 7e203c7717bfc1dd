#include "agent/store/hook_history.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "agent/store/database.h"
#include "agent/store/deliveries.h"
#include "agent/store/migrations.h"

namespace gitferry {
namespace {

/// The first schema whose deliveries tell their hook and side.
constexpr std::int64_t kFirstWithHooks = 3;

/// What `find` makes of a database that another process may be working on.
template <typename Find>
Result<std::optional<HookArrival>> peek(const std::string& database_path, Find find) {
  std::error_code unseen;
  if (!std::filesystem::exists(database_path, unseen) && !unseen) return std::nullopt;
  const auto attempted = fmt::format("read the deliveries in the database '{}'", database_path);
  return attempt(attempted, [&]() -> Result<std::optional<HookArrival>> {
    SqliteConnection reading(database_path, "", SqliteConnection::Role::Reader);
    const auto version = schema_version(reading);
    if (!version) return fail(version.error());
    if (*version < kFirstWithHooks) return std::nullopt;
    return find(reading);
  });
}

}  // namespace

Result<std::optional<HookArrival>> peek_last_arrival(const std::string& database_path,
                                                     const std::string& provider,
                                                     const std::string& repository, Side side) {
  return peek(database_path,
              [&](SqlConnection& reading) { return find_last_arrival(reading, provider, repository, side); });
}

Result<std::optional<HookArrival>> peek_last_organisation_arrival(const std::string& database_path,
                                                                  const std::string& provider,
                                                                  const std::string& name,
                                                                  const std::string& owner) {
  return peek(database_path, [&](SqlConnection& reading) {
    return find_last_organisation_arrival(reading, provider, name, owner);
  });
}

}  // namespace gitferry
