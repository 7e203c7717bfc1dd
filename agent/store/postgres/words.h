#pragma once

#include <span>

#include "agent/store/sql_dialect.h"

namespace gitferry {

/// How PostgreSQL says what sql_dialect.h lists.
std::span<const SqlWord> postgres_words();

}  // namespace gitferry
