#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gitferry {

/// Applies a delta (gitformat-pack, "Deltified representation") to `base`. nullopt where it is malformed, is
/// made for another base, or its result is larger than `limit`.
std::optional<std::string> apply_delta(std::string_view base, std::string_view delta, std::size_t limit);

}  // namespace gitferry
