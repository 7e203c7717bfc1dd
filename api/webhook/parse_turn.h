#pragma once

#include <condition_variable>
#include <cstddef>

#include "agent/base/guarded.h"

namespace gitferry::api::webhook {

/// Bounds what all documents that are being read take together: a document takes up to fifty times as much
/// memory as its text, and there are as many workers as requests. Only senders that have proven themselves
/// get here, and one of them may mean harm.
///
/// A large document waits for the other large ones; small ones have room of their own beside it.
///
/// Threading: from any thread.
class ParseTurns {
 public:
  static constexpr std::size_t kTogether = 512U * 1024;  ///< bytes of text
  static constexpr std::size_t kMost = 384U * 1024;      ///< what one counts as at most

  /// Its turn lasts as long as it does.
  class Turn {
   public:
    /// Blocking: until there is room for a document of `bytes`.
    Turn(ParseTurns& turns, std::size_t bytes);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    ParseTurns& turns_;
    const std::size_t weight_;
  };

 private:
  Guarded<std::size_t> in_use_;
  std::condition_variable has_room_;
};

}  // namespace gitferry::api::webhook
