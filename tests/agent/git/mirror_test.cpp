// The mirror engine's own duties: what it keeps on disk, and that no damage of it is ever seen outside.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "agent/git/mirror_manifest.h"
#include "agent/git/mirror_repository.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/stateless_transport.h"
#include "tests/agent/git/tapped_transport.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

class Mirror : public RelayFixture {
 protected:
  Mirror() { kind = EngineKind::Mirror; }

  RunReport sync(std::unique_ptr<Transport> transport = std::make_unique<VersionedTransport>(2)) {
    return relay(request(), std::move(transport));
  }
  [[nodiscard]] std::string mirrors() const { return directory / "mirrors"; }
  /// The one mirror that is there; empty: none.
  [[nodiscard]] fs::path mirror() const {
    for (const auto& entry : fs::directory_iterator(mirrors())) {
      if (entry.path().extension() == ".git") return entry.path();
    }
    return {};
  }
  [[nodiscard]] std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(mirror() / "objects" / "pack")) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::ranges::sort(found, {}, [](const auto& path) { return fs::file_size(path); });
    return found;
  }
  void write(const fs::path& path, const std::string& content) const {
    fs::create_directories(path.parent_path());
    fs::permissions(path.parent_path(), fs::perms::owner_all);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  void flip_byte(const fs::path& path, std::uintmax_t offset) const {
    fs::permissions(path, fs::perms::owner_all);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const char flipped = static_cast<char>(file.get() ^ 0x5a);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(flipped);
  }
};

TEST_F(Mirror, S38_IsAPrivateBareRepositoryThatPlainGitCanRead) {
  source.commit_many(kMain, 5);
  expect_arrived(sync());
  struct stat status {};
  ASSERT_EQ(::stat(mirror().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  const GitRepository plain(mirror().string());
  EXPECT_EQ(plain.git({"rev-list", "--count", source.tip(kMain)->hex()}), "5");
  EXPECT_EQ(plain.git({"rev-parse", "--is-bare-repository"}), "true");
}

TEST_F(Mirror, FetchesAndSendsOnlyWhatIsNew) {
  source.commit_many(kMain, 300);
  const auto first = sync();
  expect_arrived(first);
  source.commit_many(kMain, 1);
  std::uint64_t read = 0;
  Taps taps;
  taps.on_read = [&](GitService service, std::span<char> bytes, std::uint64_t) -> Result<std::size_t> {
    if (service == GitService::UploadPack) read += bytes.size();
    return bytes.size();
  };
  VersionedTransport inner(2);
  const auto report = sync(std::make_unique<TappedTransport>(inner, taps));
  expect_arrived(report);
  EXPECT_EQ(report.new_commits, 1U);
  EXPECT_EQ(report.engine, EngineKind::Mirror);
  EXPECT_LT(report.pack_bytes, 2000U);
  EXPECT_LT(read, 4000U);
}

TEST_F(Mirror, TakesAllRefsInOneTransfer) {
  source.commit_many(kMain, 20);
  auto all = request();
  all.refs.clear();
  for (int i = 0; i < 12; ++i) {
    const auto ref = "refs/heads/b" + std::to_string(i);
    source.set_ref(ref, *source.tip(kMain));
    source.commit_many(ref, i, ref);
    all.refs.push_back({ref, ref});
  }
  all.refs.push_back({"refs/heads/missing", "refs/heads/missing"});
  int requests = 0;
  Taps taps;
  taps.on_request = [&](GitService, auto) -> Status {
    ++requests;
    return {};
  };
  VersionedTransport inner(2);
  const auto engine = engine_over(std::make_unique<TappedTransport>(inner, taps));
  const auto reports = engine->sync(all, {});
  ASSERT_EQ(reports.size(), 13U);
  for (std::size_t i = 0; i < 12; ++i) {
    expect_arrived(reports[i], all.refs[i].source_ref, all.refs[i].target_ref);
    EXPECT_EQ(reports[i].refs_in_transfer, 12U);
  }
  EXPECT_EQ(reports[12].error->code, ErrorCode::BranchMissing);
  EXPECT_LE(requests, 3) << "a listing, a fetch and a push";
}

TEST_F(Mirror, CountsHowFarBothSidesWentApart) {
  source.commit_many(kMain, 5);
  expect_arrived(sync());
  source.commit_many(kMain, 4, "On the source");
  target.commit_many(kMain, 3, "On the target");
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged);
  EXPECT_EQ(report.divergence, (Divergence{4, 3}));
  EXPECT_NE(report.error->message.find("has 4 commits that the target lacks, the target has 3"),
            std::string::npos)
      << report.error->text();
}

TEST_F(Mirror, DeletesItselfWhereItIsToldTo) {
  for (const bool fails : {false, true}) {
    source.commit_many(kMain, 3);
    if (fails) target.commit_many(kMain, 1, "On the target");
    MirrorEngine engine(std::make_unique<VersionedTransport>(2), limits, MirrorOptions{mirrors(), true},
                        clock);
    const auto report = engine.sync(request(), {}).front();
    EXPECT_EQ(report.error.has_value(), fails);
    EXPECT_TRUE(fs::is_empty(mirrors()));
  }
}

TEST_F(Mirror, TakesTheBadlyWrittenCommitsOfOldHistories) {
  source.commit_many(kMain, 2);
  const auto tree = source.git({"rev-parse", "main^{tree}"});
  const std::string good = " <x@example.org> 1 +0000\n";
  for (const std::string& people :
       {"author X 1 +0000\ncommitter X" + good, "author X" + good + "committer X 1 +0000\n",
        "author X" + good + "committer <> \n", "author X" + good, "committer X" + good + "author X" + good}) {
    auto text = "tree " + tree + "\nparent " + source.tip(kMain)->hex() + "\n" + people + "\nBad\n";
    const auto bad = source.git({"hash-object", "-t", "commit", "-w", "--stdin", "--literally"}, text);
    source.set_ref(kMain, ObjectId::from_hex(bad).value());
    source.commit_many(kMain, 2);
    const auto report = sync();
    ASSERT_FALSE(report.error) << people << report.error->text();
    EXPECT_EQ(target.tip(kMain), source.tip(kMain));
  }
  target.set_ref(kMain, ObjectId::from_hex(target.git({"rev-parse", "main~3"})).value());
  target.commit_many(kMain, 1, "Theirs");
  EXPECT_EQ(sync().divergence, (Divergence{3, 1}));
}

TEST_F(Mirror, KeepsFewPacksOverManyRuns) {
  source.commit_many(kMain, 200);
  expect_arrived(sync());
  const auto engine = engine_over(std::make_unique<VersionedTransport>(2));
  std::size_t most = 0;
  for (int i = 0; i < 24; ++i) {
    source.commit_many(kMain, 1);
    const auto report = engine->sync(request(), {}).front();
    ASSERT_FALSE(report.error) << report.error->text();
    EXPECT_FALSE(report.mirror_renewed);
    most = std::max(most, files(".pack").size());
  }
  expect_arrived(sync());
  EXPECT_LE(most, MirrorRepository::kPackLimit);
  EXPECT_EQ(files(".pack").size(), files(".idx").size());
  EXPECT_EQ(GitRepository(mirror().string()).git({"fsck", "--full", "--no-dangling"}), "");
}

TEST_F(Mirror, APackThatWasDamagedOnTheWayCostsNoMirror) {
  source.commit_many(kMain, 300);
  expect_arrived(sync());
  const auto old_tip = source.tip(kMain);
  source.commit({.message = "Large", .files = {{"large.bin", noise(1U << 20U)}}});
  for (const std::uint64_t at : {1U << 10U, 1U << 19U}) {
    VersionedTransport plain(2);
    Taps taps;
    taps.on_read = [at](GitService service, std::span<char> bytes,
                        std::uint64_t begin) -> Result<std::size_t> {
      const bool is_there = at >= begin && at < begin + bytes.size();
      if (service == GitService::UploadPack && is_there) bytes[at - begin] ^= 0x10;
      return bytes.size();
    };
    const auto report = sync(std::make_unique<TappedTransport>(plain, taps));
    ASSERT_TRUE(report.error) << at;
    EXPECT_EQ(report.error->code, ErrorCode::ProtocolError) << report.error->text();
    EXPECT_FALSE(report.mirror_renewed);
    EXPECT_EQ(target.tip(kMain), old_tip);
    EXPECT_EQ(files(".pack").size(), 1U);
  }
  expect_arrived(sync());
}

struct Damage {
  const char* name;
  std::function<void(const fs::path& mirror, const std::vector<fs::path>& packs,
                     const std::vector<fs::path>& indexes)>
      inflict;
};

void overwrite(const fs::path& path, const std::string& content) {
  if (fs::exists(path)) fs::permissions(path, fs::perms::owner_all);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

void truncate_by(const fs::path& path, std::uintmax_t bytes) {
  fs::permissions(path, fs::perms::owner_all);
  fs::resize_file(path, fs::file_size(path) - bytes);
}

/// Damages that are seen when the mirror is opened, or that any look at the objects meets.
const std::vector<Damage> kDamages{
    {"TruncatedPack", [](auto&, auto& packs, auto&) { truncate_by(packs.back(), 50); }},
    {"EmptyPack", [](auto&, auto& packs, auto&) { overwrite(packs.back(), ""); }},
    {"TruncatedIndex", [](auto&, auto&, auto& indexes) { truncate_by(indexes.back(), 30); }},
    {"GarbageIndex",
     [](auto&, auto&, auto& indexes) {
       overwrite(indexes.back(), std::string(fs::file_size(indexes.back()), 'x'));
     }},
    {"ZeroedPack",
     [](auto&, auto& packs, auto&) {
       for (const auto& pack : packs) overwrite(pack, std::string(fs::file_size(pack), '\0'));
     }},
    {"PackGone", [](auto&, auto& packs, auto&) { fs::remove(packs.back()); }},
    {"IndexGone", [](auto&, auto&, auto& indexes) { fs::remove(indexes.front()); }},
    {"NoPacksAtAll", [](auto& mirror, auto&, auto&) { fs::remove_all(mirror / "objects" / "pack"); }},
    {"EmptyObjects", [](auto& mirror, auto&, auto&) { fs::remove_all(mirror / "objects"); }},
    {"PackIsADirectory",
     [](auto&, auto& packs, auto&) {
       fs::remove(packs.back());
       fs::create_directory(packs.back());
     }},
    {"GarbageHead", [](auto& mirror, auto&, auto&) { overwrite(mirror / "HEAD", "garbage"); }},
    {"EmptyHead", [](auto& mirror, auto&, auto&) { overwrite(mirror / "HEAD", ""); }},
    {"NoHead", [](auto& mirror, auto&, auto&) { fs::remove(mirror / "HEAD"); }},
    {"GarbageConfig", [](auto& mirror, auto&, auto&) { overwrite(mirror / "config", "[core\n\0\1"); }},
    {"HostileConfig",
     [](auto& mirror, auto&, auto&) {
       overwrite(mirror / "config", "[core]\n\tfsmonitor = touch /tmp/owned\n\thooksPath = /tmp\n");
     }},
    {"Hooks",
     [](auto& mirror, auto&, auto&) {
       fs::create_directory(mirror / "hooks");
       overwrite(mirror / "hooks" / "post-update", "#!/bin/sh\n");
     }},
    {"Alternates",
     [](auto& mirror, auto&, auto&) {
       fs::create_directory(mirror / "objects" / "info");
       overwrite(mirror / "objects" / "info" / "alternates", "/tmp/elsewhere\n");
     }},
    {"StaleRefLock",
     [](auto& mirror, auto&, auto&) {
       fs::create_directories(mirror / "refs" / "heads");
       overwrite(mirror / "refs" / "heads" / "main.lock", "");
     }},
    {"EmptyRef",
     [](auto& mirror, auto&, auto&) {
       fs::create_directories(mirror / "refs" / "heads");
       overwrite(mirror / "refs" / "heads" / "main", "");
     }},
    {"NoManifest", [](auto& mirror, auto&, auto&) { fs::remove(mirror / "gitferry-mirror"); }},
    {"EmptyManifest", [](auto& mirror, auto&, auto&) { overwrite(mirror / "gitferry-mirror", ""); }},
    {"CutManifest", [](auto& mirror, auto&, auto&) { truncate_by(mirror / "gitferry-mirror", 10); }},
    {"ManifestIsADirectory",
     [](auto& mirror, auto&, auto&) {
       fs::remove(mirror / "gitferry-mirror");
       fs::create_directory(mirror / "gitferry-mirror");
     }},
    {"HalfDeleted",
     [](auto& mirror, auto&, auto&) {
       fs::remove_all(mirror / "objects");
       fs::remove(mirror / "config");
     }},
};

class MirrorDamage : public Mirror, public ::testing::WithParamInterface<Damage> {};
INSTANTIATE_TEST_SUITE_P(Of, MirrorDamage, ::testing::ValuesIn(kDamages),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(MirrorDamage, IsMendedInTheSameRun) {
  source.commit_many(kMain, 30);
  expect_arrived(sync());
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  GetParam().inflict(mirror(), files(".pack"), files(".idx"));
  source.commit_many(kMain, 2);
  const auto report = sync();
  expect_arrived(report);
  EXPECT_TRUE(report.mirror_renewed);
  EXPECT_EQ(GitRepository(mirror().string()).git({"fsck", "--full", "--no-dangling"}), "");
  source.commit_many(kMain, 1);
  const auto next = sync();
  expect_arrived(next);
  EXPECT_FALSE(next.mirror_renewed);
}

TEST_F(Mirror, NoFlippedByteIsEverCarriedToTheTarget) {
  source.commit_many(kMain, 12);
  source.commit({.files = {{"text", std::string(3000, 'x') + "first"}}});
  expect_arrived(sync());
  const auto kept = directory / "kept";
  fs::copy(mirrors(), kept, fs::copy_options::recursive);
  const auto synced = *source.tip(kMain);
  source.commit({.files = {{"text", std::string(3000, 'x') + "second"}}});
  const auto pack_size = fs::file_size(files(".pack").front());
  const auto index_size = fs::file_size(files(".idx").front());
  int renewed = 0;
  for (int i = 0; i < 24; ++i) {
    fs::remove_all(mirrors());
    fs::copy(kept, mirrors(), fs::copy_options::recursive);
    target.set_ref(kMain, synced);
    const bool of_pack = i % 2 == 0;
    const auto size = of_pack ? pack_size : index_size;
    flip_byte(files(of_pack ? ".pack" : ".idx").front(), size * static_cast<std::uintmax_t>(i) / 24);
    target.delete_ref(kMain);
    const auto report = sync();
    ASSERT_FALSE(report.error) << i << ": " << report.error->text();
    EXPECT_EQ(target.tip(kMain), source.tip(kMain));
    EXPECT_EQ(target.fsck(), "") << i;
    if (report.mirror_renewed) ++renewed;
  }
  EXPECT_GT(renewed, 5);
}

TEST_F(Mirror, WhatACrashLeftIsRemoved) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  const auto packs = mirror() / "objects" / "pack";
  for (const auto* name :
       {"pack_git2_abcdef", "tmp_pack_XYZ", "pack-0123456789012345678901234567890123456789.pack"}) {
    write(packs / name, "half a pack");
  }
  write(mirror() / "gitferry-mirror.new", "half");
  source.commit_many(kMain, 1);
  const auto report = sync();
  expect_arrived(report);
  EXPECT_FALSE(report.mirror_renewed);
  EXPECT_EQ(files(".pack").size(), 2U);
  EXPECT_TRUE(files("").empty());
}

TEST_F(Mirror, AFileInItsPlaceGivesWay) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  const auto place = mirror();
  fs::remove_all(place);
  overwrite(place, "a file");
  source.commit_many(kMain, 1);
  expect_arrived(sync());
}

TEST_F(Mirror, S11_ALinkOrAForeignDirectoryInItsPlaceIsRefused) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  const auto place = mirror();
  const auto elsewhere = fs::path(directory / "elsewhere");
  fs::rename(place, elsewhere);
  fs::create_directory_symlink(elsewhere, place);
  source.commit_many(kMain, 1);
  const auto linked = sync();
  ASSERT_TRUE(linked.error);
  EXPECT_EQ(linked.error->code, ErrorCode::LocalConflict) << linked.error->text();
  EXPECT_TRUE(fs::exists(elsewhere / "gitferry-mirror")) << "what the link leads to is not touched";
  fs::remove(place);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  fs::create_directory(place);
  ASSERT_EQ(::chown(place.c_str(), 12345, 12345), 0);
  const auto foreign = sync();
  ASSERT_TRUE(foreign.error);
  EXPECT_EQ(foreign.error->code, ErrorCode::LocalPermission) << foreign.error->text();
}

TEST_F(Mirror, AnUnusableSyncDirIsToldClearly) {
  source.commit_many(kMain, 3);
  overwrite(mirrors(), "a file");
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_TRUE(report.error->code == ErrorCode::LocalConflict ||
              report.error->code == ErrorCode::LocalPermission)
      << report.error->text();
  EXPECT_FALSE(target.tip(kMain));
}

/// Runs `body` in a child with a file system of `bytes` at `place`; its answer, or unset where that cannot be
/// had here.
std::optional<bool> with_small_disk(const fs::path& place, std::uint64_t bytes,
                                    const std::function<bool()>& body) {
  constexpr int kNotHere = 77;
  fs::create_directories(place);
  const auto child = ::fork();
  if (child == 0) {
    const auto size = "mode=0700,size=" + std::to_string(bytes);
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", place.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      std::_Exit(kNotHere);
    }
    std::_Exit(body() ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return std::nullopt;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotHere) return std::nullopt;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(Mirror, AFullDiskIsToldClearlyAndLeavesNothingBehind) {
  std::string noise(9U << 20U, '\0');
  std::mt19937 random(1);
  for (auto& c : noise) c = static_cast<char>(random());
  source.commit({.message = "Large", .files = {{"large.bin", noise}}});
  const auto is_told = with_small_disk(mirrors(), 12U << 20U, [&] {
    const auto report = sync();
    return report.error && report.error->code == ErrorCode::StoreFull && files(".pack").empty() &&
           files("").empty();
  });
  if (!is_told) GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_TRUE(*is_told);
  EXPECT_FALSE(target.tip(kMain));
}

TEST_F(Mirror, S11_NoNameOfARefReachesTheDisk) {
  source.commit_many(kMain, 2);
  auto all = request();
  for (const std::string name :
       {"-x", "a;b|c`d`$(e)", "HEAD", "gitferry-mirror", "objects/pack", "main.d/\xc3\xbc"}) {
    const auto ref = "refs/heads/" + name;
    source.set_ref(ref, *source.tip(kMain));
    all.refs.push_back({ref, ref});
  }
  const auto engine = engine_over(std::make_unique<VersionedTransport>(2));
  const auto reports = engine->sync(all, {});
  for (std::size_t i = 0; i < reports.size(); ++i) {
    expect_arrived(reports[i], all.refs[i].source_ref, all.refs[i].target_ref);
  }
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(mirror())) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"HEAD", "config", "gitferry-mirror", "objects", "refs"}));
  EXPECT_TRUE(fs::is_empty(mirror() / "refs"));
}

TEST_F(Mirror, AKillInTheMiddleOfTheFirstFetchIsSurvived) {
  source.commit_many(kMain, 400);
  for (const std::uint64_t stop_at : {3000U, 9000U, 20000U}) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Taps taps;
      taps.on_read = [&](GitService service, std::span<char> bytes, std::uint64_t at) -> Result<std::size_t> {
        if (service == GitService::UploadPack && at > stop_at) ::kill(::getpid(), SIGKILL);
        return bytes.size();
      };
      VersionedTransport inner(2);
      static_cast<void>(sync(std::make_unique<TappedTransport>(inner, taps)));
      std::_Exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(target.tip(kMain));
  }
  expect_arrived(sync());
  EXPECT_EQ(files(".pack").size(), 1U);
  EXPECT_TRUE(files("").empty());
}

TEST_F(Mirror, TwoEnginesShareNoMirrorAtOneTime) {
  source.commit_many(kMain, 50);
  source.set_ref("refs/heads/other", *source.tip(kMain));
  source.commit_many("refs/heads/other", 20, "Other");
  std::vector<std::thread> runs;
  std::vector<RunReport> reports(4);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    runs.emplace_back([&, i] {
      const std::string ref = i % 2 == 0 ? kMain : "refs/heads/other";
      MirrorEngine engine(std::make_unique<VersionedTransport>(2), limits, MirrorOptions{mirrors(), i == 3},
                          clock);
      reports[i] = engine.sync(request(ref, ref), {}).front();
    });
  }
  for (auto& run : runs) run.join();
  for (const auto& report : reports) EXPECT_FALSE(report.error) << report.error->text();
  EXPECT_EQ(target.tip(kMain), source.tip(kMain));
  EXPECT_EQ(target.tip("refs/heads/other"), source.tip("refs/heads/other"));
  EXPECT_EQ(target.fsck(), "");
}

TEST_F(Mirror, AHeldLockEndsTheRunInItsTime) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  const auto lock_path = fs::path(mirror()).replace_extension(".lock");
  const UniqueFd held(::open(lock_path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(held);
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  limits.total = std::chrono::milliseconds(200);
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Timeout) << report.error->text();
}

TEST_F(Mirror, AStopEndsTheRun) {
  source.commit_many(kMain, 3);
  std::stop_source stop;
  Taps taps;
  taps.on_read = [&](GitService service, std::span<char> bytes, std::uint64_t) -> Result<std::size_t> {
    if (service == GitService::UploadPack) stop.request_stop();
    return bytes.size();
  };
  VersionedTransport inner(2);
  const auto report = relay(request(), std::make_unique<TappedTransport>(inner, taps), stop.get_token());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Cancelled) << report.error->text();
  EXPECT_FALSE(target.tip(kMain));
}

/// A source whose pack lacks an object that its tip reaches.
class MirrorIncompleteSource : public Mirror, public ::testing::WithParamInterface<const char*> {
 protected:
  /// A transport whose sources answer every fetch with the objects of `listed`.
  std::unique_ptr<Transport> sending(const std::string& listed) const {
    const std::string stem = directory / "incomplete";
    const auto name = source.git({"pack-objects", "--quiet", stem}, listed);
    const std::string hook = directory / "send-incomplete";
    overwrite(hook, "#!/bin/sh\ncat >/dev/null\nexec cat '" + stem + "-" + name + ".pack'\n");
    fs::permissions(hook, fs::perms::owner_all);
    auto transport = std::make_unique<StatelessTransport>(2);
    transport->git_options = {"-c", "uploadpack.packObjectsHook=" + hook};
    return transport;
  }
};
INSTANTIATE_TEST_SUITE_P(Lacks, MirrorIncompleteSource,
                         ::testing::Values("refs/heads/main:dir/file", "refs/heads/main:dir",
                                           "refs/heads/main~1", "refs/heads/main~1^{tree}"),
                         [](const auto& tested) { return "N" + std::to_string(tested.index); });

TEST_P(MirrorIncompleteSource, MovesNoRef) {
  for (int i = 0; i < 3; ++i) {
    const auto blob = source.git({"hash-object", "-w", "--stdin"}, "content " + std::to_string(i));
    const auto inner = source.git({"mktree"}, "100644 blob " + blob + "\tfile\n");
    const auto tree = source.git({"mktree"}, "040000 tree " + inner + "\tdir\n");
    std::vector<std::string> make{"commit-tree", tree, "-m", "Commit " + std::to_string(i)};
    if (source.tip(kMain)) make.insert(make.end(), {"-p", source.tip(kMain)->hex()});
    source.set_ref(kMain, ObjectId::from_hex(source.git(make)).value());
  }
  const auto all = source.git({"rev-list", "--objects", "--no-object-names", kMain});
  const auto lost = source.git({"rev-parse", GetParam()});
  std::string sent;
  for (const auto line : split(all, '\n')) {
    if (line != lost) sent += std::string(line) + "\n";
  }
  const auto report = sync(sending(sent));
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::ProtocolError) << report.error->text();
  EXPECT_NE(report.error->message.find(lost), std::string::npos) << report.error->text();
  EXPECT_FALSE(target.tip(kMain));
  // The same source, once it is whole again.
  expect_arrived(sync());
}

}  // namespace
}  // namespace gitferry::test
