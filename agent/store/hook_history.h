#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// What a hook last brought to one side of a binding.
struct HookArrival {
  std::int64_t received_at_ms = 0;
  std::string event;
  Verdict verdict = Verdict::Ignored;
  std::string reason;  ///< stable word, empty for an accepted one
};

/// The latest proven delivery of the hook `provider/repository` for a side, in a database that another
/// process may be working on; nothing is changed. Repetitions on demand do not count. nullopt where none is
/// kept, where there is no database, or one of an older schema. Errors: those of Store, for reading.
Result<std::optional<HookArrival>> peek_last_arrival(const std::string& database_path,
                                                     const std::string& provider,
                                                     const std::string& repository, Side side);

/// The same of the hook `provider:name` of an organisation: the latest delivery of a repository below
/// `owner`, which is in lower case; empty: of any.
Result<std::optional<HookArrival>> peek_last_organisation_arrival(const std::string& database_path,
                                                                  const std::string& provider,
                                                                  const std::string& name,
                                                                  const std::string& owner);

}  // namespace gitferry
