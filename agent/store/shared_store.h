#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/store/database_check.h"
#include "agent/store/hook_history.h"
#include "agent/store/notice_book.h"
#include "agent/store/store.h"
#include "agent/store/store_news.h"

namespace gitferry {

/// A store in a PostgreSQL database, on which several agents work.
struct SharedStoreOptions {
  StoreOptions common;  ///< without path and vfs
  std::string url;      ///< as check_shared_store_url() takes it
  Secret password;      ///< empty: libpq's own ways (certificates, peer, PGPASSFILE)
  /// An agent that the database has not heard of for so long counts as dead: its lanes run elsewhere.
  std::chrono::milliseconds lease{30'000};
  std::string configuration;  ///< a digest of what the agent started with, so that differences can be seen
  /// Called from a thread of the store when another agent did something, or may have while nobody listened.
  /// Must not wait for long. Not called any more once the store's destructor begins to stop that thread.
  std::function<void(StoreNews)> on_news;
};

/// The schema that this program knows.
constexpr std::int64_t kSharedSchemaVersion = 1;

/// Errors: ConfigurationInvalid where it is no `postgresql://` address, or has a password in it.
Status check_shared_store_url(const std::string& url);
/// The address for messages: host and database only.
std::string shown_store_url(const std::string& url);

/// As Store::open(), where other agents may be at work: the runs of those alone are closed that stopped or
/// were not heard of for longer than their lease. Errors besides: StoreBusy where the database cannot be
/// reached.
///
/// Of such a store, besides what Store says: begin_runs() gives Unavailable for a lane that another agent
/// runs, or that one has run since it was read; first_due() and due_of() leave out what others run;
/// finish_runs() gives LeaseLost where this agent was taken for dead and its lanes run elsewhere;
/// drop_lane_requests() puts off, for some seconds, what was marked within the last minutes while there are
/// other agents, whose bindings may be newer. Where the connection is lost during a commit, the database is
/// asked what became of it; StoreBusy where it cannot be asked: then the call may be in the database all the
/// same.
Result<StoreWithNotices> open_shared_store(const SharedStoreOptions& options, const Clock& clock);

/// As Store::peek_overrides().
Result<OverrideRows> peek_shared_overrides(const SharedStoreOptions& options);
/// As peek_last_arrival().
Result<std::optional<HookArrival>> peek_shared_last_arrival(const SharedStoreOptions& options,
                                                            const std::string& provider,
                                                            const std::string& repository, Side side);
/// As peek_last_organisation_arrival().
Result<std::optional<HookArrival>> peek_shared_last_organisation_arrival(const SharedStoreOptions& options,
                                                                         const std::string& provider,
                                                                         const std::string& name,
                                                                         const std::string& owner);
/// As check_database(): references and unique keys PostgreSQL itself keeps; looked at is whether it can be
/// reached, the schema's version, and what the store promises of its rows. Damage of PostgreSQL's own files
/// is not looked for: pg_amcheck does that.
Result<DatabaseReport> check_shared_database(const SharedStoreOptions& options);

}  // namespace gitferry
