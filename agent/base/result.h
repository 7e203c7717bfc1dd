#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "agent/base/error.h"

namespace gitferry {

/// A value or an Error. Expected failures travel this way; nothing throws across a layer.
template <typename T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

/// `return fail(ErrorCode::Timeout, "…", "…");`
inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::make_unexpected(Error{code, std::move(message), std::move(hint), {}});
}

inline tl::unexpected<Error> fail(Error error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace gitferry
