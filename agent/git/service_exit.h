#pragma once

#include <string>
#include <string_view>

#include "agent/base/error.h"
#include "agent/git/child_process.h"

namespace gitferry {

/// What git's own server side said about its end, for local paths and at the far end of ssh.
///
/// Blocking: no. The error quotes the last line of stderr, made printable and short.
Error explain_service_exit(std::string_view what, const ChildExit& exit);

/// The last line that says something, printable and at most 300 bytes.
std::string last_line(std::string_view errors);

}  // namespace gitferry
