#include <array>

#include "agent/git/pkt_line.h"
#include "agent/git/side_band.h"
#include "tests/fuzz/fuzz_bytes.h"

/// The same bytes as pkt-lines, and as pkt-lines within a side-band.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  fuzz::FuzzBytes plain(data, size);
  PacketReader packets(plain, "fuzz");
  for (;;) {
    const auto packet = packets.read();
    if (!packet) {
      fuzz::require(!packet.error().message.empty());
      break;
    }
    fuzz::require(packet->payload.size() <= kPacketPayloadLimit);
    fuzz::require(packet->is_data() || packet->payload.empty());
  }

  fuzz::FuzzBytes banded(data, size);
  PacketReader bands(banded, "fuzz");
  RemoteText text;
  SideBandReader band(bands, text);
  std::array<char, 100> chunk{};
  for (;;) {
    const auto count = band.read(chunk);
    if (!count || *count == 0) break;
    fuzz::require(*count <= chunk.size());
  }
  for (const char c : text.str()) {
    const auto byte = static_cast<unsigned char>(c);
    fuzz::require(c == '\n' || (byte >= 0x20 && byte != 0x7F));
  }
  return 0;
}
