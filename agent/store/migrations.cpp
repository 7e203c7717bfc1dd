#include "agent/store/migrations.h"

#include <array>

#include <fmt/format.h>

#include "agent/base/crash_point.h"

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

// Addresses, usernames and tokens are sealed (sealing.h), so that neither the file nor a copy of it tells
// them. Where nothing says when a branch got its number, its first run or this step is the best that is
// known.
constexpr const char* kSchema2 = R"sql(
CREATE TABLE repository_override (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('change', 'bound', 'unbound')),
  enabled INTEGER CHECK (enabled IN (0, 1)),
  internal BLOB,  -- sealed
  external BLOB,  -- sealed
  granularity INTEGER CHECK (granularity IN (1, 2)),
  direction INTEGER CHECK (direction IN (1, 2)),
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
  repository TEXT NOT NULL REFERENCES repository_override (name) ON DELETE CASCADE,
  side TEXT NOT NULL CHECK (side IN ('internal', 'external')),
  username BLOB NOT NULL,  -- sealed
  token BLOB NOT NULL,     -- sealed
  origin BLOB NOT NULL,    -- sealed; of the address that the token was given for
  PRIMARY KEY (repository, side)
) STRICT, WITHOUT ROWID;

-- Names its repository without a foreign key: a repository of the file needs no override of its own.
CREATE TABLE branch_override (
  repository TEXT NOT NULL,
  internal TEXT NOT NULL,
  external TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('change', 'bound', 'unbound')),
  enabled INTEGER CHECK (enabled IN (0, 1)),
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, internal, external)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  via TEXT NOT NULL,
  action TEXT NOT NULL,
  repository TEXT NOT NULL,
  branch TEXT NOT NULL,
  state_before TEXT NOT NULL,
  state_after TEXT NOT NULL,
  request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_repository ON audit (repository, id);

ALTER TABLE branch_id ADD COLUMN created_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE branch_id SET created_at_ms = coalesce(
  (SELECT min(run.started_at_ms) FROM run JOIN lane ON lane.id = run.lane_id WHERE lane.branch_id = branch_id.id),
  unixepoch() * 1000);

CREATE TABLE repository_id (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL,
  addresses TEXT NOT NULL DEFAULT ''  -- fingerprint of those that its lanes ran between; empty: not known
) STRICT;
INSERT INTO repository_id (name, created_at_ms)
  SELECT repository, min(created_at_ms) FROM branch_id GROUP BY repository ORDER BY min(id);

-- the latest mark in each direction that asked for force; taken back by the run that uses it
ALTER TABLE lane ADD COLUMN force_to_outer_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN force_to_inter_seq INTEGER NOT NULL DEFAULT 0;
-- runs up to this one were between other addresses: what they end with says nothing of these
ALTER TABLE lane ADD COLUMN forgotten_run_id INTEGER NOT NULL DEFAULT 0;
-- of the run that the tips are known from; 0: none yet
ALTER TABLE lane ADD COLUMN last_direction INTEGER NOT NULL DEFAULT 0;
UPDATE lane SET last_direction = coalesce(
  (SELECT direction FROM run WHERE run.lane_id = lane.id AND run.state = 'finished' ORDER BY run.id DESC LIMIT 1),
  0);

ALTER TABLE delivery ADD COLUMN side TEXT CHECK (side IN ('internal', 'external'));
ALTER TABLE delivery ADD COLUMN replay_of INTEGER;
CREATE INDEX delivery_by_verdict ON delivery (verdict, id);
CREATE INDEX delivery_by_repository_and_verdict ON delivery (repository, verdict, id);
)sql";

// A CHECK cannot be changed, so the table of deliveries is made anew; delivery_lane goes with it, because
// dropping what it refers to would empty it. Ids go on where they were, also where all rows are gone by now.
// Unknown in old rows: texts are empty, numbers null; so an old run covers no mark.
constexpr const char* kSchema3 = R"sql(
CREATE TABLE delivery_3 (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  hook TEXT NOT NULL,
  request_id TEXT NOT NULL,
  repository TEXT NOT NULL,        -- empty: it reached no binding
  named_repository TEXT NOT NULL,
  side TEXT CHECK (side IN ('internal', 'external')),
  event TEXT NOT NULL,
  provider_delivery_id TEXT NOT NULL,
  signed_id TEXT NOT NULL,
  source_address TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'ignored', 'duplicate', 'refused')),
  reason TEXT NOT NULL,
  refs TEXT NOT NULL,
  body_sha256 TEXT NOT NULL,
  body_bytes INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL,
  -- other deliveries, which may be gone by now
  replay_of INTEGER,
  duplicate_of INTEGER,
  same_body_as INTEGER,
  CHECK ((verdict = 'duplicate') = (duplicate_of IS NOT NULL))
) STRICT;
INSERT INTO delivery_3 (id, provider, hook, request_id, repository, named_repository, side, event,
    provider_delivery_id, signed_id, source_address, verdict, reason, refs, body_sha256, body_bytes,
    received_at_ms, replay_of)
  SELECT id, provider, '', '', repository, '', side, event, provider_delivery_id, '', source_address, verdict,
    reason, refs, body_sha256, body_bytes, received_at_ms, replay_of
  FROM delivery ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'delivery_3';
INSERT INTO sqlite_sequence (name, seq) SELECT 'delivery_3', seq FROM sqlite_sequence WHERE name = 'delivery';

CREATE TABLE delivery_lane_3 (
  delivery_id INTEGER NOT NULL REFERENCES delivery_3 (id) ON DELETE CASCADE,
  lane_id INTEGER NOT NULL REFERENCES lane (id),
  -- what was marked: the direction, and the requested_seq that the mark gave
  direction INTEGER CHECK (direction IN (1, 2)),
  seq INTEGER,
  PRIMARY KEY (delivery_id, lane_id)
) STRICT, WITHOUT ROWID;
INSERT INTO delivery_lane_3 (delivery_id, lane_id) SELECT delivery_id, lane_id FROM delivery_lane;

DROP TABLE delivery_lane;
DROP TABLE delivery;
ALTER TABLE delivery_3 RENAME TO delivery;
ALTER TABLE delivery_lane_3 RENAME TO delivery_lane;
CREATE INDEX delivery_by_repository ON delivery (repository, id);
CREATE INDEX delivery_by_verdict ON delivery (verdict, id);
CREATE INDEX delivery_by_repository_and_verdict ON delivery (repository, verdict, id);
CREATE INDEX delivery_by_signed_id ON delivery (hook, signed_id, repository)
  WHERE signed_id <> '' AND verdict = 'accepted';
-- The beginning of a digest tells bodies apart well enough, and a small index stays in the cache: its rows
-- come in no order.
CREATE INDEX delivery_by_body ON delivery (substr(body_sha256, 1, 12), hook) WHERE body_sha256 <> '';

-- what the run began from
ALTER TABLE run ADD COLUMN requested_seq INTEGER;
-- whether what it began from is done with its end: it is not to be tried again
ALTER TABLE run ADD COLUMN is_settled INTEGER NOT NULL DEFAULT 0 CHECK (is_settled IN (0, 1));
DROP INDEX run_by_lane;
CREATE INDEX run_by_lane ON run (lane_id, direction, is_settled, requested_seq);
)sql";

// Empty for what older versions put there: they had no policy that goes by it, and the next push fills it in.
constexpr const char* kSchema4 = R"sql(
-- what gitferry last put on the target of each direction
ALTER TABLE lane ADD COLUMN put_to_outer TEXT NOT NULL DEFAULT '';
ALTER TABLE lane ADD COLUMN put_to_inter TEXT NOT NULL DEFAULT '';
)sql";

// Bindings that go both ways. A CHECK cannot be changed, so the table of overrides is made anew; credential
// goes with it, because dropping what it refers to would empty it.
constexpr const char* kSchema5 = R"sql(
CREATE TABLE repository_override_5 (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('change', 'bound', 'unbound')),
  enabled INTEGER CHECK (enabled IN (0, 1)),
  internal BLOB,  -- sealed
  external BLOB,  -- sealed
  granularity INTEGER CHECK (granularity IN (1, 2)),
  direction INTEGER CHECK (direction IN (1, 2, 3)),
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO repository_override_5 (name, kind, enabled, internal, external, granularity, direction, created_at_ms)
  SELECT name, kind, enabled, internal, external, granularity, direction, created_at_ms FROM repository_override;

CREATE TABLE credential_5 (
  repository TEXT NOT NULL REFERENCES repository_override_5 (name) ON DELETE CASCADE,
  side TEXT NOT NULL CHECK (side IN ('internal', 'external')),
  username BLOB NOT NULL,  -- sealed
  token BLOB NOT NULL,     -- sealed
  origin BLOB NOT NULL,    -- sealed; of the address that the token was given for
  PRIMARY KEY (repository, side)
) STRICT, WITHOUT ROWID;
INSERT INTO credential_5 (repository, side, username, token, origin)
  SELECT repository, side, username, token, origin FROM credential;

DROP TABLE credential;
DROP TABLE repository_override;
ALTER TABLE repository_override_5 RENAME TO repository_override;
ALTER TABLE credential_5 RENAME TO credential;

-- the direction that a run went in the end; null: the one it was begun in, which is that of its mark
ALTER TABLE run ADD COLUMN went INTEGER CHECK (went IN (1, 2));
-- what both sides had after the last run that succeeded; empty: not known, or nothing
ALTER TABLE lane ADD COLUMN common_tip TEXT NOT NULL DEFAULT '';
UPDATE lane SET common_tip = source_tip WHERE last_error = '' AND source_tip = target_tip AND last_run_at_ms > 0;
)sql";

// Pending lanes are looked for by age, past repositories that may not run; those of one repository together;
// and those that are due next.
constexpr const char* kSchema6 = R"sql(
DROP INDEX lane_pending;
-- branch_id, which is as unique as id: a search cannot go on behind a rowid
CREATE INDEX lane_pending ON lane (marked_at_ms, repository, branch_id)
  WHERE requested_seq > done_seq AND quarantined = 0;
CREATE INDEX lane_pending_of_repository ON lane (repository, marked_at_ms)
  WHERE requested_seq > done_seq AND quarantined = 0;
CREATE INDEX lane_due_at ON lane (max(next_attempt_at_ms, hold_until_ms))
  WHERE requested_seq > done_seq AND quarantined = 0;
)sql";

constexpr const char* kSchema7 = R"sql(
-- commits that only the source's and only the target's branch had when the last run ended
ALTER TABLE lane ADD COLUMN ahead INTEGER;
ALTER TABLE lane ADD COLUMN behind INTEGER;
)sql";

// Whether something is bad is in the lanes; here is what people know of it, and what is on its way to them.
constexpr const char* kSchema8 = R"sql(
-- what people were told of that has not ended
CREATE TABLE told (
  kind TEXT NOT NULL CHECK (kind IN ('lane', 'host', 'hook')),
  name TEXT NOT NULL,
  event TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  told_at_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice_message (
  id TEXT PRIMARY KEY,
  channel TEXT NOT NULL,
  made_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  message TEXT REFERENCES notice_message (id) ON DELETE CASCADE,  -- null: it waits for one
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  event TEXT NOT NULL,
  repository TEXT NOT NULL,
  internal_ref TEXT NOT NULL,
  external_ref TEXT NOT NULL,
  host TEXT NOT NULL,
  side TEXT NOT NULL,
  error TEXT NOT NULL,
  code_status INTEGER NOT NULL,
  text TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  branches INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX notice_waiting ON notice (channel, id) WHERE message IS NULL;
CREATE INDEX notice_of_message ON notice (message, id) WHERE message IS NOT NULL;
CREATE TABLE notice_channel (
  name TEXT PRIMARY KEY,
  last_sent_at_ms INTEGER NOT NULL DEFAULT 0,
  failing_since_ms INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  given_up INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_in_trouble ON lane (id) WHERE last_error <> '' OR quarantined <> 0;
CREATE INDEX run_of_reconcile ON run (finished_at_ms) WHERE trigger = 'reconcile' AND error = '';
)sql";

constexpr const char* kSchema9 = R"sql(
-- when the push began and when all of the pack was at the target, from the start; 0: it did not come to that
ALTER TABLE run ADD COLUMN first_byte_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN sent_us INTEGER NOT NULL DEFAULT 0;
-- a lane's last runs, by id; not written again when a run ends
CREATE INDEX run_of_lane ON run (lane_id);
)sql";

/// Step n brings version n to n + 1. A released step is never changed.
constexpr std::array<const char*, kSchemaVersion> kSteps{kSchema1, kSchema2, kSchema3, kSchema4, kSchema5,
                                                         kSchema6, kSchema7, kSchema8, kSchema9};

void apply(SqlConnection& connection, std::size_t step) {
  connection.execute("BEGIN IMMEDIATE");
  try {
    connection.execute(kSteps.at(step));
    // A PRAGMA takes no parameters; the number is ours.
    connection.execute(fmt::format("PRAGMA user_version={}", step + 1).c_str());
    crash_point(CrashPoint::MigrationStepWritten);
    connection.execute("COMMIT");
    crash_point(CrashPoint::MigrationStepCommitted);
  } catch (...) {
    if (connection.is_in_transaction()) connection.execute("ROLLBACK");
    throw;
  }
}

}  // namespace

Result<std::int64_t> schema_version(SqlConnection& connection) {
  auto query = connection.query("PRAGMA user_version");
  query.next();
  const auto version = query.integer(0);
  if (version >= 0 && version <= kSchemaVersion) return version;
  return fail(
      ErrorCode::StoreFailed,
      fmt::format("the database has schema version {}, and this program knows {}", version, kSchemaVersion),
      "run the gitferry that wrote it, or a newer one");
}

Status migrate(SqlConnection& connection, std::int64_t version) {
  return attempt("bring the database's schema up to date", [&]() -> Status {
    const auto found = schema_version(connection);
    if (!found) return fail(found.error());
    for (auto step = *found; step < version; ++step) apply(connection, static_cast<std::size_t>(step));
    return {};
  });
}

}  // namespace gitferry
