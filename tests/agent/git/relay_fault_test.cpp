#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fmt/format.h>

#include "agent/git/pipe_connection.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/pack_bytes.h"
#include "tests/agent/git/protocol_way.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/stateless_transport.h"
#include "tests/agent/git/tapped_transport.h"

namespace gitferry::test {
namespace {

/// Faults that each engine has to bear.
class RelayFault : public RelayFixture, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    kind = GetParam().engine;
    source.commit_many(kMain, 5);
    expect_arrived(relay(request()));
    old_tip = target.tip(kMain).value();
  }
  RunReport tapped() { return tapped(Policy::FfOnly); }
  RunReport tapped(Policy policy) {
    auto asked = request();
    asked.refs.front().policy = policy;
    if (GetParam().is_stateless) {
      StatelessTransport inner(GetParam().version);
      return relay(asked, std::make_unique<TappedTransport>(inner, taps));
    }
    VersionedTransport inner(GetParam().version);
    return relay(asked, std::make_unique<TappedTransport>(inner, taps));
  }
  /// Runs `what` when the `number`th push request of the run opens.
  void on_push(int number, std::function<void()> what) {
    taps.on_request = [this, number, what = std::move(what)](GitService service, auto) -> Status {
      if (service == GitService::ReceivePack && ++pushes == number) what();
      return {};
    };
  }
  /// A run that was disturbed either arrived whole or left the target alone and says why.
  void expect_arrived_or_untouched(const RunReport& report) {
    if (!report.error) return expect_arrived(report);
    EXPECT_EQ(target.tip(kMain), old_tip) << report.error->text();
    EXPECT_FALSE(report.error->message.empty());
  }

  Taps taps;
  int pushes = 0;
  ObjectId old_tip = ObjectId::null(ObjectFormat::Sha1);
};
INSTANTIATE_TEST_SUITE_P(Over, RelayFault, ::testing::Values(kPipesV2, kMirrorPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayFault, ::testing::Values(kPipesV0, kMirrorPipesV0), name_of_way);

/// Faults of what the relay alone does: it passes on a pack that was made for the target while it looks
/// whether it may.
class RelayAloneFault : public RelayFault {};
INSTANTIATE_TEST_SUITE_P(Over, RelayAloneFault, ::testing::Values(kPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayAloneFault, ::testing::Values(kPipesV0), name_of_way);

TEST_P(RelayFault, ATargetThatMovedAlongTheHistoryIsPlannedAgain) {
  const auto middle = source.commit_many(kMain, 2);
  source.commit_many(kMain, 2);
  on_push(1, [&] {
    target.fetch_from(source, "refs/heads/main");
    target.set_ref(kMain, middle);
  });
  const auto report = tapped();
  expect_arrived(report);
  EXPECT_EQ(report.target_tip_before, middle);
  EXPECT_EQ(pushes, 2);
}

TEST_P(RelayFault, ATargetThatGotACommitOfItsOwnIsNotOverwritten) {
  source.commit_many(kMain, 2);
  std::optional<ObjectId> theirs;
  on_push(1, [&] { theirs = target.commit_many(kMain, 1, "Theirs"); });
  const auto report = tapped();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged) << report.error->text();
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(RelayFault, ATargetThatMovesTwiceIsLeftToTheNextRun) {
  const auto first = source.commit_many(kMain, 1);
  const auto second = source.commit_many(kMain, 1);
  source.commit_many(kMain, 1);
  target.git({"fetch", "--quiet", "--", source.path(), "refs/heads/main:refs/heads/all"});
  taps.on_request = [&](GitService service, auto) -> Status {
    if (service == GitService::ReceivePack) target.set_ref(kMain, ++pushes == 1 ? first : second);
    return {};
  };
  const auto report = tapped();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::LeaseLost) << report.error->text();
  EXPECT_TRUE(report.error->is_transient());
  EXPECT_FALSE(report.target_tip_after);
  EXPECT_EQ(target.tip(kMain), second);
}

TEST_P(RelayFault, AForcedRunDoesNotReplaceWhatCameMeanwhile) {
  for (const bool is_unrelated : {false, true}) {
    pushes = 0;
    source.commit({kMain, "Rewritten", {{"r", is_unrelated ? "1" : "2"}}, std::vector<ObjectId>{}});
    if (!is_unrelated) target.commit_many(kMain, 1, "Known");
    std::optional<ObjectId> theirs;
    on_push(1, [&] { theirs = target.commit_many(kMain, 1, "Theirs"); });
    const auto report = tapped(Policy::Force);
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::LeaseLost) << report.error->text();
    EXPECT_TRUE(report.error->is_transient());
    EXPECT_EQ(target.tip(kMain), theirs);
    EXPECT_EQ(pushes, 1) << "the second look was enough";
  }
}

TEST_P(RelayFault, AForcedRunDoesNotReplaceABranchCreatedMeanwhile) {
  target.delete_ref(kMain);
  source.commit_many(kMain, 2);
  std::optional<ObjectId> theirs;
  on_push(1, [&] { theirs = target.commit({kMain, "Theirs", {{"t", "t"}}, std::vector<ObjectId>{}}); });
  const auto report = tapped(Policy::Force);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::LeaseLost) << report.error->text();
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(RelayAloneFault, AForcedRunGoesOnWhereOnlyTheSourceMoved) {
  source.commit({kMain, "Rewritten", {{"r", "r"}}, std::vector<ObjectId>{}});
  int requests = 0;
  const int first_fetch = GetParam().version == 0 ? 1 : 2;  // v2 asks for the listing with a request, too
  taps.on_request = [&](GitService service, auto) -> Status {
    if (service == GitService::UploadPack && ++requests == first_fetch) source.commit_many(kMain, 1, "Later");
    return {};
  };
  const auto before = target.tip(kMain);
  const auto report = tapped(Policy::Force);
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::Rewrite);
  EXPECT_EQ(report.target_tip_before, before);
}

TEST_P(RelayFault, ABranchCreatedMeanwhileIsNotOverwritten) {
  target.delete_ref(kMain);
  source.commit_many(kMain, 2);
  std::optional<ObjectId> theirs;
  on_push(1, [&] { theirs = target.commit({kMain, "Theirs", {{"t", "t"}}, std::vector<ObjectId>{}}); });
  const auto report = tapped();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged) << report.error->text();
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(RelayFault, ASourceThatEndsFailsOrLiesAnywhereNeverDamagesTheTarget) {
  source.commit_many(kMain, 12);
  std::uint64_t total = 0;
  const auto new_tip = source.tip(kMain);
  taps.on_read = [&](GitService service, std::span<char> bytes, auto) -> Result<std::size_t> {
    if (service == GitService::UploadPack) total += bytes.size();
    return bytes.size();
  };
  expect_arrived(tapped());
  ASSERT_GT(total, 1000U);
  // A length that lies makes us wait for bytes that never come.
  limits.stall = std::chrono::milliseconds(500);
  enum class Fault { End, Failure, Flip };
  for (const auto fault : {Fault::End, Fault::Failure, Fault::Flip}) {
    for (std::uint64_t at = 0; at < total; at += total / 9) {
      target.set_ref(kMain, old_tip);
      // Packs differ by some bytes from run to run: the last fault may lie behind the end.
      bool was_hit = false;
      taps.on_read = [&](GitService service, std::span<char> bytes,
                         std::uint64_t begin) -> Result<std::size_t> {
        if (service != GitService::UploadPack || at >= begin + bytes.size()) return bytes.size();
        was_hit = true;
        if (fault == Fault::Flip) {
          if (at >= begin) bytes[at - begin] = static_cast<char>(bytes[at - begin] ^ 0x10);
          return bytes.size();
        }
        if (at > begin) return at - begin;
        if (fault == Fault::End) return std::size_t{0};
        return fail(ErrorCode::ConnectionFailed, "the line broke");
      };
      const auto report = tapped();
      if (fault != Fault::Flip && was_hit) {
        ASSERT_TRUE(report.error) << at;
      }
      expect_arrived_or_untouched(report);
    }
  }
  EXPECT_EQ(source.tip(kMain), new_tip);
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayFault, APackCutWhileItStreamsNeverMovesTheRef) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(3U << 20U)}}});
  for (const std::uint64_t at : {1'500'000U, 2'500'000U, 3'000'000U}) {
    taps.on_read = [at](GitService service, std::span<char> bytes,
                        std::uint64_t begin) -> Result<std::size_t> {
      if (service != GitService::UploadPack || begin < at) return bytes.size();
      return fail(ErrorCode::ConnectionFailed, "the line broke");
    };
    const auto report = tapped();
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::ConnectionFailed);
    // The mirror asks nothing of the target before it has the whole pack.
    EXPECT_EQ(report.pack_bytes > 0, kind == EngineKind::Relay) << "the cut came before the push began";
    expect_arrived_or_untouched(report);
  }
}

TEST_P(RelayFault, ATargetThatWantsALengthGetsOne) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(9U << 20U)}}});
  std::optional<std::uint64_t> announced;
  std::uint64_t written = 0;
  taps.on_request = [&](GitService service, std::optional<std::uint64_t> length) -> Status {
    if (service != GitService::ReceivePack) return {};
    if (!length) return fail(ErrorCode::LengthRequired, "411");
    announced = length;
    return {};
  };
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    if (service == GitService::ReceivePack) written += bytes.size();
    return {};
  };
  const auto report = tapped();
  expect_arrived(report);
  EXPECT_EQ(announced, written);
  EXPECT_GT(report.spooled_bytes, 1U << 20U);
  if (kind == EngineKind::Relay) {
    EXPECT_TRUE(std::filesystem::is_empty(directory / "spool"));
  }
}

TEST_P(RelayAloneFault, APackThatTheTargetCannotUnpackIsSentAgainWithoutThinDeltas) {
  source.commit_many(kMain, 3);
  std::vector<bool> thin;
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    if (service == GitService::UploadPack && bytes.find("have ") != std::string::npos) {
      thin.push_back(bytes.find("thin-pack") != std::string::npos);
    }
    const auto pack = bytes.find("PACK");
    if (service == GitService::ReceivePack && thin.size() == 1 && pack != std::string::npos)
      bytes[pack + 30] ^= 1;
    return {};
  };
  expect_arrived(tapped());
  EXPECT_EQ(thin, (std::vector{true, false}));
}

TEST_P(RelayAloneFault, ATargetThatGivesUpInMidPackIsAskedAgainWithoutThinDeltas) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(2U << 20U)}}});
  std::vector<bool> thin;
  bool is_damaged = false;
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    if (service == GitService::UploadPack && bytes.find("have ") != std::string::npos) {
      thin.push_back(bytes.find("thin-pack") != std::string::npos);
    }
    const auto pack = bytes.find("PACK");
    if (service == GitService::ReceivePack && pack != std::string::npos && !std::exchange(is_damaged, true)) {
      bytes[pack + 30] ^= 1;
    }
    return {};
  };
  expect_arrived(tapped());
  EXPECT_EQ(thin, (std::vector{true, false}));
}

TEST_P(RelayAloneFault, ATargetThatCanNeverUnpackIsReportedAfterTwoAttempts) {
  source.commit_many(kMain, 1);
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    const auto pack = bytes.find("PACK");
    if (service == GitService::ReceivePack && pack != std::string::npos) {
      bytes[pack + 30] ^= 1;
      ++pushes;
    }
    return {};
  };
  const auto report = tapped();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::RejectedByRemote) << report.error->text();
  EXPECT_EQ(pushes, 2);
  expect_arrived_or_untouched(report);
}

TEST_P(RelayFault, ASourceThatRefusesTheWantIsListedAgain) {
  const auto gone = source.commit_many(kMain, 1, "Gone");
  std::optional<ObjectId> kept;
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    if (service != GitService::UploadPack || bytes.find("want " + gone.hex()) == std::string::npos) return {};
    kept = source.commit({kMain, "Kept", {{"k", "k"}}, std::vector{old_tip}});
    source.git({"reflog", "expire", "--expire=now", "--all"});
    source.git({"prune", "--expire=now"});
    return {};
  };
  expect_arrived(tapped());
  ASSERT_TRUE(kept);
  EXPECT_EQ(target.tip(kMain), kept);
}

TEST_P(RelayAloneFault, AnUndecidedScanAsksForAPlainPack) {
  const auto new_tip = source.commit({.message = "The same tree again"});
  // A source may send a commit as a delta of one that only the target has. Git does so out of its bitmaps
  // only, so here its answer to a thin request is made by hand.
  const auto base = source.try_git({"cat-file", "commit", old_tip.hex()}).output;
  const auto content = source.try_git({"cat-file", "commit", new_tip.hex()}).output;
  std::ofstream(directory / "thin.pack") << pack_of({delta_of_absent(old_tip, base.size(), content)});
  std::ofstream(directory / "hook") << "#!/bin/sh\ncase \"$*\" in\n*--thin*) cat >/dev/null; cat '"
                                    << (directory / "thin.pack") << "';;\n*) exec \"$@\";;\nesac\n";
  std::filesystem::permissions(directory / "hook", std::filesystem::perms::owner_all);
  for (const bool offers_filter : {false, true}) {
    target.set_ref(kMain, old_tip);
    source.set_config("uploadpack.allowFilter", offers_filter ? "true" : "false");
    std::vector<std::string> fetches;
    taps.on_write = [&](GitService service, std::string& bytes) -> Status {
      if (service == GitService::UploadPack && bytes.find("want ") != std::string::npos)
        fetches.push_back(bytes);
      return {};
    };
    StatelessTransport inner(GetParam().version);
    inner.git_options = {"-c", "uploadpack.packObjectsHook=" + (directory / "hook")};
    const auto report = relay(request(), std::make_unique<TappedTransport>(inner, taps));
    expect_arrived(report);
    EXPECT_EQ(report.plan, Plan::FastForward);
    ASSERT_EQ(fetches.size(), offers_filter ? 3U : 2U);
    EXPECT_EQ(fetches[1].find("thin-pack"), std::string::npos);
    EXPECT_EQ(fetches[1].find("filter tree:0") != std::string::npos, offers_filter);
  }
}

/// Hosts that take the connection and never say a word.
class SilentTransport final : public Transport {
 public:
  Result<std::unique_ptr<Connection>> connect(const Remote& /*remote*/, GitService /*service*/,
                                              int /*version*/, const Waiting& waiting) override {
    return std::make_unique<PipeConnection>(
        ChildCommand{{"sleep", "600"}, sealed_git_environment(), "a silent host"},
        [](const ChildExit&) {
          return Error{ErrorCode::ConnectionFailed, "it ended", {}, {}};
        },
        waiting);
  }
};

TEST_F(RelayFixture, AStallEndsTheRun) {
  limits.stall = std::chrono::milliseconds(150);
  const auto report = relay(request(), std::make_unique<SilentTransport>());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Timeout);
  EXPECT_EQ(report.plan, Plan::Undecided);
}

TEST_F(RelayFixture, TheTotalLimitEndsTheRun) {
  limits.total = std::chrono::milliseconds(150);
  const auto report = relay(request(), std::make_unique<SilentTransport>());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Timeout);
}

TEST_F(RelayFixture, AStopRequestEndsARunThatWaits) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto report = relay(request(), std::make_unique<SilentTransport>(), stop.get_token());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Cancelled);
}

TEST_F(RelayFixture, AStopRequestInTheMiddleOfAPackLeavesTheTargetAlone) {
  source.commit({.message = "Large", .files = {{"large.bin", noise(3U << 20U)}}});
  std::stop_source stop;
  Taps taps;
  taps.on_write = [&](GitService service, std::string& bytes) -> Status {
    if (service == GitService::ReceivePack && bytes.size() > 10'000) stop.request_stop();
    return {};
  };
  VersionedTransport inner(2);
  const auto report = relay(request(), std::make_unique<TappedTransport>(inner, taps), stop.get_token());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Cancelled);
  EXPECT_FALSE(target.tip(kMain));
}

TEST_F(RelayFixture, CapabilitiesOfASourceAreAskedForOnceAndAgainAfterAnError) {
  source.commit_many(kMain, 3);
  auto owned = std::make_unique<StatelessTransport>(2);
  auto& counted = *owned;
  RelayEngine engine(std::move(owned), limits, directory / "spool", clock);
  expect_arrived(engine.sync(request(), {}).front());
  const auto first = counted.advertisements;
  EXPECT_EQ(first, 2);
  source.commit_many(kMain, 1);
  expect_arrived(engine.sync(request(), {}).front());
  EXPECT_EQ(counted.advertisements - first, 1) << "the target alone has to advertise";

  std::filesystem::rename(source.path(), source.path() + ".away");
  EXPECT_TRUE(engine.sync(request(), {}).front().error);
  std::filesystem::rename(source.path() + ".away", source.path());
  const auto before = counted.advertisements;
  expect_arrived(engine.sync(request(), {}).front());
  EXPECT_EQ(counted.advertisements - before, 2);
}

}  // namespace
}  // namespace gitferry::test
