#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include "agent/base/error.h"

namespace gitferry {

/// What PostgreSQL, or the way to it, says is wrong: by its SQLSTATE (its manual, appendix A), and by whether
/// the connection is still there.
Error postgres_failure(const PGconn* connection, const PGresult* answer);
/// Whether nothing can be done on the connection any more after this answer, also where libpq does not know
/// yet: the server took its leave, or libpq answered in its place.
bool has_ended_session(const PGresult* answer);
/// That it cannot be reached.
Error postgres_away(std::string_view said);
/// libpq's messages end with a line feed, and may go on with what is for programmers.
std::string first_line(std::string_view text);

}  // namespace gitferry
