#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/store/postgres/connection.h"
#include "agent/store/sql.h"
#include "agent/store/store.h"
#include "agent/store/writer.h"

namespace gitferry {

/// What other agents, and people, know of this one.
struct AgentIdentity {
  std::string host;
  std::string version;
  std::string configuration;  ///< a digest
  /// After so long without a heartbeat the others take its lanes over.
  std::chrono::milliseconds lease{30'000};
};

/// SQL of the table `agent`, whose numbers grow with each start. All throw what the connection throws; those
/// that write belong into a transaction of a writer, but for the heartbeat, which waits for nobody.

std::int64_t register_agent(SqlConnection& connection, const AgentIdentity& identity);
/// False where this agent was buried.
bool beat_heart(SqlConnection& connection);
/// Whether an agent other than this one has not been heard of for longer than its lease.
bool has_expired_agents(SqlConnection& connection);
/// Ends them: their runs become `interrupted`, and their lanes count the crash and can run elsewhere. The
/// lanes that are quarantined by it.
std::vector<LaneKey> bury_expired(SqlConnection& connection, std::int64_t now_ms);
/// The same for this one, which stops.
void leave(SqlConnection& connection, std::int64_t now_ms);

/// This process among those that work on one database: tells that it lives, buries those that do not, and
/// hears what the others did.
///
/// The database's clock alone decides who is dead. An agent that wakes up after its burial finds that out at
/// its next heartbeat and takes a new number; until then, and for ever with the old one, it can neither begin
/// nor end a run.
///
/// Who comes back from an interruption buries nobody before the others had the time of a lease to be heard:
/// what kept one from the database may have kept all.
///
/// Owns:      a thread, and a connection of its own.
/// Threading: `on_news` is called on that thread, and may not wait for long.
class Membership {
 public:
  Membership(PostgresTarget target, AgentIdentity identity, Writer& writer, const Clock& clock,
             std::function<void(StoreNews)> on_news);
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  ~Membership();

 private:
  void work();
  void step();
  void tell(StoreNews news);
  void keep_alive();
  void rejoin();
  void bury();

  const PostgresTarget target_;
  const AgentIdentity identity_;
  Writer& writer_;
  const Clock& clock_;
  const std::function<void(StoreNews)> on_news_;
  std::unique_ptr<PostgresConnection> connection_;
  std::chrono::steady_clock::time_point next_heartbeat_{};
  /// Since when every heartbeat came in time.
  std::chrono::steady_clock::time_point heard_since_{};
  std::chrono::steady_clock::time_point last_heartbeat_{};
  /// When `on_news` is told of lanes that were marked.
  std::optional<std::chrono::steady_clock::time_point> wakes_at_;
  bool is_away_ = false;
  UniqueFd wake_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace gitferry
