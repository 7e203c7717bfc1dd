#pragma once

/// The condition for rows that a Retention does not cover: ?1 is its `count`, ?2 its oldest_kept_ms().
///
/// Ids have no gaps, so that the oldest to keep need not be counted out; and they grow with the time, so that
/// the search for the oldest one young enough ends at the first.
#define GITFERRY_NOT_KEPT(table, time)                                                                   \
  "id <= (SELECT max(id) FROM " table                                                                    \
  ") - ?1 OR id < coalesce("                                                                             \
  "(SELECT id FROM " table " WHERE " time " >= ?2 ORDER BY id LIMIT 1), (SELECT max(id) + 1 FROM " table \
  "))"
