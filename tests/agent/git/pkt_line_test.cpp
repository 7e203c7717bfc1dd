#include "agent/git/pkt_line.h"

#include <gtest/gtest.h>

#include "agent/git/remote_text.h"
#include "agent/git/side_band.h"
#include "tests/agent/git/bytes.h"

namespace gitferry::test {
namespace {

Result<std::string> side_band(const std::string& bytes, RemoteText& text, std::size_t piece = SIZE_MAX) {
  Bytes in(bytes, piece);
  PacketReader packets(in, "fetching");
  SideBandReader band(packets, text);
  return read_all(band, 3);
}

ErrorCode failure_of(const std::string& bytes) {
  Bytes in(bytes);
  PacketReader packets(in, "listing");
  for (;;) {
    const auto packet = packets.read();
    if (!packet) return packet.error().code;
  }
}

TEST(PktLine, CutsAStreamIntoPacketsWhateverThePieces) {
  const auto bytes =
      packet("hello\n") + "0000" + packet("") + "0001" + "0002" + packet(std::string(65516, 'x')) + "behind";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{4096}, SIZE_MAX}) {
    Bytes in(bytes, piece);
    PacketReader packets(in, "listing");
    EXPECT_EQ(packets.read()->line(), "hello");
    EXPECT_EQ(packets.read()->kind, Packet::Kind::Flush);
    const auto empty = packets.read();
    EXPECT_TRUE(empty->is_data() && empty->payload.empty());
    EXPECT_EQ(packets.read()->kind, Packet::Kind::Delimiter);
    EXPECT_EQ(packets.read()->kind, Packet::Kind::ResponseEnd);
    EXPECT_EQ(packets.read()->payload.size(), kPacketPayloadLimit);
    std::string behind;
    std::string buffer(100, '\0');
    while (const auto count = packets.read_raw(buffer).value()) behind.append(buffer, 0, count);
    EXPECT_EQ(behind, "behind");
  }
}

TEST(PktLine, S24_RefusesLengthsThatCannotBe) {
  for (const auto* bad : {"0003", "fff1", "ffff", "00g0", "-001", "+001", " 001", "0x10", "HTTP/1.1 200 OK",
                          "<!DOCTYPE html>"}) {
    EXPECT_EQ(failure_of(bad), ErrorCode::ProtocolError) << bad;
  }
}

TEST(PktLine, ReportsEveryCut) {
  const auto whole = packet("hello\n");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(failure_of(whole.substr(0, size)), ErrorCode::ConnectionFailed) << size;
  }
}

TEST(PktLine, GivesErrorPacketsTheirMeaning) {
  EXPECT_EQ(failure_of(packet("ERR upload-pack: not our ref 1234")), ErrorCode::LeaseLost);
  EXPECT_EQ(failure_of(packet("ERR access denied or repository not exported: /x")),
            ErrorCode::RepositoryMissing);
  EXPECT_EQ(failure_of(packet("ERR something else")), ErrorCode::ProtocolError);
}

TEST(PktLine, S30_ErrorTextsAreCleanedAndShort) {
  const auto error =
      error_from_remote("listing", "\x1b[31mred\x1b[0m\r\nline\0two \xff" + std::string(5000, 'x'));
  EXPECT_LT(error.message.size(), 500U);
  for (const char c : error.message) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(SideBand, SeparatesTheBands) {
  const auto bytes =
      packet("\1PA") + packet("\2Counting: 10%\rCounting: 100%\n") + packet("\1") + packet("\1CK") + "0000";
  for (const std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
    RemoteText text;
    EXPECT_EQ(side_band(bytes, text, piece).value(), "PACK");
    EXPECT_EQ(text.str(), "Counting: 100%");
  }
}

TEST(SideBand, FailsOnTheFatalBandAnUnknownOneAndACut) {
  RemoteText text;
  EXPECT_EQ(side_band(packet("\1PA") + packet("\3out of memory"), text).error().code, ErrorCode::HostError);
  EXPECT_EQ(side_band(packet("\3upload-pack: not our ref x"), text).error().code, ErrorCode::LeaseLost);
  EXPECT_EQ(side_band(packet("\4x"), text).error().code, ErrorCode::ProtocolError);
  EXPECT_EQ(side_band(packet(""), text).error().code, ErrorCode::ProtocolError);
  EXPECT_EQ(side_band(packet("\1PA"), text).error().code, ErrorCode::ConnectionFailed);
}

TEST(RemoteText, S24_IsBoundedWhateverAHostSays) {
  RemoteText text;
  for (int i = 0; i < 1000; ++i) text.append("A line of some length from a hook\n");
  text.append(std::string(1U << 20U, 'x'));
  EXPECT_LE(text.str().size(), RemoteText::kLimit);
}

}  // namespace
}  // namespace gitferry::test
