#include "agent/git/pack_meter.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/git/object_counter.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/pack_bytes.h"
#include "tests/support/git_repository.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

/// A real pack with deltas of both kinds, and how many objects git says it has.
std::string real_pack(const GitRepository& repository, const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"pack-objects", "--stdout", "--revs", "--quiet"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return repository.try_git(arguments, "refs/heads/main\n^refs/heads/main~20\n").output;
}

std::uint64_t count_of(const std::string& pack, std::size_t piece, std::size_t id_size = 20) {
  ObjectCounter counter(id_size);
  for (std::size_t i = 0; i < pack.size(); i += piece) counter.feed(std::string_view(pack).substr(i, piece));
  EXPECT_FALSE(counter.is_counting());
  return counter.count();
}

TEST(ObjectCounter, CountsWhatAPackSaysItHas) {
  const TemporaryDirectory directory;
  for (const auto format : {ObjectFormat::Sha1, ObjectFormat::Sha256}) {
    auto repository = GitRepository::init(directory / std::string(name_of(format)), format);
    repository.commit_many("refs/heads/main", 60);
    for (const auto& options :
         {std::vector<std::string>{"--thin"}, std::vector<std::string>{"--thin", "--delta-base-offset"}}) {
      const auto pack = real_pack(repository, options);
      ASSERT_GT(pack.size(), 1000U);
      const auto expected =
          static_cast<unsigned char>(pack[11]) + 256U * static_cast<unsigned char>(pack[10]);
      ASSERT_GE(expected, 60U);
      for (const std::size_t piece : {std::size_t{1}, std::size_t{777}, pack.size()}) {
        EXPECT_EQ(count_of(pack, piece, raw_size(format)), expected);
      }
    }
  }
}

TEST(ObjectCounter, StopsAtWhatIsNoPack) {
  ObjectCounter counter(20);
  counter.feed(pack_of({object_header(3, 5) + "no zlib stream"}));
  EXPECT_FALSE(counter.is_counting());
  EXPECT_EQ(counter.count(), 0U);
  EXPECT_EQ(count_of(pack_of({}), 1), 0U);
}

TEST(PackMeter, TellsBytesAndObjects) {
  const auto pack = pack_of({whole_commit(commit_text({}, "one")), whole_commit(commit_text({}, "two"))});
  TransferProgress progress;
  progress.bytes_sent = 17;
  progress.objects_done = 17;
  PackMeter meter(&progress);
  EXPECT_EQ(progress.bytes_sent, 0U) << "another attempt begins anew";
  EXPECT_EQ(progress.objects_done, 0U);
  meter.received(pack.substr(0, 11));
  EXPECT_EQ(progress.objects_total, 0U);
  meter.received(pack.substr(11, 1));
  EXPECT_EQ(progress.objects_total, 2U);
  meter.received(pack.substr(12));
  EXPECT_EQ(progress.bytes_received, pack.size());
  meter.begin_sending(20);
  meter.sending(pack);
  meter.sent(pack.size());
  EXPECT_EQ(progress.objects_done, 2U);
  EXPECT_EQ(progress.bytes_sent, pack.size());
  meter.enter(TransferPhase::Waiting);
  EXPECT_EQ(progress.phase, TransferPhase::Waiting);
}

TEST(PackMeter, GivesUpCountingWhereThatWouldCostTime) {
  // Nothing but counting takes time here: it is the whole of the transfer.
  std::vector<std::string> objects(200, object_header(3, 1U << 20U) + deflated(noise(1U << 20U)));
  const auto pack = pack_of(objects);
  TransferProgress progress;
  PackMeter meter(&progress);
  meter.received(pack);
  meter.begin_sending(20);
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < pack.size(); i += 65'536) {
    meter.sending(std::string_view(pack).substr(i, 65'536));
    most = std::max<std::uint64_t>(most, progress.objects_done);
  }
  EXPECT_LT(most, 200U);
  EXPECT_EQ(progress.objects_done, 0U);
}

TEST(PackMeter, NeedsNobodyWhoLooks) {
  PackMeter meter(nullptr);
  meter.enter(TransferPhase::Sending);
  meter.received("PACK");
  meter.begin_sending(20);
  meter.sending("PACK");
  meter.sent(4);
}

}  // namespace
}  // namespace gitferry::test
