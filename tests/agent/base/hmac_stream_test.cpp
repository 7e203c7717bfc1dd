#include "agent/base/hmac_stream.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

TEST(HmacStream, PiecesGiveWhatTheWholeGives) {
  for (const auto* key : {"", "k", "It's a Secret to Everybody"}) {
    HmacSha256Stream stream{Secret(key)};
    for (const auto* piece : {"Hel", "", "lo, ", "World!"}) stream.add(piece);
    EXPECT_EQ(stream.finish(), hmac_sha256(Secret(key), "Hello, World!")) << key;
  }
  EXPECT_EQ(HmacSha256Stream(Secret("k")).finish(), hmac_sha256(Secret("k"), ""));
}

}  // namespace
}  // namespace gitferry
