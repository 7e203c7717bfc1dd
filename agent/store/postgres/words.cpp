#include "agent/store/postgres/words.h"

#include <array>

namespace gitferry {

// Which agent a session belongs to is a setting of it, so that no statement has to be told.
#define GITFERRY_AGENT "current_setting('gitferry.agent')::bigint"

std::span<const SqlWord> postgres_words() {
  static constexpr std::array<SqlWord, 13> words{{
      {"larger", "greatest"},
      {"smaller", "least"},
      {"position", "strpos"},
      {"texts(", "(SELECT value FROM json_array_elements_text(CAST("},
      {"numbers(", "(SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST("},
      {")", " AS json)))"},
      {"named_refs", "(SELECT ref COLLATE \"C\" AS ref FROM named_refs(refs) AS ref)"},
      {"INDEXED BY run_of_lane", ""},
      {"INDEXED BY lane_in_trouble", ""},
      {"count_of_audit", "count(*) FROM audit"},
      {"is_free",
       "NOT EXISTS (SELECT 1 FROM run AS other WHERE other.lane_id = lane.id AND other.state = 'running' "
       "AND other.agent_id <> " GITFERRY_AGENT ")"},
      {"is_ours", "agent_id = " GITFERRY_AGENT},
      {"is_left_over", "agent_id IN (SELECT id FROM agent WHERE ended_at IS NOT NULL)"},
  }};
  return words;
}

}  // namespace gitferry
