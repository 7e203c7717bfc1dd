#include "agent/store/postgres/postgres_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/store/deliveries.h"
#include "agent/store/lanes.h"
#include "agent/store/overrides.h"
#include "agent/store/paging.h"
#include "agent/store/postgres/connection.h"
#include "agent/store/postgres/schema.h"
#include "agent/store/promises.h"
#include "agent/store/sealing.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

// How long agents may go by different bindings, after a change of one or of the file.
constexpr std::int64_t kSettlingMs = 300'000;
constexpr std::int64_t kPutOffMs = 15'000;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

PostgresTarget target_of(const SharedStoreOptions& options) {
  PostgresTarget target{options.url, options.password};
  // Well before its lease ends, so that a process which is stopped in the middle of a write is no hindrance
  // by then.
  target.silence = std::clamp(options.lease / 3, milliseconds(1000), milliseconds(10'000));
  return target;
}

/// This agent's number, what dead ones left open, and old rows.
Status join(SqlConnection& connection, const SharedStoreOptions& options, const AgentIdentity& identity,
            const PostgresTarget& target, std::int64_t now_ms) {
  return attempt("join the agents", [&]() -> Status {
    connection.begin_writing();
    const auto number = register_agent(connection, identity);
    connection.commit();
    target.agent->store(number);
    connection.begin_writing();
    const auto quarantined = bury_expired(connection, now_ms);
    make_pending_due(connection);
    prune_history(connection, options.common, now_ms);
    connection.announce(StoreNews::LanesMarked);
    connection.commit();
    for (const auto& lane : quarantined) log_quarantine(lane);
    return {};
  });
}

Error prefixed(const std::string& attempted, Error error) {
  error.message = fmt::format("{}: {}", attempted, error.message);
  return error;
}

/// What `find` makes of a database that agents may be working on.
template <typename Find>
Result<std::optional<HookArrival>> peek_arrival(const SharedStoreOptions& options, Find find) {
  if (auto usable = check_postgres_url(options.url); !usable) return fail(usable.error());
  const auto attempted =
      fmt::format("read the deliveries in the database '{}'", shown_postgres_url(options.url));
  return attempt(attempted, [&]() -> Result<std::optional<HookArrival>> {
    PostgresConnection reading(target_of(options));
    const auto version = postgres_schema_version(reading);
    if (!version) return fail(version.error());
    if (*version == 0) return std::nullopt;
    return find(reading);
  });
}

}  // namespace

Status check_shared_store_url(const std::string& url) {
  return check_postgres_url(url);
}

std::string shown_store_url(const std::string& url) {
  return shown_postgres_url(url);
}

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const SharedStoreOptions& options,
                                                           const Clock& clock) {
  if (auto usable = check_sealing_key(options.common.sealing_key); !usable) return fail(usable.error());
  if (auto usable = check_postgres_url(options.url); !usable) return fail(usable.error());
  const auto attempted = fmt::format("open the database '{}'", shown_postgres_url(options.url));
  return attempt(attempted, [&]() -> Result<std::unique_ptr<PostgresStore>> {
    const auto target = target_of(options);
    const AgentIdentity identity{host_name(), GITFERRY_VERSION, options.configuration, options.lease};
    auto writing = std::make_unique<PostgresConnection>(target);
    auto ready = check_postgres_server(*writing);
    if (ready) ready = migrate_postgres(*writing);
    if (ready) ready = join(*writing, options, identity, target, to_epoch_ms(clock.now()));
    if (!ready) return fail(prefixed(attempted, std::move(ready.error())));
    return std::unique_ptr<PostgresStore>(
        new PostgresStore(options, clock, target, identity, std::move(writing)));
  });
}

PostgresStore::PostgresStore(const SharedStoreOptions& options, const Clock& clock, PostgresTarget target,
                             AgentIdentity identity, std::unique_ptr<SqlConnection> writing)
    : SqlStore(options.common, clock),
      target_(std::move(target)),
      writer_(std::move(writing)),
      readers_([this] { return std::make_unique<PostgresConnection>(target_); }),
      membership_(
          std::make_unique<Membership>(target_, std::move(identity), writer_, clock, options.on_news)) {}

PostgresStore::~PostgresStore() {
  membership_.reset();
  const auto left = writer_.write("leave the agents", [&](SqlConnection& connection) -> Status {
    leave(connection, to_epoch_ms(clock().now()));
    return {};
  });
  // The others find out when the lease ends.
  if (!left) log::warn("cannot tell the other agents that this one stops", {{"error", left.error().text()}});
}

Status PostgresStore::may_claim(SqlConnection& connection, const LaneRow& lane) {
  auto query = connection.query(R"sql(
    SELECT EXISTS (SELECT 1 FROM agent WHERE id = current_setting('gitferry.agent')::bigint AND ended_at IS NULL),
      {is_free},
      (done_seq = ?2 AND attempts = ?3) OR current_setting('gitferry.agent')::bigint
        = (SELECT latest.agent_id FROM run AS latest WHERE latest.lane_id = lane.id ORDER BY latest.id DESC LIMIT 1)
    FROM lane WHERE id = ?1)sql");
  query.bind(lane.id, lane.done_seq, lane.attempts);
  const auto refuse = [&](std::string_view reason) {
    return fail(ErrorCode::Unavailable, fmt::format("open a run of '{}': {}", lane.key.repository, reason));
  };
  if (!query.next()) return refuse("there is no such lane");
  if (query.integer(0) == 0) return refuse("this agent was taken for dead; it takes a new number first");
  if (query.integer(1) == 0) return refuse("another agent runs the lane");
  if (query.integer(2) == 0) return refuse("another agent has run the lane since it was read");
  return {};
}

bool PostgresStore::puts_off(SqlConnection& connection, const LaneDrop& drop) {
  const auto now_ms = to_epoch_ms(clock().now());
  auto query = connection.query(R"sql(
    UPDATE lane SET next_attempt_at_ms = ?2 WHERE id = ?1 AND marked_at_ms > ?3 AND EXISTS (
      SELECT 1 FROM agent WHERE ended_at IS NULL AND id <> current_setting('gitferry.agent')::bigint)
    RETURNING id)sql");
  return query.bind(drop.lane_id, now_ms + kPutOffMs, now_ms - kSettlingMs).next();
}

Error PostgresStore::lost_run(SqlConnection& connection, std::int64_t run_id) {
  auto query = connection.query("SELECT 1 FROM run WHERE id = ?1 AND state = 'interrupted'");
  if (!query.bind(run_id).next()) return SqlStore::lost_run(connection, run_id);
  return {
      ErrorCode::LeaseLost,
      fmt::format(
          "record the end of run {}: this agent was taken for dead meanwhile, and its lanes run elsewhere",
          run_id),
      "",
      {}};
}

Result<StoreUsage> PostgresStore::usage() {
  return readers_.read("see how large the database is", [](SqlConnection& connection) -> Result<StoreUsage> {
    auto query = connection.query("SELECT pg_database_size(current_database())");
    query.next();
    StoreUsage usage;
    usage.database_bytes = query.integer(0);
    usage.wal_bytes = usage.free_bytes = -1;
    return usage;
  });
}

Result<StoreWithNotices> open_shared_store(const SharedStoreOptions& options, const Clock& clock) {
  auto opened = PostgresStore::open(options, clock);
  if (!opened) return fail(opened.error());
  auto& notices = (*opened)->notices();
  return StoreWithNotices{std::move(*opened), &notices};
}

Result<OverrideRows> peek_shared_overrides(const SharedStoreOptions& options) {
  if (auto usable = check_postgres_url(options.url); !usable) return fail(usable.error());
  const auto attempted =
      fmt::format("read the overrides in the database '{}'", shown_postgres_url(options.url));
  return attempt(attempted, [&]() -> Result<OverrideRows> {
    PostgresConnection reading(target_of(options));
    const auto version = postgres_schema_version(reading);
    if (!version) return fail(version.error());
    if (*version == 0) return OverrideRows{};
    return read_overrides(reading, Sealing(options.common.sealing_key));
  });
}

Result<std::optional<HookArrival>> peek_shared_last_arrival(const SharedStoreOptions& options,
                                                            const std::string& provider,
                                                            const std::string& repository, Side side) {
  return peek_arrival(options, [&](SqlConnection& reading) {
    return find_last_arrival(reading, provider, repository, side);
  });
}

Result<std::optional<HookArrival>> peek_shared_last_organisation_arrival(const SharedStoreOptions& options,
                                                                         const std::string& provider,
                                                                         const std::string& name,
                                                                         const std::string& owner) {
  return peek_arrival(options, [&](SqlConnection& reading) {
    return find_last_organisation_arrival(reading, provider, name, owner);
  });
}

Result<DatabaseReport> check_shared_database(const SharedStoreOptions& options) {
  if (auto usable = check_postgres_url(options.url); !usable) return fail(usable.error());
  const auto attempted = fmt::format("check the database '{}'", shown_postgres_url(options.url));
  return attempt(attempted, [&]() -> Result<DatabaseReport> {
    PostgresConnection connection(target_of(options));
    if (auto usable = check_postgres_server(connection); !usable) return fail(usable.error());
    const auto version = postgres_schema_version(connection);
    if (!version) return fail(version.error());
    DatabaseReport report;
    report.schema_version = *version;
    const ReadTransaction snapshot(connection);
    if (*version == kPostgresSchemaVersion) check_promises(connection, report);
    return report;
  });
}

}  // namespace gitferry
