#include "agent/store/postgres/membership.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/store/sql_store.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPause{500};
// Whoever marked a lane runs it, unless its workers are busy: who looked at the same moment would mostly be
// too late.
constexpr milliseconds kCourtesy{100};

#define GITFERRY_ME "current_setting('gitferry.agent')::bigint"
// After a start of the server nobody is dead before all had the time to be heard again.
#define GITFERRY_EXPIRED                                                                             \
  "ended_at IS NULL AND id <> " GITFERRY_ME                                                          \
  " AND greatest(heartbeat_at, pg_postmaster_start_time()) + lease_ms * interval '1 millisecond' < " \
  "clock_timestamp() "

}  // namespace

std::int64_t register_agent(SqlConnection& connection, const AgentIdentity& identity) {
  return connection
      .query("INSERT INTO agent (host, version, configuration, lease_ms) VALUES (?1, ?2, ?3, ?4)")
      .bind(identity.host, identity.version, identity.configuration, identity.lease.count())
      .insert();
}

bool beat_heart(SqlConnection& connection) {
  auto query = connection.query("UPDATE agent SET heartbeat_at = clock_timestamp() WHERE id = " GITFERRY_ME
                                " AND ended_at IS NULL RETURNING id");
  return query.next();
}

bool has_expired_agents(SqlConnection& connection) {
  auto query = connection.query("SELECT EXISTS (SELECT 1 FROM agent WHERE " GITFERRY_EXPIRED ")");
  return query.next() && query.integer(0) != 0;
}

std::vector<LaneKey> bury_expired(SqlConnection& connection, std::int64_t now_ms) {
  {
    auto query = connection.query(
        "UPDATE agent SET ended_at = clock_timestamp(), ending = 'buried' WHERE " GITFERRY_EXPIRED
        "RETURNING id, host");
    while (query.next()) {
      log::warn("an agent was not heard of for longer than its lease; its branches run elsewhere",
                {{"agent", query.integer(0)}, {"host", query.text(1)}});
    }
  }
  return close_left_over_runs(connection, now_ms);
}

void leave(SqlConnection& connection, std::int64_t now_ms) {
  connection
      .query("UPDATE agent SET ended_at = clock_timestamp(), ending = 'stopped' WHERE id = " GITFERRY_ME
             " AND ended_at IS NULL")
      .run();
  close_left_over_runs(connection, now_ms);
  connection.announce(StoreNews::LanesMarked);
}

Membership::Membership(PostgresTarget target, AgentIdentity identity, Writer& writer, const Clock& clock,
                       std::function<void(StoreNews)> on_news)
    : target_(std::move(target)),
      identity_(std::move(identity)),
      writer_(writer),
      clock_(clock),
      on_news_(std::move(on_news)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { work(); });
}

Membership::~Membership() {
  is_stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

void Membership::work() {
  const SupervisedThread supervised("membership");
  while (!is_stopping_) {
    beat();
    try {
      step();
      if (std::exchange(is_away_, false)) log::info("the database answers again");
      continue;
    } catch (const std::exception& e) {
      if (!std::exchange(is_away_, true)) log::error("the database is away", {{"error", e.what()}});
    }
    pollfd woken{wake_.get(), POLLIN, 0};
    ::poll(&woken, 1, static_cast<int>(kPause.count()));
  }
}

void Membership::step() {
  if (!connection_) {
    connection_ = std::make_unique<PostgresConnection>(target_);
    connection_->listen();
  }
  if (steady_clock::now() >= next_heartbeat_) {
    keep_alive();
    next_heartbeat_ = steady_clock::now() + identity_.lease / 3;
  }
  const auto next = std::min(next_heartbeat_, wakes_at_.value_or(next_heartbeat_));
  const auto rest = std::chrono::ceil<milliseconds>(next - steady_clock::now());
  for (const auto news :
       connection_->wait_for_news(std::clamp(rest, milliseconds(0), beat_interval()), wake_.get())) {
    if (news != StoreNews::LanesMarked) tell(news);
    if (news == StoreNews::LanesMarked && !wakes_at_) wakes_at_ = steady_clock::now() + kCourtesy;
  }
  if (!wakes_at_ || steady_clock::now() < *wakes_at_) return;
  wakes_at_.reset();
  tell(StoreNews::LanesMarked);
}

void Membership::tell(StoreNews news) {
  if (on_news_) on_news_(news);
}

void Membership::keep_alive() {
  if (!beat_heart(*connection_)) return rejoin();
  const auto now = steady_clock::now();
  if (now - last_heartbeat_ > identity_.lease) heard_since_ = now;
  last_heartbeat_ = now;
  if (now - heard_since_ < identity_.lease || !has_expired_agents(*connection_)) return;
  bury();
}

void Membership::rejoin() {
  log::warn("this agent was not heard of for longer than its lease and counts as dead; it takes a new number",
            {{"agent", target_.agent->load()}});
  const auto number =
      writer_.write("take a new number", [&](SqlConnection& connection) -> Result<std::int64_t> {
        return register_agent(connection, identity_);
      });
  if (!number) throw SqlFailure(number.error());
  target_.agent->store(*number);
}

void Membership::bury() {
  const auto quarantined =
      writer_.write("bury agents", [&](SqlConnection& connection) -> Result<std::vector<LaneKey>> {
        connection.announce(StoreNews::LanesMarked);
        return bury_expired(connection, to_epoch_ms(clock_.now()));
      });
  if (!quarantined) throw SqlFailure(quarantined.error());
  for (const auto& lane : *quarantined) log_quarantine(lane);
  tell(StoreNews::LanesMarked);
}

}  // namespace gitferry
