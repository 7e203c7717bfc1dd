#pragma once

#include <cstdint>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/notify/troubles.h"
#include "agent/store/notice_book.h"

namespace gitferry {

/// Finds webhooks that have stopped to come: the reconcile found pushes of a side, more than once, that no
/// delivery had told of, and none has come since. A side that has no webhook, and never had one, is not
/// silent: the reconcile is all it has. What was told of a side whose pushes are to be synced no longer is
/// forgotten.
///
/// Errors: those of `book`.
Result<Findings> judge_hooks(const TroubleView& view, const BindingSnapshot& bindings, NoticeBook& book,
                             std::int64_t now_ms);

}  // namespace gitferry
