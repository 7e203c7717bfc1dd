#pragma once

#include <chrono>
#include <string_view>

#include "agent/git/pkt_line.h"
#include "agent/git/remote_text.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Takes the side-band off a stream (gitprotocol-pack, "Packfile Data"): band 1 is what is read, band 2 goes
/// to `text`, band 3 is an error. The clean end is the flush behind it.
///
/// Errors: those of PacketReader; LimitExceeded (kTextLimit).
class SideBandReader final : public ByteReader {
 public:
  /// Bytes of band 2 in one answer. Who sends more would keep the run busy until its total is over.
  static constexpr std::size_t kTextLimit = 16U << 20U;

  /// Both must outlive it.
  SideBandReader(PacketReader& packets, RemoteText& text) : packets_(packets), text_(text) {}

  Result<std::size_t> read(std::span<char> out) override;
  bool has_bytes(std::chrono::milliseconds patience) override {
    return !rest_.empty() || ended_ || packets_.has_bytes(patience);
  }

 private:
  /// Waits for band 1 or the end.
  Status next();

  PacketReader& packets_;
  RemoteText& text_;
  std::string_view rest_;
  std::size_t text_size_ = 0;
  bool ended_ = false;
};

}  // namespace gitferry
