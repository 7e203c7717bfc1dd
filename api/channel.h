#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace gitferry::api {

/// A client's bytes, plain or through TLS. Never blocks, never raises SIGPIPE, does not own the descriptor.
///
/// Threading: one thread at a time.
class Channel {
 public:
  enum class Outcome {
    Done,
    WantRead,   ///< call again when the descriptor is readable
    WantWrite,  ///< call again when the descriptor is writable
    Closed,     ///< by the other end or by an error; nothing more will come
  };

  virtual ~Channel() = default;
  /// What has to happen before the first byte: the handshake of TLS.
  virtual Outcome open() = 0;
  /// Appends what has arrived, at most `limit` bytes, to `buffer`. Done: at least one byte was appended, and
  /// there may be more.
  virtual Outcome read(std::string& buffer, std::size_t limit) = 0;
  /// Takes what could be written off the front of `bytes`. Done: nothing is left.
  virtual Outcome write(std::string_view& bytes) = 0;
  /// Tells the client that nothing more comes; it may still send.
  virtual Outcome finish() = 0;
};

std::unique_ptr<Channel> plain_channel(int fd);

}  // namespace gitferry::api
