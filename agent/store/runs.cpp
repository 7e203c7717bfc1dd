#include "agent/store/runs.h"

#include <string>

#include "agent/base/error.h"
#include "agent/store/json_array.h"
#include "agent/store/lanes.h"
#include "agent/store/paging.h"
#include "agent/store/retention.h"

namespace gitferry {
namespace {

constexpr std::string_view kCrashText = "gitferry ended while this run was in progress; the lane runs again";
constexpr std::string_view kLostEndText = "the end of this run could not be recorded; the lane runs again";

// The filters are JSON arrays, so that their lengths do not change the statement; null: no filter.
#define GITFERRY_RUNS_JOINED "FROM run JOIN lane ON lane.id = run.lane_id "
#define GITFERRY_RUNS_FROM                                  \
  GITFERRY_RUNS_JOINED                                      \
  "WHERE (?1 IS NULL OR lane.repository IN {texts(}?1{)}) " \
  "AND (?2 IS NULL OR lane.branch_id IN {numbers(}?2{)}) "
#define GITFERRY_RUNS_COLUMNS                                                                       \
  "SELECT run.id, run.lane_id, lane.branch_id, lane.repository, lane.internal_ref, "                \
  "lane.external_ref, coalesce(run.went, run.direction), run.trigger, run.delivery_id, run.state, " \
  "run.plan, "                                                                                      \
  "run.source_tip, run.target_tip_before, run.target_tip_after, run.pack_bytes, run.listing_us, "   \
  "run.first_byte_us, run.sent_us, run.total_us, run.code_status, run.error, run.text, "            \
  "run.started_at_ms, run.finished_at_ms "
#define GITFERRY_RUNS_SELECT GITFERRY_RUNS_COLUMNS GITFERRY_RUNS_FROM

constexpr const char* kCount = "SELECT count(*) " GITFERRY_RUNS_FROM;
// Ids grow with the start and are unique, so a page is stable where times are equal.
constexpr const char* kOldestFirst = GITFERRY_RUNS_SELECT "ORDER BY run.id LIMIT ?3 OFFSET ?4";
constexpr const char* kNewestFirst = GITFERRY_RUNS_SELECT "ORDER BY run.id DESC LIMIT ?3 OFFSET ?4";
constexpr const char* kOne = GITFERRY_RUNS_COLUMNS GITFERRY_RUNS_JOINED "WHERE run.id = ?1";
#undef GITFERRY_RUNS_SELECT
#undef GITFERRY_RUNS_COLUMNS
#undef GITFERRY_RUNS_FROM
#undef GITFERRY_RUNS_JOINED

RunRow row_of(const Query& query) {
  RunRow row;
  int column = 0;
  row.id = query.integer(column++);
  row.lane_id = query.integer(column++);
  row.branch_id = query.integer(column++);
  row.key.repository = query.text(column++);
  row.key.internal_ref = query.text(column++);
  row.key.external_ref = query.text(column++);
  row.direction = query.integer(column++) == 1 ? Direction::ToOuter : Direction::ToInter;
  row.trigger = trigger_from(query.text(column++));
  row.delivery_id = query.optional_integer(column++);
  row.state = run_state_from(query.text(column++));
  row.plan = query.text(column++);
  row.source_tip = query.text(column++);
  row.target_tip_before = query.text(column++);
  row.target_tip_after = query.text(column++);
  row.pack_bytes = query.integer(column++);
  row.listing_us = query.integer(column++);
  row.first_byte_us = query.integer(column++);
  row.sent_us = query.integer(column++);
  row.total_us = query.integer(column++);
  row.code_status = static_cast<int>(query.integer(column++));
  row.error = query.text(column++);
  row.text = query.text(column++);
  row.started_at_ms = query.integer(column++);
  row.finished_at_ms = query.integer(column++);
  return row;
}

void bind_filter(Query& query, const RunFilter& filter, const Page& page, bool with_page) {
  const auto repositories = json_array(filter.repositories);
  const auto branches = json_array(filter.branch_ids);
  query.bind_text_or_null(1, filter.repositories.empty() ? nullptr : &repositories);
  query.bind_text_or_null(2, filter.branch_ids.empty() ? nullptr : &branches);
  if (with_page) query.bind_from(3, page_limit(page), page_offset(page));
}

// Of one lane it is a search of its own: with very many runs in progress, a scan for each would be too slow.
#define GITFERRY_INTERRUPT                                                                              \
  "UPDATE run SET state = 'interrupted', finished_at_ms = ?1, text = ?2, code_status = ?3, error = ?4 " \
  "WHERE "                                                                                              \
  "state = 'running' "

void interrupt_of_lane(SqlConnection& connection, std::int64_t lane_id, std::int64_t now_ms) {
  const auto& row = info(ErrorCode::Cancelled);
  connection.query(GITFERRY_INTERRUPT "AND lane_id = ?5")
      .bind(now_ms, kLostEndText, row.code_status, row.name, lane_id)
      .run();
}

}  // namespace

RunState run_state_from(const std::string& name) {
  for (const auto state : {RunState::Running, RunState::Interrupted}) {
    if (name == name_of(state)) return state;
  }
  return RunState::Finished;
}

std::int64_t insert_run(SqlConnection& connection, const LaneRow& lane, Direction direction,
                        std::int64_t started_at_ms) {
  interrupt_of_lane(connection, lane.id, started_at_ms);
  return connection
      .query(R"sql(
    INSERT INTO run (lane_id, direction, trigger, delivery_id, state, started_at_ms, requested_seq)
    VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6))sql")
      .bind(lane.id, static_cast<int>(direction), name_of(lane.trigger), lane.delivery_id, started_at_ms,
            lane.requested_seq)
      .insert();
}

bool end_run(SqlConnection& connection, const RunEnd& end) {
  const auto& report = end.report;
  const auto* error = report.error ? &info(report.error->code) : nullptr;
  // A run for addresses that were changed meanwhile settles nothing: the lane stays pending.
  auto query = connection.query(R"sql(
    UPDATE run SET state = 'finished', plan = ?2, source_tip = ?3, target_tip_before = ?4, target_tip_after = ?5,
      pack_bytes = ?6, listing_us = ?7, total_us = ?8, code_status = ?9, error = ?10, text = ?11,
      finished_at_ms = ?12, went = ?14, first_byte_us = ?15, sent_us = ?16,
      is_settled = CASE WHEN ?13 = 1
        AND (SELECT forgotten_run_id FROM lane WHERE lane.id = run.lane_id) < run.id THEN 1 ELSE 0 END
    WHERE id = ?1 AND state = 'running' AND {is_ours} RETURNING id)sql");
  std::optional<std::int64_t> went;
  if (end.went) went = static_cast<int>(*end.went);
  query.bind(end.run_id, name_of(report.plan), hex_of(report.source_tip), hex_of(report.target_tip_before),
             hex_of(report.target_tip_after), report.pack_bytes, report.listing.count(), report.total.count(),
             error ? error->code_status : 0, error ? error->name : std::string_view(), end.text,
             end.finished_at_ms, end.done_seq.has_value(), went, report.first_byte.count(),
             report.sent.count());
  const bool ended = query.next();
  if (ended) query.next();  // steps to the end: only then is the statement's work complete
  return ended;
}

void interrupt_runs(SqlConnection& connection, std::int64_t now_ms) {
  const auto& row = info(ErrorCode::Cancelled);
  connection.query(GITFERRY_INTERRUPT "AND {is_left_over}")
      .bind(now_ms, kCrashText, row.code_status, row.name)
      .run();
}

void prune_runs(SqlConnection& connection, const Retention& keep, std::int64_t now_ms) {
  connection
      .query("DELETE FROM run WHERE state <> 'running' AND (" GITFERRY_NOT_KEPT("run", "started_at_ms") ")")
      .bind(keep.count, oldest_kept_ms(keep, now_ms))
      .run();
}

std::optional<RunRow> find_run(SqlConnection& connection, std::int64_t id) {
  auto query = connection.query(kOne);
  if (!query.bind(id).next()) return std::nullopt;
  return row_of(query);
}

std::vector<RunMark> latest_runs_of(SqlConnection& connection, std::int64_t lane_id, std::int64_t limit) {
  auto query = connection.query(
      "SELECT id, state, plan, code_status, started_at_ms, finished_at_ms FROM run {INDEXED BY run_of_lane} "
      "WHERE lane_id = ?1 ORDER BY id DESC LIMIT ?2");
  query.bind(lane_id, limit);
  std::vector<RunMark> runs;
  while (query.next()) {
    int column = 0;
    auto& run = runs.emplace_back();
    run.id = query.integer(column++);
    run.state = run_state_from(query.text(column++));
    run.plan = query.text(column++);
    run.code_status = static_cast<int>(query.integer(column++));
    run.started_at_ms = query.integer(column++);
    run.finished_at_ms = query.integer(column++);
  }
  return runs;
}

Listing<RunRow> list_runs(SqlConnection& connection, const RunFilter& filter, const Page& page) {
  const ReadTransaction snapshot(connection);
  Listing<RunRow> listing;
  {
    auto query = connection.query(kCount);
    bind_filter(query, filter, page, false);
    query.next();
    listing.total = query.integer(0);
  }
  auto query = connection.query(page.ascending ? kOldestFirst : kNewestFirst);
  bind_filter(query, filter, page, true);
  while (query.next()) listing.rows.push_back(row_of(query));
  return listing;
}

}  // namespace gitferry
