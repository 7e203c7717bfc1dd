#include "agent/store/postgres/failure.h"

#include <array>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

struct Meaning {
  std::string_view sqlstate;  ///< or the beginning of some
  ErrorCode code;
  std::string_view hint;
};

constexpr std::string_view kAwayHint = "see that PostgreSQL runs and can be reached, and what its log says";

constexpr std::array<Meaning, 14> kMeanings{{
    {"08", ErrorCode::StoreBusy, kAwayHint},
    {"57P", ErrorCode::StoreBusy, kAwayHint},
    {"25P03", ErrorCode::StoreBusy, "this process did not go on for a while; see what kept it"},
    {"53100", ErrorCode::StoreFull, "free space on the volume of PostgreSQL's data directory"},
    {"53300", ErrorCode::StoreBusy, "raise PostgreSQL's max_connections: an agent takes six"},
    {"40", ErrorCode::StoreBusy, "it is tried again"},
    {"55P03", ErrorCode::StoreBusy, "see in pg_stat_activity who holds a transaction open"},
    {"57014", ErrorCode::StoreBusy, "see in pg_stat_activity what keeps the database busy"},
    {"25006", ErrorCode::StoreFailed,
     "name the primary in storage.url, or add ?target_session_attrs=read-write"},
    {"28", ErrorCode::StoreFailed, "check the user of storage.url, storage.password_file and pg_hba.conf"},
    {"3D000", ErrorCode::StoreFailed, "make the database that storage.url names"},
    {"42501", ErrorCode::StoreFailed, "let the user of storage.url make tables in its schema"},
    {"XX001", ErrorCode::StoreDamaged, "restore the database from a backup"},
    {"XX002", ErrorCode::StoreDamaged, "REINDEX the database, or restore it from a backup"},
}};

}  // namespace

std::string first_line(std::string_view text) {
  return std::string(trim(text.substr(0, text.find('\n'))));
}

Error postgres_away(std::string_view said) {
  return {
      ErrorCode::StoreBusy, fmt::format("PostgreSQL cannot be used: {}", said), std::string(kAwayHint), {}};
}

bool has_ended_session(const PGresult* answer) {
  if (answer == nullptr || PQresultErrorField(answer, PG_DIAG_SQLSTATE) == nullptr) return true;
  const char* severity = PQresultErrorField(answer, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity != nullptr && std::string_view(severity) != "ERROR";
}

Error postgres_failure(const PGconn* connection, const PGresult* answer) {
  const char* state = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  const std::string_view sqlstate = state == nullptr ? "" : state;
  const char* primary = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const auto said = first_line(primary != nullptr ? primary : PQerrorMessage(connection));
  for (const auto& meaning : kMeanings) {
    if (!sqlstate.starts_with(meaning.sqlstate)) continue;
    if (meaning.hint == kAwayHint) return postgres_away(said);
    return {meaning.code, fmt::format("{} ({})", said, sqlstate), std::string(meaning.hint), {}};
  }
  if (sqlstate.empty() || PQstatus(connection) != CONNECTION_OK) return postgres_away(said);
  return {
      ErrorCode::StoreFailed, fmt::format("{} ({})", said, sqlstate), "see what PostgreSQL's log says", {}};
}

}  // namespace gitferry
