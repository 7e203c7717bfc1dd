#include "agent/git/pack_scan.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "tests/agent/git/pack_bytes.h"
#include "tests/support/git_repository.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using Verdict = PackScan::Verdict;
constexpr const char* kMain = "refs/heads/main";

struct Scanned {
  Status status;
  Verdict verdict = Verdict::Undecided;
  std::uint64_t commits = 0;
};

Scanned scan(std::string_view pack, const ObjectId& new_tip, const ObjectId& old_tip,
             std::size_t piece = SIZE_MAX, std::size_t cache = PackScan::kCacheLimit) {
  const TipPair tips{new_tip, old_tip};
  PackScan scan({&tips, 1}, PackScan::Depth::Whole, cache);
  Status status;
  while (status && !pack.empty()) {
    const auto bytes = pack.substr(0, piece);
    status = scan.feed(bytes);
    pack.remove_prefix(bytes.size());
  }
  if (status) status = scan.finish();
  return {status, scan.verdict(), scan.commits_seen()};
}

const ObjectId kOld = ObjectId::from_hex(std::string(40, 'a')).value();

class PackScanOfRealPacks : public ::testing::Test {
 protected:
  /// What a source sends for `want` to someone who has `have`.
  [[nodiscard]] std::string pack(const std::string& want, const std::string& have,
                                 std::vector<std::string> options = {"--delta-base-offset"}) const {
    std::vector<std::string> arguments{"pack-objects", "--revs", "--stdout", "-q"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return repository.try_git(arguments, want + "\n^" + have + "\n").output;
  }
  [[nodiscard]] Scanned scan_from(const ObjectId& old_tip,
                                  std::vector<std::string> options = {"--delta-base-offset"}) const {
    const auto new_tip = repository.tip(kMain).value();
    return scan(pack(new_tip.hex(), old_tip.hex(), std::move(options)), new_tip, old_tip);
  }

  TemporaryDirectory directory;
  GitRepository repository = GitRepository::init(directory / "repository.git");
};

TEST_F(PackScanOfRealPacks, FindsTheOldTipInALinearHistoryWhateverThePieces) {
  const auto old_tip = repository.commit_many(kMain, 3);
  const auto new_tip = repository.commit_many(kMain, 12);
  const auto bytes = pack(new_tip.hex(), old_tip.hex());
  for (std::size_t piece = 1; piece < 400; piece += piece < 40 ? 1 : 37) {
    const auto scanned = scan(bytes, new_tip, old_tip, piece);
    ASSERT_TRUE(scanned.status) << scanned.status.error().text();
    ASSERT_EQ(scanned.verdict, Verdict::Found) << piece;
    ASSERT_EQ(scanned.commits, 12U);
  }
}

TEST_F(PackScanOfRealPacks, FindsTheOldTipBehindMerges) {
  const auto base = repository.commit_many(kMain, 4);
  repository.set_ref("refs/heads/a", base);
  repository.set_ref("refs/heads/b", base);
  const auto a = repository.commit_many("refs/heads/a", 3, "a");
  const auto b = repository.commit_many("refs/heads/b", 3, "b");
  const auto root = repository.commit({"refs/heads/root", "Root", {{"r", "r"}}, std::vector<ObjectId>{}});
  const auto before = repository.merge(kMain, {a, b});
  EXPECT_EQ(scan_from(base).verdict, Verdict::Found);
  repository.merge(kMain, {root});
  EXPECT_EQ(scan_from(before).verdict, Verdict::Found);
  EXPECT_EQ(scan_from(base).verdict, Verdict::Found);
  const auto old_tip = repository.tip(kMain).value();
  repository.commit({kMain, "Old tip second", {{"x", "x"}}, std::vector{a, old_tip}});
  EXPECT_EQ(scan_from(old_tip).verdict, Verdict::Found);
}

TEST_F(PackScanOfRealPacks, RefusesAmendedRewoundAndUnrelatedHistories) {
  const auto parent = repository.commit_many(kMain, 5);
  const auto old_tip = repository.commit_many(kMain, 1, "To be amended");
  repository.commit({kMain, "Amended", {{"x", "amended"}}, std::vector{parent}});
  EXPECT_EQ(scan_from(old_tip).verdict, Verdict::NotFound);
  repository.set_ref(kMain, parent);
  EXPECT_EQ(scan_from(old_tip).verdict, Verdict::NotFound);
  repository.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}});
  EXPECT_EQ(scan_from(old_tip).verdict, Verdict::NotFound);
}

TEST_F(PackScanOfRealPacks, ResolvesCommitsThatAreDeltas) {
  std::string message;
  for (int i = 0; i < 200; ++i)
    message += fmt::format("A long line that all the messages share, number {}\n", i);
  const auto old_tip = repository.commit_many(kMain, 2, message);
  repository.commit_many(kMain, 40, message);
  const auto new_tip = repository.tip(kMain).value();
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--delta-base-offset", "--window=50", "--depth=50"},
        {"--window=50", "--depth=50"}}) {
    const auto bytes = pack(new_tip.hex(), old_tip.hex(), options);
    ASSERT_LT(bytes.size(), 40 * message.size() / 4) << "the commits are not deltas";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
      const auto scanned = scan(bytes, new_tip, old_tip, piece);
      ASSERT_TRUE(scanned.status) << scanned.status.error().text();
      EXPECT_EQ(scanned.verdict, Verdict::Found);
    }
  }
  const auto forgetful = scan(pack(new_tip.hex(), old_tip.hex()), new_tip, old_tip, SIZE_MAX, 1);
  EXPECT_TRUE(forgetful.status);
  EXPECT_NE(forgetful.verdict, Verdict::NotFound) << "what the cache lost must not look like a proof";
}

TEST_F(PackScanOfRealPacks, IsUndecidedWhereAThinPackMayHideTheCommit) {
  std::string message;
  for (int i = 0; i < 200; ++i)
    message += fmt::format("A long line that all the messages share, number {}\n", i);
  const auto parent = repository.commit_many(kMain, 3, message);
  const auto old_tip = repository.commit_many(kMain, 1, message);
  const auto new_tip =
      repository.commit({kMain, message + "more", {{"z", "z"}}, std::vector{parent, old_tip}});
  const auto base = repository.try_git({"cat-file", "commit", old_tip.hex()}).output;
  const auto content = repository.try_git({"cat-file", "commit", new_tip.hex()}).output;
  const auto scanned = scan(pack_of({delta_of_absent(old_tip, base.size(), content)}), new_tip, old_tip);
  ASSERT_TRUE(scanned.status) << scanned.status.error().text();
  EXPECT_EQ(scanned.verdict, Verdict::Undecided);
}

TEST_F(PackScanOfRealPacks, ReadsSha256PacksAndTags) {
  repository = GitRepository::init(directory / "sha256.git", ObjectFormat::Sha256);
  const auto old_tip = repository.commit_many(kMain, 3);
  repository.commit_many(kMain, 9);
  repository.git({"tag", "-a", "-m", "A tag", "v1", kMain});
  const auto new_tip = repository.tip(kMain).value();
  const auto bytes = pack("refs/tags/v1", old_tip.hex());
  EXPECT_EQ(scan(bytes, new_tip, old_tip, 3).verdict, Verdict::Found);
  EXPECT_EQ(scan(bytes, old_tip, new_tip).verdict, Verdict::NotFound);
}

TEST_F(PackScanOfRealPacks, ReportsEveryCutBeforeTheProof) {
  const auto old_tip = repository.commit_many(kMain, 2);
  const auto new_tip = repository.commit_many(kMain, 2);
  const auto bytes = pack(new_tip.hex(), old_tip.hex());
  const auto unknown = ObjectId::from_hex(std::string(40, 'b')).value();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(scan(bytes.substr(0, size), new_tip, unknown).status) << size;
  }
  EXPECT_TRUE(scan(bytes, new_tip, unknown).status);
  EXPECT_FALSE(scan(bytes + "x", new_tip, unknown).status);
}

TEST_F(PackScanOfRealPacks, NeverFindsWhatAFlippedBitMakesUp) {
  const auto parent = repository.commit_many(kMain, 4);
  const auto old_tip = repository.commit_many(kMain, 1);
  const auto new_tip = repository.commit({kMain, "Amended", {{"x", "amended"}}, std::vector{parent}});
  const auto bytes = pack(new_tip.hex(), old_tip.hex());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_NE(scan(flipped, new_tip, old_tip).verdict, Verdict::Found) << bit;
  }
}

TEST_F(PackScanOfRealPacks, SurvivesRandomDamageToDeltas) {
  const auto old_tip = repository.commit_many(kMain, 2, std::string(3000, 'm'));
  const auto new_tip = repository.commit_many(kMain, 30, std::string(3000, 'm'));
  const auto bytes = pack(new_tip.hex(), old_tip.hex(), {"--window=50"});
  const auto unknown = ObjectId::from_hex(std::string(40, 'b')).value();
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    auto damaged = bytes;
    for (int j = 0; j < 3; ++j) damaged[random() % damaged.size()] = static_cast<char>(random());
    ASSERT_NE(scan(damaged, new_tip, unknown, 100).verdict, Verdict::Found);
  }
}

TEST(PackScan, WalksFromTheNewTipWhateverTheOrder) {
  const auto first = commit_text({kOld}, "first");
  const auto second = commit_text({id_of(first)}, "second");
  const auto third = commit_text({id_of(second)}, "third");
  std::vector<std::string> texts{first, second, third};
  std::ranges::sort(texts);
  do {
    std::vector<std::string> objects;
    for (const auto& text : texts) objects.push_back(whole_commit(text));
    const auto scanned = scan(pack_of(objects), id_of(third), kOld, 5);
    ASSERT_TRUE(scanned.status) << scanned.status.error().text();
    EXPECT_EQ(scanned.verdict, Verdict::Found);
  } while (std::ranges::next_permutation(texts).found);
}

TEST(PackScan, IsNotFooledByACommitThatTheNewTipDoesNotReach) {
  const auto bait = commit_text({kOld}, "names the old tip, but leads nowhere");
  const auto tip = commit_text({}, "the new tip");
  EXPECT_EQ(scan(pack_of({whole_commit(bait), whole_commit(tip)}), id_of(tip), kOld).verdict,
            Verdict::NotFound);
}

TEST(PackScan, TakesNoParentFromTheMessage) {
  const auto tip = commit_text({}, "x\n\nparent " + kOld.hex() + "\n");
  EXPECT_EQ(scan(pack_of({whole_commit(tip)}), id_of(tip), kOld).verdict, Verdict::NotFound);
}

TEST(PackScan, NeverCountsTheNewTipAsItsOwnAncestor) {
  const auto tip = commit_text({}, "alone");
  EXPECT_EQ(scan(pack_of({whole_commit(tip)}), id_of(tip), id_of(tip)).verdict, Verdict::NotFound);
  EXPECT_EQ(scan(pack_of({}), id_of(tip), kOld).verdict, Verdict::NotFound);
}

TEST(PackScan, ReadsCommitsBehindOtherObjects) {
  const auto tip = commit_text({kOld}, "late");
  const auto blob = object_header(3, 5) + deflated("hello");
  EXPECT_EQ(scan(pack_of({blob, blob, whole_commit(tip)}), id_of(tip), kOld).verdict, Verdict::Found);
}

TEST(PackScan, RefusesWhatIsNoPack) {
  const auto tip = commit_text({kOld}, "tip");
  const auto good = whole_commit(tip);
  const std::string header = std::string("PACK\0\0\0\2\0\0\0\1", 12);
  std::string endless(1, '\xff');
  endless.append(20, '\xff');
  for (const auto& bad : std::vector<std::string>{
           "HTTP/1.1 200 OK\r\n", std::string("PACK\0\0\0\4\0\0\0\1", 12),
           std::string("PACK\0\0\0\2\xff\xff\xff\xff", 12), header + std::string("\x00", 1),
           header + std::string("\x50", 1), header + endless, header + std::string("\x61\x00", 2),
           header + "\x61" + endless, header + std::string("\x61\x7f", 2), header + "\x10 not zlib at all",
           header + object_header(1, tip.size() - 1) + deflated(tip),
           header + object_header(1, tip.size() + 1) + deflated(tip)}) {
    const auto scanned = scan(bad, id_of(tip), kOld);
    EXPECT_FALSE(scanned.status) << to_hex(bad);
    EXPECT_NE(scanned.verdict, Verdict::Found);
  }
  EXPECT_EQ(scan(pack_of({good}), id_of(tip), kOld).verdict, Verdict::Found);
}

TEST(PackScan, S24_SkipsACommitBeyondTheLimitAndIsUndecided) {
  const auto text = commit_text({kOld}, std::string(PackScan::kCommitLimit, 'x'));
  const auto scanned = scan(pack_of({whole_commit(text)}), id_of(text), kOld);
  ASSERT_TRUE(scanned.status) << scanned.status.error().text();
  EXPECT_EQ(scanned.verdict, Verdict::Undecided);
}

}  // namespace
}  // namespace gitferry::test
