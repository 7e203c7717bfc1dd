#pragma once

#include <string_view>

#include "agent/git/pkt_line.h"
#include "agent/git/remote_text.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Takes the side-band off a stream (gitprotocol-pack, "Packfile Data"): band 1 is what is read, band 2 goes
/// to `text`, band 3 is an error. The clean end is the flush behind it.
class SideBandReader final : public ByteReader {
 public:
  /// Both must outlive it.
  SideBandReader(PacketReader& packets, RemoteText& text) : packets_(packets), text_(text) {}

  Result<std::size_t> read(std::span<char> out) override;

 private:
  /// Waits for band 1 or the end.
  Status next();

  PacketReader& packets_;
  RemoteText& text_;
  std::string_view rest_;
  bool ended_ = false;
};

}  // namespace gitferry
