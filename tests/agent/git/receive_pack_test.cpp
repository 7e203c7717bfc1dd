#include "agent/git/receive_pack.h"

#include <gtest/gtest.h>

#include "tests/agent/git/scripted_connection.h"

namespace gitferry::test {
namespace {

using namespace std::string_literals;

constexpr const char* kMain = "refs/heads/main";
const ObjectId kOld = ObjectId::from_hex(std::string(40, 'a')).value();
const ObjectId kNew = ObjectId::from_hex(std::string(40, 'b')).value();

std::string advertised(const std::string& capabilities) {
  return packet(kOld.hex() + " refs/heads/main\0"s + capabilities) + "0000";
}

PushOutcome push(const std::string& answer,
                 const std::string& capabilities = "report-status side-band-64k quiet ofs-delta") {
  ScriptedConnection connection(advertised(capabilities), {answer});
  ReceivePack target(connection, "https://target/x.git");
  EXPECT_TRUE(target.start());
  EXPECT_TRUE(target.list({kMain}));
  const auto opened = target.open({{kMain, kOld, kNew}}, 4);
  if (!opened) return {opened.error(), false, {}, {}};
  EXPECT_TRUE(target.write("PACK"));
  EXPECT_EQ(connection.lengths[0], connection.asked[0].size());
  return target.finish();
}

/// A report inside band 1, as current servers send it.
std::string report(const std::string& lines, const std::string& hook_text = {}) {
  auto bytes = packet("\1" + lines + "0000");
  if (!hook_text.empty()) bytes = packet("\2" + hook_text) + bytes;
  return bytes + "0000";
}

ErrorCode code_of(const PushOutcome& outcome) {
  const auto& error = outcome.error_of(0);
  return error ? error->code : ErrorCode::Internal;
}

TEST(ReceivePack, S24_SucceedsOnlyWithTheTargetsOkForTheRef) {
  const auto outcome = push(report(packet("unpack ok\n") + packet("ok refs/heads/main\n"), "deploying\n"));
  EXPECT_FALSE(outcome.error_of(0));
  EXPECT_EQ(outcome.remote_text, "deploying");
  EXPECT_FALSE(
      push(packet("unpack ok\n") + packet("ok refs/heads/main\n") + "0000", "report-status").error_of(0));
  for (const auto& silent :
       {report(packet("unpack ok\n")), report(packet("unpack ok\n") + packet("ok refs/heads/main2\n")),
        report(packet("ok refs/heads/main\n")), report("")}) {
    EXPECT_EQ(code_of(push(silent)), ErrorCode::ProtocolError) << silent;
  }
}

TEST(ReceivePack, ACutReportIsNoSuccess) {
  const auto whole = report(packet("unpack ok\n") + packet("ok refs/heads/main\n"));
  for (std::size_t size = 0; size + 4 < whole.size(); ++size) {
    ASSERT_TRUE(push(whole.substr(0, size)).error_of(0)) << size;
  }
}

TEST(ReceivePack, S24_AReportThatDoesNotEndIsCutOff) {
  std::string bands;
  for (int i = 0; i < 1'100; ++i) bands += packet("\1" + packet("ok refs/heads/other\n"));
  EXPECT_EQ(code_of(push(packet("\1" + packet("unpack ok\n")) + bands + "0000")), ErrorCode::LimitExceeded);
}

TEST(ReceivePack, GivesReasonsTheirMeaning) {
  struct Reason {
    const char* text;
    ErrorCode code;
  };
  for (const auto& reason :
       {Reason{"non-fast-forward", ErrorCode::Diverged}, Reason{"fetch first", ErrorCode::Diverged},
        Reason{"protected branch hook declined", ErrorCode::ProtectedBranch},
        Reason{"pre-receive hook declined", ErrorCode::ProtectedBranch},
        Reason{"deny updating a hidden ref", ErrorCode::ProtectedBranch},
        Reason{"prohibited by Gerrit", ErrorCode::ProtectedBranch},
        Reason{"failed to update ref", ErrorCode::LeaseLost},
        Reason{"cannot lock ref 'refs/heads/main'", ErrorCode::LeaseLost},
        Reason{"reference already exists", ErrorCode::LeaseLost}, Reason{"stale info", ErrorCode::LeaseLost},
        Reason{"incorrect old value provided", ErrorCode::LeaseLost},
        Reason{"shallow update not allowed", ErrorCode::RejectedByRemote},
        Reason{"no", ErrorCode::RejectedByRemote}}) {
    const auto outcome =
        push(report(packet("unpack ok\n") + packet("ng refs/heads/main "s + reason.text + "\n")));
    EXPECT_EQ(code_of(outcome), reason.code) << reason.text;
    EXPECT_NE(outcome.error_of(0)->message.find(reason.text), std::string::npos);
    EXPECT_FALSE(outcome.error_of(0)->hint.empty());
  }
}

TEST(ReceivePack, TellsThatThePackCouldNotBeUnpacked) {
  const auto outcome = push(
      report(packet("unpack index-pack abnormal exit\n") + packet("ng refs/heads/main unpacker error\n")));
  EXPECT_TRUE(outcome.unpack_failed);
  EXPECT_EQ(code_of(outcome), ErrorCode::RejectedByRemote);
}

TEST(ReceivePack, TellsThatLfsObjectsAreMissing) {
  const auto outcome =
      push(report(packet("unpack ok\n") + packet("ng refs/heads/main pre-receive hook declined\n"),
                  "error: GH008: Your push referenced at least 1 unknown Git LFS object\n"));
  EXPECT_EQ(code_of(outcome), ErrorCode::RejectedByRemote);
  EXPECT_NE(outcome.error_of(0)->hint.find("git lfs push"), std::string::npos);
}

TEST(ReceivePack, AsksOnlyForWhatIsOffered) {
  ScriptedConnection connection(advertised("report-status no-thin"), {});
  ReceivePack target(connection, "x");
  ASSERT_TRUE(target.start());
  ASSERT_TRUE(target.list({kMain}));
  EXPECT_FALSE(target.takes_thin_packs());
  EXPECT_FALSE(target.takes_ofs_deltas());
  ASSERT_TRUE(target.open({{kMain, kOld, kNew}}, std::nullopt));
  EXPECT_EQ(connection.asked[0],
            packet(kOld.hex() + " " + kNew.hex() + " refs/heads/main\0 report-status"s) + "0000");
  EXPECT_FALSE(connection.lengths[0]);
}

TEST(ReceivePack, TellsOfEachRefWhatBecameOfIt) {
  ScriptedConnection connection(advertised("report-status side-band-64k delete-refs"),
                                {report(packet("unpack ok\n") + packet("ok refs/heads/main\n") +
                                        packet("ng refs/heads/next pre-receive hook declined\n") +
                                        packet("ok refs/heads/other\n") + packet("ng refs/heads/gone\n"))});
  ReceivePack target(connection, "x");
  ASSERT_TRUE(target.start());
  ASSERT_TRUE(target.list({kMain, "refs/heads/gone"}));
  EXPECT_EQ(target.advertisement().tip_of(kMain), kOld);
  EXPECT_FALSE(target.advertisement().tip_of("refs/heads/gone"));
  EXPECT_TRUE(target.takes_deletions());
  const auto none = ObjectId::null(ObjectFormat::Sha1);
  ASSERT_TRUE(target.open(
      {{kMain, kOld, kNew}, {"refs/heads/next", none, kNew}, {"refs/heads/gone", kOld, none}}, 0));
  EXPECT_EQ(connection.asked[0],
            packet(kOld.hex() + " " + kNew.hex() + " refs/heads/main\0 report-status side-band-64k"s) +
                packet(none.hex() + " " + kNew.hex() + " refs/heads/next") +
                packet(kOld.hex() + " " + none.hex() + " refs/heads/gone") + "0000");
  const auto outcome = target.finish();
  EXPECT_FALSE(outcome.error_of(0));
  EXPECT_EQ(outcome.error_of(1)->code, ErrorCode::ProtectedBranch);
  EXPECT_NE(outcome.error_of(1)->message.find("'refs/heads/next'"), std::string::npos);
  EXPECT_EQ(outcome.error_of(2)->code, ErrorCode::ProtocolError);
}

TEST(ReceivePack, RefusesATargetThatWouldNotReport) {
  EXPECT_EQ(code_of(push("", "side-band-64k")), ErrorCode::ProtocolError);
}

}  // namespace
}  // namespace gitferry::test
