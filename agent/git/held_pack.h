#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/pack_meter.h"
#include "agent/git/pack_scan.h"
#include "agent/git/receive_pack.h"
#include "agent/git/source_pace.h"
#include "agent/git/spool.h"
#include "agent/git/transport.h"
#include "agent/model/object_id.h"
#include "agent/model/transfer_progress.h"

namespace gitferry {

/// A pack on its way: what was received but not sent yet, and the stream that the rest comes from.
///
/// Errors: those of the stream and of Spool; Cancelled and Timeout by `waiting` also where bytes keep coming.
class HeldPack {
 public:
  /// `progress` is told how far the pack is; null: nobody looks. It and `waiting` must outlive this.
  HeldPack(std::unique_ptr<ByteReader> stream, const std::string& spool_directory, const Waiting& waiting,
           TransferProgress* progress = nullptr);

  /// Reads on until the scan is settled or the pack ends. With `keep`, the bytes can be sent afterwards.
  Status prove(PackScan& scan, bool keep);
  /// Receives until the pack has ended, or more than `limit` bytes are held.
  Status receive(std::uint64_t limit);
  /// Sends what is held and streams the rest. The pack's trailer, without which it is not valid, goes out
  /// only after the stream has ended cleanly, and only if it fits the bytes before it: a target that waits
  /// for more of a pack that is too short would not say so. A source that a slow target keeps waiting is read
  /// on regardless (SourcePace), and what comes is held. Whether it was the target that failed says
  /// write_failed().
  Status send(ReceivePack& target, ObjectFormat format);

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] std::uint64_t size() const { return spool_.size(); }
  [[nodiscard]] std::uint64_t bytes_on_disk() const { return spool_.bytes_on_disk(); }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  [[nodiscard]] bool write_failed() const { return write_failed_; }

 private:
  /// The next bytes of the stream; empty at its end.
  Result<std::string_view> next();
  Result<std::size_t> read_stream(std::span<char> out);
  Result<std::size_t> read_for_sending(std::span<char> out);
  Status write(ReceivePack& target, std::string_view bytes);
  Status read_ahead();
  [[nodiscard]] Status check_waiting() const;

  std::unique_ptr<ByteReader> stream_;
  Spool spool_;
  const Waiting& waiting_;
  PackMeter meter_;
  SourcePace pace_;
  std::vector<char> buffer_;
  std::vector<char> ahead_;  ///< a second one, once what is read must not go over what is being sent
  bool has_ended_ = false;
  bool write_failed_ = false;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace gitferry
