#pragma once

#include <memory>

#include "agent/git/transport.h"

namespace gitferry {

/// `inner`, whose errors say which host they come from (Error::host), so that whoever has two hosts to do
/// with knows whose failure it is. What is wrong with the bytes of an answer, also that they end too early,
/// names none.
std::unique_ptr<Transport> naming_hosts(std::unique_ptr<Transport> inner);

}  // namespace gitferry
