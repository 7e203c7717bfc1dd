#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/base/error.h"
#include "agent/git/child_process.h"

namespace gitferry {

/// What a program's words on stderr mean for us.
struct Meaning {
  std::string_view fragment;  ///< lower case
  ErrorCode code;
  std::string_view hint;
};

/// The first of `meanings` whose fragment is in `errors`, in whatever case; nullptr if none is.
const Meaning* meaning_of(std::string_view errors, std::span<const Meaning> meanings);

/// What git's own server side said about its end, for local paths and at the far end of ssh.
///
/// Blocking: no. The error quotes the last line of stderr, made printable and short.
Error explain_service_exit(std::string_view what, const ChildExit& exit);

/// The last line that says something, printable and at most 300 bytes.
std::string last_line(std::string_view errors);

}  // namespace gitferry
