#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/transport.h"

namespace gitferry {

/// pkt-lines of git's wire protocol (gitprotocol-common): four hexadecimal digits of length, which count
/// themselves, then the payload.

/// Longest pkt-line with its length digits, and what fits into one.
constexpr std::size_t kPacketLimit = 65520;
constexpr std::size_t kPacketPayloadLimit = kPacketLimit - 4;

constexpr std::string_view kFlushPacket = "0000";
constexpr std::string_view kDelimiterPacket = "0001";

/// `text` as one pkt-line. Precondition: it fits (kPacketPayloadLimit).
std::string packet(std::string_view text);

struct Packet {
  enum class Kind { Data, Flush, Delimiter, ResponseEnd };
  Kind kind = Kind::Flush;
  std::string_view payload;  ///< valid until the next read

  [[nodiscard]] bool is_data() const { return kind == Kind::Data; }
  /// The payload without the newline that text packets usually end with.
  [[nodiscard]] std::string_view line() const {
    return payload.ends_with('\n') ? payload.substr(0, payload.size() - 1) : payload;
  }
};

/// Cuts a stream into pkt-lines.
///
/// It reads ahead: what is behind the last packet taken is reached through read_raw() only.
/// Errors: ProtocolError for a length that cannot be, ConnectionFailed where the stream ends before the
/// packet
///         does, what an `ERR` packet means (error_from_remote), and what the stream below fails with.
class PacketReader {
 public:
  /// `what` begins the text of errors: what is being attempted, on which host.
  PacketReader(ByteReader& in, std::string what);

  Result<Packet> read();
  /// As read(), but a stream that ends here gives a Flush: for answers that a server may just leave out.
  Result<Packet> read_or_end();
  /// The bytes behind the packets read so far, without framing; 0 is the end.
  Result<std::size_t> read_raw(std::span<char> out);
  /// As ByteReader::has_bytes(). The rest of a packet that has begun to come is not waited for here.
  bool has_bytes(std::chrono::milliseconds patience) { return begin_ != end_ || in_.has_bytes(patience); }
  [[nodiscard]] const std::string& what() const { return what_; }

 private:
  /// Has at least `count` bytes at `begin_`; false where the stream ended before.
  Result<bool> fill(std::size_t count);
  Result<Packet> next(bool may_end);

  ByteReader& in_;
  std::string what_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gitferry
