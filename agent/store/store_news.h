#pragma once

namespace gitferry {

/// What one process tells others that work on the same database.
enum class StoreNews {
  LanesMarked,       ///< or are due at once
  OverridesChanged,  ///< of bindings
};

}  // namespace gitferry
