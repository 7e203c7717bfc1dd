#include "agent/base/crypto.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(Crypto, HmacMatchesRfc4231Case2) {
  EXPECT_EQ(to_hex(hmac_sha256(Secret("Jefe"), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, DigestsMatchPublishedValues) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Crypto, ComparesOnlyEqualBytesAsEqual) {
  EXPECT_TRUE(equal_in_constant_time("same", "same"));
  EXPECT_FALSE(equal_in_constant_time("same", "samf"));
  EXPECT_FALSE(equal_in_constant_time("same", "sam"));
  EXPECT_TRUE(matches(Secret("token"), "token"));
  EXPECT_FALSE(matches(Secret("token"), "token "));
  EXPECT_FALSE(matches(Secret("token"), ""));
}

TEST(Crypto, HexRefusesWhatIsNotHex) {
  EXPECT_EQ(from_hex("00fF"), std::string("\x00\xff", 2));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(from_hex("+1"));
}

TEST(Crypto, Base64IsStrict) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob"}) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_FALSE(from_base64("Zm9vYg"));
  EXPECT_FALSE(from_base64("Zm9vYg=\n"));
  EXPECT_FALSE(from_base64(" m9vYg=="));
  EXPECT_FALSE(from_base64("Zm9vYh=="));  // bits beyond the last byte
  EXPECT_FALSE(from_base64("Zm9v===="));
}

TEST(Crypto, RandomBytesDiffer) {
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

}  // namespace
}  // namespace gitferry
