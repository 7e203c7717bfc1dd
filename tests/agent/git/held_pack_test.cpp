#include "agent/git/held_pack.h"

#include <chrono>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "tests/agent/git/pack_bytes.h"
#include "tests/agent/git/scripted_connection.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

/// Begins as a pack of very many blobs, and never ends: a byte is always at hand.
class EndlessPack final : public ByteReader {
 public:
  Result<std::size_t> read(std::span<char> out) override {
    out.front() =
        position_ < head_.size() ? head_[position_] : blob_[(position_ - head_.size()) % blob_.size()];
    ++position_;
    return std::size_t{1};
  }

 private:
  std::string head_ = std::string("PACK\0\0\0\2\1\0\0\0", 12);
  std::string blob_ = object_header(3, 0) + deflated({});
  std::size_t position_ = 0;
};

class HeldPackLimits : public ::testing::Test {
 protected:
  HeldPackLimits() {
    waiting.total_deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  }
  HeldPack endless() { return {std::make_unique<EndlessPack>(), directory / "spool", waiting}; }

  TemporaryDirectory directory;
  Waiting waiting;
};

void expect_timeout(const Status& status) {
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::Timeout) << status.error().text();
  EXPECT_NE(status.error().hint.find("sync.timeouts.total"), std::string::npos);
}

TEST_F(HeldPackLimits, AProofThatNeverComesEndsAtTheTotal) {
  auto pack = endless();
  const TipPair tips{id_of("new"), id_of("old")};
  PackScan scan({&tips, 1});
  expect_timeout(pack.prove(scan, false));
}

TEST_F(HeldPackLimits, APackThatNeverEndsIsNotReceivedBeyondTheTotal) {
  auto pack = endless();
  expect_timeout(pack.receive(std::numeric_limits<std::uint64_t>::max()));
}

TEST_F(HeldPackLimits, APackThatNeverEndsIsNotSentBeyondTheTotal) {
  auto line = std::string(40, '0') + " capabilities^{}";
  line += '\0';
  line += "report-status";
  ScriptedConnection connection(packet(line) + "0000", {});
  ReceivePack target(connection, "target");
  ASSERT_TRUE(target.list({"refs/heads/main"}));
  ASSERT_TRUE(target.open({{"refs/heads/main", id_of("old"), id_of("new")}}, std::nullopt));
  auto pack = endless();
  expect_timeout(pack.send(target, ObjectFormat::Sha1));
  EXPECT_FALSE(pack.write_failed());
}

TEST_F(HeldPackLimits, AStopEndsEachStep) {
  std::stop_source stop;
  waiting.total_deadline += std::chrono::hours(1);
  waiting.stop = stop.get_token();
  stop.request_stop();
  auto pack = endless();
  const auto received = pack.receive(1);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace gitferry::test
