#include "agent/store/postgres/schema.h"

#include <array>

#include <fmt/format.h>

#include "agent/base/log.h"

namespace gitferry {
namespace {

// Texts are ordered by their bytes, whatever the database's locale; so is what is looked for behind a key.
//
// As in SQLite's schema, rows refer to each other by foreign keys only where they live equally long.
constexpr const char* kSchema1 = R"sql(
CREATE DOMAIN words AS text COLLATE "C";
CREATE DOMAIN flag AS bigint CHECK (VALUE IN (0, 1));
CREATE DOMAIN way AS bigint CHECK (VALUE IN (1, 2));

-- One run of a program on this database. Its number is what its writes are checked by: of two that believe to
-- have a lane, the database knows which one it is.
CREATE TABLE agent (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host words NOT NULL,
  version words NOT NULL,
  configuration words NOT NULL,  -- a digest; the same where the files are the same
  lease_ms bigint NOT NULL,      -- without a heartbeat for so long it counts as dead
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  ending words NOT NULL DEFAULT '' CHECK (ending IN ('', 'stopped', 'buried'))
);
CREATE INDEX agent_alive ON agent (id) WHERE ended_at IS NULL;
-- the latest write of each, by its own count: whether a commit was taken whose answer was lost
CREATE TABLE agent_write (
  agent_id bigint PRIMARY KEY REFERENCES agent (id),
  number bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE branch_id (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repository words NOT NULL,
  internal_ref words NOT NULL,
  external_ref words NOT NULL,
  created_at_ms bigint NOT NULL DEFAULT 0,
  UNIQUE (repository, internal_ref, external_ref)
);
CREATE TABLE repository_id (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name words NOT NULL UNIQUE,
  created_at_ms bigint NOT NULL,
  addresses words NOT NULL DEFAULT ''  -- fingerprint of those that its lanes ran between; empty: not known
);

CREATE TABLE lane (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  branch_id bigint NOT NULL REFERENCES branch_id (id),
  repository words NOT NULL,
  internal_ref words NOT NULL,
  external_ref words NOT NULL,
  requested_seq bigint NOT NULL DEFAULT 0,
  done_seq bigint NOT NULL DEFAULT 0,
  -- the latest mark in each direction; a direction is asked for while its mark is newer than done_seq
  to_outer_seq bigint NOT NULL DEFAULT 0,
  to_inter_seq bigint NOT NULL DEFAULT 0,
  -- the latest mark in each direction that asked for force; taken back by the run that uses it
  force_to_outer_seq bigint NOT NULL DEFAULT 0,
  force_to_inter_seq bigint NOT NULL DEFAULT 0,
  trigger words NOT NULL DEFAULT 'webhook',
  delivery_id bigint,
  marked_at_ms bigint NOT NULL DEFAULT 0,
  folded_at_ms bigint,  -- the first mark that the run in progress does not cover
  attempts bigint NOT NULL DEFAULT 0,
  next_attempt_at_ms bigint NOT NULL DEFAULT 0,
  hold_until_ms bigint NOT NULL DEFAULT 0,
  crash_count bigint NOT NULL DEFAULT 0,
  quarantined flag NOT NULL DEFAULT 0,
  last_plan words NOT NULL DEFAULT '',
  last_direction bigint NOT NULL DEFAULT 0,  -- of the run that the tips are known from; 0: none yet
  source_tip words NOT NULL DEFAULT '',
  target_tip words NOT NULL DEFAULT '',
  ahead bigint,
  behind bigint,
  common_tip words NOT NULL DEFAULT '',  -- what both sides had after the last run that succeeded
  put_to_outer words NOT NULL DEFAULT '',
  put_to_inter words NOT NULL DEFAULT '',
  last_code_status bigint NOT NULL DEFAULT 0,
  last_error words NOT NULL DEFAULT '',
  last_text words NOT NULL DEFAULT '',
  last_run_at_ms bigint NOT NULL DEFAULT 0,
  last_success_at_ms bigint NOT NULL DEFAULT 0,
  -- runs up to this one were between other addresses: what they end with says nothing of these
  forgotten_run_id bigint NOT NULL DEFAULT 0,
  UNIQUE (repository, internal_ref, external_ref),
  CHECK (requested_seq >= done_seq)
) WITH (fillfactor = 70);
CREATE INDEX lane_pending ON lane (marked_at_ms, repository, branch_id)
  WHERE requested_seq > done_seq AND quarantined = 0;
CREATE INDEX lane_pending_of_repository ON lane (repository, marked_at_ms)
  WHERE requested_seq > done_seq AND quarantined = 0;
CREATE INDEX lane_due_at ON lane (greatest(next_attempt_at_ms, hold_until_ms))
  WHERE requested_seq > done_seq AND quarantined = 0;
CREATE INDEX lane_in_trouble ON lane (id) WHERE last_error <> '' OR quarantined <> 0;

CREATE TABLE delivery (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider words NOT NULL,
  hook words NOT NULL,
  request_id words NOT NULL,
  repository words NOT NULL,        -- empty: it reached no binding
  named_repository words NOT NULL,
  side words CHECK (side IN ('internal', 'external')),
  event words NOT NULL,
  provider_delivery_id words NOT NULL,
  signed_id words NOT NULL,
  source_address words NOT NULL,
  verdict words NOT NULL CHECK (verdict IN ('accepted', 'ignored', 'duplicate', 'refused')),
  reason words NOT NULL,
  refs words NOT NULL,
  body_sha256 words NOT NULL,
  body_bytes bigint NOT NULL,
  received_at_ms bigint NOT NULL,
  -- other deliveries, which may be gone by now
  replay_of bigint,
  duplicate_of bigint,
  same_body_as bigint,
  CHECK ((verdict = 'duplicate') = (duplicate_of IS NOT NULL))
);
CREATE INDEX delivery_by_repository ON delivery (repository, id);
CREATE INDEX delivery_by_verdict ON delivery (verdict, id);
CREATE INDEX delivery_by_repository_and_verdict ON delivery (repository, verdict, id);
CREATE INDEX delivery_by_signed_id ON delivery (hook, signed_id, repository)
  WHERE signed_id <> '' AND verdict = 'accepted';
CREATE INDEX delivery_by_body ON delivery (substr(body_sha256, 1, 12), hook) WHERE body_sha256 <> '';

CREATE TABLE delivery_lane (
  delivery_id bigint NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
  lane_id bigint NOT NULL REFERENCES lane (id),
  -- what was marked: the direction, and the requested_seq that the mark gave
  direction way,
  seq bigint,
  PRIMARY KEY (delivery_id, lane_id)
);

CREATE TABLE run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane_id bigint NOT NULL REFERENCES lane (id),
  -- who runs it; a session says of itself which one it is
  agent_id bigint NOT NULL REFERENCES agent (id) DEFAULT current_setting('gitferry.agent')::bigint,
  direction way NOT NULL,
  went way,  -- the direction that it went in the end; null: the one it was begun in, which is that of its mark
  trigger words NOT NULL,
  delivery_id bigint,
  requested_seq bigint,  -- what it began from
  is_settled flag NOT NULL DEFAULT 0,  -- whether that is done with its end: it is not to be tried again
  state words NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
  plan words NOT NULL DEFAULT '',
  source_tip words NOT NULL DEFAULT '',
  target_tip_before words NOT NULL DEFAULT '',
  target_tip_after words NOT NULL DEFAULT '',
  pack_bytes bigint NOT NULL DEFAULT 0,
  listing_us bigint NOT NULL DEFAULT 0,
  first_byte_us bigint NOT NULL DEFAULT 0,
  sent_us bigint NOT NULL DEFAULT 0,
  total_us bigint NOT NULL DEFAULT 0,
  code_status bigint NOT NULL DEFAULT 0,
  error words NOT NULL DEFAULT '',
  text words NOT NULL DEFAULT '',
  started_at_ms bigint NOT NULL,
  finished_at_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX run_by_lane ON run (lane_id, direction, is_settled, requested_seq);
CREATE INDEX run_of_lane ON run (lane_id, id);
-- One run of a lane at a time, over all agents: what the agents agree on is also what the database refuses.
CREATE UNIQUE INDEX run_running ON run (lane_id) WHERE state = 'running';
CREATE INDEX run_running_of_agent ON run (agent_id) WHERE state = 'running';
CREATE INDEX run_of_reconcile ON run (finished_at_ms) WHERE trigger = 'reconcile' AND error = '';

CREATE TABLE repository_override (
  name words PRIMARY KEY,
  kind words NOT NULL CHECK (kind IN ('change', 'bound', 'unbound')),
  enabled flag,
  internal bytea,  -- sealed
  external bytea,  -- sealed
  granularity bigint CHECK (granularity IN (1, 2)),
  direction bigint CHECK (direction IN (1, 2, 3)),
  created_at_ms bigint NOT NULL
);
CREATE TABLE credential (
  repository words NOT NULL REFERENCES repository_override (name) ON DELETE CASCADE,
  side words NOT NULL CHECK (side IN ('internal', 'external')),
  username bytea NOT NULL,  -- sealed
  token bytea NOT NULL,     -- sealed
  origin bytea NOT NULL,    -- sealed; of the address that the token was given for
  PRIMARY KEY (repository, side)
);
-- Names its repository without a foreign key: a repository of the file needs no override of its own.
CREATE TABLE branch_override (
  repository words NOT NULL,
  internal words NOT NULL,
  external words NOT NULL,
  kind words NOT NULL CHECK (kind IN ('change', 'bound', 'unbound')),
  enabled flag,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (repository, internal, external)
);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at_ms bigint NOT NULL,
  actor words NOT NULL,
  via words NOT NULL,
  action words NOT NULL,
  repository words NOT NULL,
  branch words NOT NULL,
  state_before words NOT NULL,
  state_after words NOT NULL,
  request_id words NOT NULL
);
CREATE INDEX audit_by_repository ON audit (repository, id);

-- what people were told of that has not ended
CREATE TABLE told (
  kind words NOT NULL CHECK (kind IN ('lane', 'host', 'hook')),
  name words NOT NULL,
  event words NOT NULL,
  since_ms bigint NOT NULL,
  told_at_ms bigint NOT NULL,
  PRIMARY KEY (kind, name)
);
CREATE TABLE notice_message (
  id words PRIMARY KEY,
  channel words NOT NULL,
  made_at_ms bigint NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  next_attempt_at_ms bigint NOT NULL
);
CREATE TABLE notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel words NOT NULL,
  message words REFERENCES notice_message (id) ON DELETE CASCADE,  -- null: it waits for one
  kind words NOT NULL,
  name words NOT NULL,
  event words NOT NULL,
  repository words NOT NULL,
  internal_ref words NOT NULL,
  external_ref words NOT NULL,
  host words NOT NULL,
  side words NOT NULL,
  error words NOT NULL,
  code_status bigint NOT NULL,
  text words NOT NULL,
  attempts bigint NOT NULL,
  branches bigint NOT NULL,
  since_ms bigint NOT NULL,
  at_ms bigint NOT NULL
);
CREATE INDEX notice_waiting ON notice (channel, id) WHERE message IS NULL;
CREATE INDEX notice_of_message ON notice (message, id) WHERE message IS NOT NULL;
CREATE TABLE notice_channel (
  name words PRIMARY KEY,
  last_sent_at_ms bigint NOT NULL DEFAULT 0,
  failing_since_ms bigint NOT NULL DEFAULT 0,
  last_error words NOT NULL DEFAULT '',
  given_up bigint NOT NULL DEFAULT 0
);

-- The names in a delivery's refs; none where they are no JSON, or not what gitferry writes.
CREATE FUNCTION named_refs(refs text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT item ->> 'ref' FROM json_array_elements(refs::json) AS item WHERE json_typeof(item) = 'object';
EXCEPTION WHEN data_exception THEN
  RETURN;
END $$;
)sql";

/// Step n brings version n to n + 1. A released step is never changed.
constexpr std::array<const char*, kPostgresSchemaVersion> kSteps{kSchema1};

bool has_version_table(SqlConnection& connection) {
  auto query = connection.query("SELECT to_regclass('gitferry_schema') IS NOT NULL");
  return query.next() && query.integer(0) != 0;
}

/// What somebody else keeps there must not be mixed with ours.
Status expect_empty(SqlConnection& connection) {
  auto query = connection.query("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()");
  query.next();
  if (query.integer(0) == 0) return {};
  return fail(
      ErrorCode::StoreFailed,
      fmt::format("the schema has {} tables of somebody else, and none of gitferry", query.integer(0)),
      "give gitferry a database or a schema of its own: ?options=-csearch_path%3Dgitferry");
}

Status bring_up(SqlConnection& connection) {
  const auto version = postgres_schema_version(connection);
  if (!version) return fail(version.error());
  if (*version == 0) {
    if (auto empty = expect_empty(connection); !empty) return empty;
    connection.execute(
        "CREATE TABLE gitferry_schema (version bigint NOT NULL); INSERT INTO gitferry_schema VALUES (0)");
  }
  for (auto step = *version; step < kPostgresSchemaVersion; ++step) {
    connection.execute(kSteps.at(static_cast<std::size_t>(step)));
    connection.query("UPDATE gitferry_schema SET version = ?1").bind(step + 1).run();
  }
  return {};
}

Status refuse(const std::string& what, std::string hint) {
  return fail(ErrorCode::StoreFailed, what, std::move(hint));
}

}  // namespace

Result<std::int64_t> postgres_schema_version(SqlConnection& connection) {
  if (!has_version_table(connection)) return 0;
  auto query = connection.query("SELECT version FROM gitferry_schema");
  const auto version = query.next() ? query.integer(0) : 0;
  if (version >= 0 && version <= kPostgresSchemaVersion) return version;
  return fail(ErrorCode::StoreFailed,
              fmt::format("the database has schema version {}, and this program knows {}", version,
                          kPostgresSchemaVersion),
              "run the gitferry that wrote it, or a newer one");
}

Status migrate_postgres(SqlConnection& connection) {
  return attempt("bring the database's schema up to date", [&]() -> Status {
    connection.begin_writing();
    auto done = attempt("bring it up to date", [&] { return bring_up(connection); });
    if (!done) {
      connection.roll_back();
      return done;
    }
    connection.commit();
    return {};
  });
}

Status check_postgres_server(SqlConnection& connection) {
  auto query = connection.query(
      "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), "
      "coalesce(current_schema(), ''), current_setting('fsync'), current_setting('full_page_writes')");
  query.next();
  constexpr std::int64_t oldest = 130'000;
  if (query.integer(0) < oldest) return refuse("PostgreSQL is older than 13", "use a newer server");
  if (query.text(1) != "UTF8") {
    return refuse(
        fmt::format("the database's encoding is {}, and names of branches are UTF-8", query.text(1)),
        "make it with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0");
  }
  if (query.text(2).empty())
    return refuse("the schema of the connection's search_path does not exist", "make it with CREATE SCHEMA");
  for (const auto& [column, name] : {std::pair{3, "fsync"}, std::pair{4, "full_page_writes"}}) {
    if (query.text(column) == "off")
      log::warn("PostgreSQL may lose what it acknowledged in a power cut",
                {{"setting", name}, {"value", "off"}});
  }
  return {};
}

}  // namespace gitferry
