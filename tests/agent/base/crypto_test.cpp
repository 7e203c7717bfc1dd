#include "agent/base/crypto.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(Crypto, HmacMatchesRfc4231Case2) {
  EXPECT_EQ(to_hex(hmac_sha256(Secret("Jefe"), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, HmacSha1MatchesRfc2202Case2) {
  EXPECT_EQ(to_hex(hmac_sha1(Secret("Jefe"), "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Crypto, DigestsMatchPublishedValues) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Crypto, S14_ComparesOnlyEqualBytesAsEqual) {
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

/// The published form of a vector: nonce, ciphertext and tag apart.
struct GcmVector {
  const char* key;
  const char* nonce;
  const char* plaintext;
  const char* context;
  const char* ciphertext;
  const char* tag;
};

std::string raw(const std::string& hex) {
  return from_hex(hex).value();
}

// The GCM specification (McGrew, Viega), test cases 13, 14 and 16.
TEST(Sealing, OpensThePublishedVectorsOfAes256Gcm) {
  const std::string zeros(64, '0');
  const GcmVector vectors[] = {
      {zeros.c_str(), "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {zeros.c_str(), "000000000000000000000000", "00000000000000000000000000000000", "",
       "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16ae"
       "df5aa"
       "0de657ba637b39",
       "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61"
       "e6393"
       "ba7a0abcc9f662",
       "76fc6ece0f4e1768cddf8853bb2d551b"},
  };
  for (const auto& vector : vectors) {
    const auto opened =
        unseal(Secret(raw(vector.key)), "\x01" + raw(vector.nonce) + raw(vector.ciphertext) + raw(vector.tag),
               raw(vector.context));
    ASSERT_TRUE(opened) << vector.tag;
    EXPECT_EQ(to_hex(opened->reveal()), vector.plaintext);
  }
}

const Secret kKey(std::string(kSealingKeySize, 'k'));

TEST(Sealing, OpensWhatItSealedAndNeverSealsTwiceTheSame) {
  for (const auto& text :
       {std::string(), std::string("token"), std::string("\0\xff", 2), std::string(100'000, 'x')}) {
    const auto sealed = seal(kKey, text, "place").value();
    const auto opened = unseal(kKey, sealed, "place");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), text);
    EXPECT_NE(sealed, seal(kKey, text, "place").value());
    EXPECT_TRUE(text.empty() || sealed.find(text) == std::string::npos);
  }
}

TEST(Sealing, OpensNothingThatWasChanged) {
  const auto sealed = seal(kKey, "token", "place").value();
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto changed = sealed;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << bit));
      EXPECT_FALSE(unseal(kKey, changed, "place")) << at;
    }
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(unseal(kKey, sealed.substr(0, size), "place")) << size;
  }
  EXPECT_FALSE(unseal(kKey, sealed + '\0', "place"));
}

TEST(Sealing, OpensNothingWithAnotherKeyOrElsewhere) {
  const auto sealed = seal(kKey, "token", "place").value();
  EXPECT_FALSE(unseal(Secret(std::string(kSealingKeySize, 'K')), sealed, "place"));
  EXPECT_FALSE(unseal(kKey, sealed, "another place"));
  EXPECT_FALSE(unseal(kKey, sealed, ""));
}

TEST(Sealing, TakesOnlyKeysOfTheRightSize) {
  const auto sealed = seal(kKey, "token", "place").value();
  for (const std::size_t size : {0U, 16U, 31U, 33U}) {
    const Secret key(std::string(size, 'k'));
    const auto refused = seal(key, "token", "place");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
    EXPECT_FALSE(unseal(key, sealed, "place"));
  }
}

TEST(Crypto, RandomBytesDiffer) {
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

}  // namespace
}  // namespace gitferry
