#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/error.h"

namespace gitferry {

/// What a host sent for people to read: printable, valid UTF-8, white space folded to single blanks, at most
/// `limit` bytes. Terminal escapes and line breaks cannot get through.
std::string cleaned_text(std::string_view text, std::size_t limit);

/// Collects band 2 of a side-band (progress and hook output), line by line, cleaned and bounded.
class RemoteText {
 public:
  /// Bytes kept of one answer; what a host says beyond that is dropped.
  static constexpr std::size_t kLimit = 8192;

  void append(std::string_view bytes);
  /// The lines so far; those that a carriage return overwrote (progress meters) are left out.
  [[nodiscard]] std::string str() const;

 private:
  void finish_line();

  std::string lines_;
  std::string line_;
};

/// The meaning of a fatal message of a git service (an `ERR` packet or band 3). `what` says what was
/// attempted.
///
/// "not our ref" becomes LeaseLost: the host moved the ref after it listed it, so listing again helps.
Error error_from_remote(std::string_view what, std::string_view text);

}  // namespace gitferry
