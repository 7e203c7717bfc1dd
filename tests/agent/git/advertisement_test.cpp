#include "agent/git/advertisement.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/agent/git/bytes.h"

namespace gitferry::test {
namespace {

using namespace std::string_literals;

std::string id(char digit) {
  return std::string(40, digit);
}
ObjectId object(char digit) {
  return ObjectId::from_hex(id(digit)).value();
}

Result<Advertisement> read(const std::string& bytes, std::size_t piece = SIZE_MAX) {
  Bytes in(bytes, piece);
  PacketReader packets(in, "listing");
  return read_advertisement(packets,
                            {.asked = AskedRefs({"refs/heads/main"}), .keep_refs = true, .keep_tips = true});
}

TEST(Advertisement, ReadsARefListWithItsCapabilities) {
  const auto bytes =
      packet(id('1') + " HEAD\0report-status side-band-64k object-format=sha1 agent=git/2.39\n"s) +
      packet(id('2') + " refs/heads/feature/x\n") + packet(id('1') + " refs/heads/main\n") +
      packet(id('3') + " refs/tags/v1\n") + packet(id('4') + " refs/tags/v1^{}\n") +
      packet(id('5') + " .have\n") + "0000";
  for (const std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
    const auto advertisement = read(bytes, piece);
    ASSERT_TRUE(advertisement) << advertisement.error().text();
    EXPECT_EQ(advertisement->version, 0);
    EXPECT_EQ(advertisement->tip_of("refs/heads/main"), object('1'));
    EXPECT_TRUE(advertisement->capabilities.has("side-band-64k"));
    EXPECT_FALSE(advertisement->capabilities.has("side-band"));
    EXPECT_EQ(advertisement->capabilities.value("agent"), "git/2.39");
    EXPECT_EQ(advertisement->refs.size(), 3U);
    EXPECT_EQ(advertisement->best_tips(256),
              (std::vector{object('1'), object('2'), object('3'), object('5')}));
    EXPECT_EQ(advertisement->best_tips(2).size(), 2U);
    EXPECT_TRUE(advertisement->advertises(object('5')));
    EXPECT_FALSE(advertisement->advertises(object('4')));
    EXPECT_FALSE(advertisement->is_shallow);
  }
}

TEST(Advertisement, ReadsEveryFormOfAnEmptyRepository) {
  for (const auto& bytes :
       {"0000"s, packet(id('0') + " capabilities^{}\0report-status"s) + "0000",
        packet("version 1\n") + packet(id('0') + " capabilities^{}\0report-status"s) + "0000"}) {
    const auto advertisement = read(bytes);
    ASSERT_TRUE(advertisement) << advertisement.error().text();
    EXPECT_TRUE(advertisement->tips.empty());
    EXPECT_TRUE(advertisement->best_tips(10).empty());
  }
}

TEST(Advertisement, ReadsV1AndShallowLines) {
  const auto advertisement = read(packet("version 1\n") + packet(id('1') + " refs/heads/main\0x"s) +
                                  packet("shallow " + id('2')) + "0000");
  ASSERT_TRUE(advertisement) << advertisement.error().text();
  EXPECT_EQ(advertisement->tip_of("refs/heads/main"), object('1'));
  EXPECT_TRUE(advertisement->is_shallow);
}

TEST(Advertisement, ReadsV2Capabilities) {
  const auto advertisement =
      read(packet("version 2\n") + packet("agent=git/2.39\n") + packet("ls-refs=unborn\n") +
           packet("fetch=shallow wait-for-done filter\n") + packet("object-format=sha256\n") + "0000");
  ASSERT_TRUE(advertisement) << advertisement.error().text();
  EXPECT_EQ(advertisement->version, 2);
  EXPECT_EQ(advertisement->format, ObjectFormat::Sha256);
  EXPECT_TRUE(advertisement->capabilities.value_holds("fetch", "filter"));
  EXPECT_FALSE(advertisement->capabilities.value_holds("fetch", "wait"));
}

TEST(Advertisement, ReadsSha256Ids) {
  const auto advertisement =
      read(packet(std::string(64, 'c') + " refs/heads/main\0object-format=sha256"s) + "0000");
  ASSERT_TRUE(advertisement) << advertisement.error().text();
  EXPECT_EQ(advertisement->tip_of("refs/heads/main"), ObjectId::from_hex(std::string(64, 'c')));
  EXPECT_TRUE(advertisement->advertises(*advertisement->tip_of("refs/heads/main")));
}

TEST(Advertisement, RefusesWhatItCannotUnderstand) {
  for (const auto& bad :
       {packet("hello\n") + "0000", packet(id('1') + " refs/heads/main\n") + "0000",  // no capabilities
        packet(id('x') + " refs/heads/main\0x"s) + "0000", packet(id('1') + "\0x"s) + "0000",
        packet(id('1') + " a\0x"s) + packet("short x") + "0000", packet(id('1') + " a\0x"s) + "0001",
        packet(id('1') + " a\0object-format=md5"s) + "0000",
        packet(id('1') + " a\0object-format=sha256"s) + "0000",
        packet(std::string(64, '1') + " a\0x"s) + "0000"}) {
    const auto advertisement = read(bad);
    ASSERT_FALSE(advertisement) << bad;
    EXPECT_EQ(advertisement.error().code, ErrorCode::ProtocolError);
  }
}

TEST(Advertisement, ACutIsNeverTakenForTheWhole) {
  const auto whole = packet(id('1') + " refs/heads/x\0y"s) + packet(id('2') + " refs/heads/main\n") + "0000";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(read(whole.substr(0, size))) << size;
  }
}

/// A host that never stops to advertise.
class EndlessRefs final : public ByteReader {
 public:
  Result<std::size_t> read(std::span<char> out) override {
    for (auto& c : out) {
      c = line_[position_];
      position_ = (position_ + 1) % line_.size();
    }
    return out.size();
  }

 private:
  std::string line_ = packet(id('1') + " refs/heads/" + std::string(30000, 'x') + "\0c"s);
  std::size_t position_ = 0;
};

TEST(Advertisement, S24_StopsAtItsLimit) {
  EndlessRefs in;
  PacketReader packets(in, "listing");
  const auto advertisement = read_advertisement(packets, {.asked = AskedRefs({"refs/heads/main"})});
  ASSERT_FALSE(advertisement);
  EXPECT_EQ(advertisement.error().code, ErrorCode::LimitExceeded);
}

}  // namespace
}  // namespace gitferry::test
