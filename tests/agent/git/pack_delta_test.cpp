#include "agent/git/pack_delta.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

using namespace std::string_literals;

constexpr std::size_t kLimit = 1000;

TEST(PackDelta, CopiesAndInserts) {
  // From "hello world" (11): copy 5 from 0, insert ", ", copy 5 from 6.
  EXPECT_EQ(apply_delta("hello world", "\x0b\x0c\x90\x05\x02, \x91\x06\x05"s, kLimit), "hello, world");
}

TEST(PackDelta, ACopyWithoutSizeMeans64KiB) {
  const std::string base(0x10000, 'b');
  EXPECT_EQ(apply_delta(base, "\x80\x80\x04\x80\x80\x04\x80"s, 1U << 20U), base);
}

TEST(PackDelta, RefusesWhatIsMalformed) {
  for (const auto& bad : {
           ""s,
           "\x0b"s,
           "\x80"s,              // no sizes
           "\x0a\x05\x90\x05"s,  // another base
           "\x0b\x05\x90\x06"s,
           "\x0b\x06\x90\x05"s,                  // result longer or shorter than it says
           "\x0b\x05\x91\x07\x05"s,              // copy beyond the base
           "\x0b\x05\x9f\xff\xff\xff\xff\x05"s,  // offset beyond everything
           "\x0b\x05\x05"
           "abc"s,           // insert cut short
           "\x0b\x05\x90"s,  // copy cut short
           "\x0b\x05\x00"
           "abcde"s,  // the reserved command
           "\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
       }) {
    EXPECT_FALSE(apply_delta("hello world", bad, kLimit));
  }
}

TEST(PackDelta, S24_RefusesAResultBeyondTheLimit) {
  const auto delta = "\x0b\x0b\x90\x0b"s;
  EXPECT_TRUE(apply_delta("hello world", delta, 11));
  EXPECT_FALSE(apply_delta("hello world", delta, 10));
}

}  // namespace
}  // namespace gitferry
