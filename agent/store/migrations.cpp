#include "agent/store/migrations.h"

#include <array>

#include <fmt/format.h>

namespace gitferry {
namespace {

// Rows refer to each other by foreign keys only where they live equally long: deliveries and runs are pruned
// each by its own count, so a run may name a delivery that is gone.
constexpr const char* kSchema1 = R"sql(
CREATE TABLE branch_id (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  repository TEXT NOT NULL,
  internal_ref TEXT NOT NULL,
  external_ref TEXT NOT NULL,
  UNIQUE (repository, internal_ref, external_ref)
) STRICT;

CREATE TABLE lane (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  branch_id INTEGER NOT NULL REFERENCES branch_id (id),
  repository TEXT NOT NULL,
  internal_ref TEXT NOT NULL,
  external_ref TEXT NOT NULL,
  requested_seq INTEGER NOT NULL DEFAULT 0,
  done_seq INTEGER NOT NULL DEFAULT 0,
  -- the latest mark in each direction; a direction is asked for while its mark is newer than done_seq
  to_outer_seq INTEGER NOT NULL DEFAULT 0,
  to_inter_seq INTEGER NOT NULL DEFAULT 0,
  trigger TEXT NOT NULL DEFAULT 'webhook',
  delivery_id INTEGER,
  marked_at_ms INTEGER NOT NULL DEFAULT 0,
  folded_at_ms INTEGER,  -- the first mark that the run in progress does not cover
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at_ms INTEGER NOT NULL DEFAULT 0,
  hold_until_ms INTEGER NOT NULL DEFAULT 0,
  crash_count INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)),
  last_plan TEXT NOT NULL DEFAULT '',
  source_tip TEXT NOT NULL DEFAULT '',
  target_tip TEXT NOT NULL DEFAULT '',
  last_code_status INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  last_text TEXT NOT NULL DEFAULT '',
  last_run_at_ms INTEGER NOT NULL DEFAULT 0,
  last_success_at_ms INTEGER NOT NULL DEFAULT 0,
  UNIQUE (repository, internal_ref, external_ref),
  CHECK (requested_seq >= done_seq)
) STRICT;
CREATE INDEX lane_pending ON lane (marked_at_ms, id) WHERE requested_seq > done_seq AND quarantined = 0;

CREATE TABLE delivery (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  repository TEXT NOT NULL,
  event TEXT NOT NULL,
  provider_delivery_id TEXT NOT NULL,
  source_address TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'ignored')),
  reason TEXT NOT NULL,
  refs TEXT NOT NULL,
  body_sha256 TEXT NOT NULL,
  body_bytes INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_by_repository ON delivery (repository, id);

CREATE TABLE delivery_lane (
  delivery_id INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
  lane_id INTEGER NOT NULL REFERENCES lane (id),
  PRIMARY KEY (delivery_id, lane_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  lane_id INTEGER NOT NULL REFERENCES lane (id),
  direction INTEGER NOT NULL CHECK (direction IN (1, 2)),
  trigger TEXT NOT NULL,
  delivery_id INTEGER,
  state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
  plan TEXT NOT NULL DEFAULT '',
  source_tip TEXT NOT NULL DEFAULT '',
  target_tip_before TEXT NOT NULL DEFAULT '',
  target_tip_after TEXT NOT NULL DEFAULT '',
  pack_bytes INTEGER NOT NULL DEFAULT 0,
  listing_us INTEGER NOT NULL DEFAULT 0,
  total_us INTEGER NOT NULL DEFAULT 0,
  code_status INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL DEFAULT '',
  started_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_by_lane ON run (lane_id);
CREATE INDEX run_running ON run (lane_id) WHERE state = 'running';
)sql";

/// Step n brings version n to n + 1. A released step is never changed.
constexpr std::array<const char*, kSchemaVersion> kSteps{kSchema1};

std::int64_t version_of(SqlConnection& connection) {
  auto query = connection.query("PRAGMA user_version");
  query.next();
  return query.integer(0);
}

void apply(SqlConnection& connection, std::size_t step) {
  connection.execute("BEGIN IMMEDIATE");
  try {
    connection.execute(kSteps.at(step));
    // A PRAGMA takes no parameters; the number is ours.
    connection.execute(fmt::format("PRAGMA user_version={}", step + 1).c_str());
    connection.execute("COMMIT");
  } catch (...) {
    if (connection.is_in_transaction()) connection.execute("ROLLBACK");
    throw;
  }
}

}  // namespace

Status migrate(SqlConnection& connection) {
  return attempt("bring the database's schema up to date", [&]() -> Status {
    const auto version = version_of(connection);
    if (version < 0 || version > kSchemaVersion) {
      return fail(ErrorCode::StoreFailed,
                  fmt::format("the database has schema version {}, and this program knows {}", version,
                              kSchemaVersion),
                  "run the gitferry that wrote it, or a newer one");
    }
    for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) apply(connection, step);
    return {};
  });
}

}  // namespace gitferry
