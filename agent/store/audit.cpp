#include "agent/store/audit.h"

#include <string>

#include "agent/store/paging.h"
#include "agent/store/retention.h"

namespace gitferry {
namespace {

#define GITFERRY_AUDIT_SELECT                                                             \
  "SELECT id, at_ms, actor, via, action, repository, branch, state_before, state_after, " \
  "request_id FROM audit "
// Ids grow with the time and are unique, so a page is stable where times are equal.
constexpr const char* kOldestOfAll = GITFERRY_AUDIT_SELECT "ORDER BY id LIMIT ?2 OFFSET ?3";
constexpr const char* kNewestOfAll = GITFERRY_AUDIT_SELECT "ORDER BY id DESC LIMIT ?2 OFFSET ?3";
constexpr const char* kOldestOfOne =
    GITFERRY_AUDIT_SELECT "WHERE repository = ?1 ORDER BY id LIMIT ?2 OFFSET ?3";
constexpr const char* kNewestOfOne =
    GITFERRY_AUDIT_SELECT "WHERE repository = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3";
#undef GITFERRY_AUDIT_SELECT

AuditRow row_of(const Query& query) {
  AuditRow row;
  int column = 0;
  row.id = query.integer(column++);
  row.at_ms = query.integer(column++);
  for (auto* field : {&row.entry.actor, &row.entry.via, &row.entry.action, &row.entry.repository,
                      &row.entry.branch, &row.entry.before, &row.entry.after, &row.entry.request_id}) {
    *field = query.text(column++);
  }
  return row;
}

std::int64_t count(SqlConnection& connection, const std::string& repository) {
  auto query = connection.query(repository.empty() ? "SELECT {count_of_audit}"
                                                   : "SELECT count(*) FROM audit WHERE repository = ?1");
  if (!repository.empty()) query.bind(repository);
  query.next();
  return query.integer(0);
}

}  // namespace

std::int64_t insert_audit(SqlConnection& connection, const AuditEntry& entry, std::int64_t now_ms) {
  return connection
      .query(R"sql(
    INSERT INTO audit (at_ms, actor, via, action, repository, branch, state_before, state_after, request_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))sql")
      .bind(now_ms, entry.actor, entry.via, entry.action, entry.repository, entry.branch, entry.before,
            entry.after, entry.request_id)
      .insert();
}

void prune_audit(SqlConnection& connection, const Retention& keep, std::int64_t now_ms) {
  connection.query("DELETE FROM audit WHERE " GITFERRY_NOT_KEPT("audit", "at_ms"))
      .bind(keep.count, oldest_kept_ms(keep, now_ms))
      .run();
}

Listing<AuditRow> list_audit(SqlConnection& connection, const AuditFilter& filter, const Page& page) {
  const ReadTransaction snapshot(connection);
  Listing<AuditRow> listing;
  listing.total = count(connection, filter.repository);
  const bool all = filter.repository.empty();
  auto query = connection.query(page.ascending ? (all ? kOldestOfAll : kOldestOfOne)
                                               : (all ? kNewestOfAll : kNewestOfOne));
  if (!all) query.bind_from(1, filter.repository);
  query.bind_from(2, page_limit(page), page_offset(page));
  while (query.next()) listing.rows.push_back(row_of(query));
  return listing;
}

}  // namespace gitferry
