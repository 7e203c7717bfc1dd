#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/pack_scan.h"
#include "agent/git/receive_pack.h"
#include "agent/git/spool.h"
#include "agent/git/transport.h"

namespace gitferry {

/// A pack on its way: what was received but not sent yet, and the stream that the rest comes from.
///
/// Errors: those of the stream and of Spool; Cancelled and Timeout by `waiting` also where bytes keep coming.
class HeldPack {
 public:
  HeldPack(std::unique_ptr<ByteReader> stream, const std::string& spool_directory, const Waiting& waiting);

  /// Reads on until the scan is settled or the pack ends. With `keep`, the bytes can be sent afterwards.
  Status prove(PackScan& scan, bool keep);
  /// Receives until the pack has ended, or more than `limit` bytes are held.
  Status receive(std::uint64_t limit);
  /// Sends what is held and streams the rest. The last `trailer` bytes, without which no pack is valid, go
  /// out only after the stream has ended cleanly. A failure to write is left in `write_failure`.
  Status send(ReceivePack& target, std::size_t trailer);

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] std::uint64_t size() const { return spool_.size(); }
  [[nodiscard]] std::uint64_t bytes_on_disk() const { return spool_.bytes_on_disk(); }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  [[nodiscard]] bool write_failed() const { return write_failed_; }

 private:
  /// The next bytes of the stream; empty at its end.
  Result<std::string_view> next();
  Result<std::size_t> read_for_sending(std::span<char> out);
  [[nodiscard]] Status check_waiting() const;

  std::unique_ptr<ByteReader> stream_;
  Spool spool_;
  const Waiting& waiting_;
  std::vector<char> buffer_;
  bool has_ended_ = false;
  bool write_failed_ = false;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace gitferry
