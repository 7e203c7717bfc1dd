#include "agent/git/upload_pack.h"

#include <gtest/gtest.h>

#include "agent/git/pkt_line.h"
#include "tests/agent/git/scripted_connection.h"

namespace gitferry::test {
namespace {

using namespace std::string_literals;

constexpr const char* kMain = "refs/heads/main";
const ObjectId kOld = ObjectId::from_hex(std::string(40, 'a')).value();
const ObjectId kNew = ObjectId::from_hex(std::string(40, 'b')).value();

std::string advertised(const std::string& capabilities) {
  return packet(kNew.hex() + " refs/heads/main\0"s + capabilities) + "0000";
}

std::string v2(const std::string& fetch = "shallow") {
  return packet("version 2\n") + packet("ls-refs\n") + packet("fetch=" + fetch + "\n") + "0000";
}

/// Fetches with `have OLD` alone , without done.
Result<FetchAnswer> fetch(UploadPack& source) {
  EXPECT_TRUE(source.start({kMain}));
  EXPECT_EQ(source.tips_of({kMain}).value().at(kMain), kNew);
  return source.fetch({.wants = {kNew}, .haves = {kOld}});
}

const std::string kPack = packet("\1PACK…") + "0000";

TEST(UploadPack, TakesAV0AnswerToAV2Request) {
  ScriptedConnection connection(
      advertised("multi_ack_detailed no-done side-band-64k thin-pack ofs-delta agent=x"),
      {packet("ACK " + kOld.hex() + " ready\n") + packet("NAK\n") + packet("ACK " + kOld.hex() + "\n") +
       kPack});
  CapabilityCache cache;
  UploadPack source(connection, "https://source/x.git", cache);
  const auto answer = fetch(source);
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_EQ(answer->kind, FetchAnswer::Kind::Pack);
  EXPECT_EQ(read_all(*answer->pack).value(), "PACK…");
  EXPECT_EQ(connection.asked[0].find("done\n"), std::string::npos);
  EXPECT_EQ(connection.asked[0].find("include-tag"), std::string::npos);
  EXPECT_EQ(cache.find("https://source/x.git"), nullptr);
}

TEST(UploadPack, RepeatsWantAndHavesWhereNoDoneIsNotOffered) {
  ScriptedConnection connection(
      advertised("multi_ack_detailed side-band-64k thin-pack"),
      {packet("ACK " + kOld.hex() + " common\n") + packet("ACK " + kOld.hex() + " ready\n") + packet("NAK\n"),
       packet("ACK " + kOld.hex() + " common\n") + packet("ACK " + kOld.hex() + "\n") + kPack});
  CapabilityCache cache;
  UploadPack source(connection, "x", cache);
  const auto answer = fetch(source);
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_EQ(answer->kind, FetchAnswer::Kind::Pack);
  ASSERT_EQ(connection.asked.size(), 2U);
  EXPECT_NE(connection.asked[1].find("have " + kOld.hex()), std::string::npos);
  EXPECT_TRUE(connection.asked[1].ends_with(packet("done\n")));
}

TEST(UploadPack, OffersMultiAckWhereTheDetailedModeIsMissing) {
  ScriptedConnection connection(advertised("multi_ack side-band"),
                                {packet("ACK " + kOld.hex() + " continue\n") + packet("NAK\n"),
                                 packet("ACK " + kOld.hex() + "\n") + kPack});
  CapabilityCache cache;
  UploadPack source(connection, "x", cache);
  const auto answer = fetch(source);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->kind, FetchAnswer::Kind::Pack);
  EXPECT_NE(connection.asked[0].find(" multi_ack "), std::string::npos);
  EXPECT_EQ(connection.asked[0].find("thin-pack"), std::string::npos);
}

TEST(UploadPack, TellsNothingInCommonFromNotReady) {
  struct Case {
    std::string advertisement;
    std::vector<std::string> answers;
    FetchAnswer::Kind kind;
  };
  const auto listing = packet(kNew.hex() + " refs/heads/main\n") + "0000";
  for (const auto& c :
       {Case{advertised("multi_ack_detailed"), {packet("NAK\n")}, FetchAnswer::Kind::NoCommon},
        Case{advertised("multi_ack_detailed"),
             {packet("ACK " + kOld.hex() + " common\n") + packet("NAK\n")},
             FetchAnswer::Kind::NotReady},
        Case{v2(),
             {listing, packet("acknowledgments\n") + packet("NAK\n") + "0000"},
             FetchAnswer::Kind::NoCommon},
        Case{v2(),
             {listing, packet("acknowledgments\n") + packet("ACK " + kOld.hex() + "\n") + "0000"},
             FetchAnswer::Kind::NotReady}}) {
    ScriptedConnection connection(c.advertisement, c.answers);
    CapabilityCache cache;
    UploadPack source(connection, "x", cache);
    const auto answer = fetch(source);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->kind, c.kind);
  }
}

TEST(UploadPack, ReadsAPackThatFollowsReadyInV2) {
  const auto listing =
      packet(kOld.hex() + " refs/heads/main2\n") + packet(kNew.hex() + " refs/heads/main\n") + "0000";
  ScriptedConnection connection(v2("filter"),
                                {listing, packet("acknowledgments\n") + packet("ACK " + kOld.hex() + "\n") +
                                              packet("ready\n") + "0001" + packet("packfile\n") + kPack});
  CapabilityCache cache;
  UploadPack source(connection, "x", cache);
  const auto answer = fetch(source);
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_EQ(answer->kind, FetchAnswer::Kind::Pack);
  EXPECT_EQ(read_all(*answer->pack).value(), "PACK…");
  EXPECT_TRUE(source.offers_filter());
  EXPECT_NE(cache.find("x"), nullptr);
}

TEST(UploadPack, FailsOnAnswersThatMakeNoSenseAndForgetsTheSource) {
  const auto listing = packet(kNew.hex() + " refs/heads/main\n") + "0000";
  for (const auto& bad :
       {""s, "0000"s, packet("hello\n"), packet("acknowledgments\n") + packet("MAYBE\n"),
        packet("acknowledgments\n") + packet("ready\n"), packet("ERR no"), packet("packfile-uris\n"),
        packet("shallow-info\n") + packet("shallow " + kOld.hex())}) {
    ScriptedConnection connection(v2(), {listing, bad});
    CapabilityCache cache;
    UploadPack source(connection, "x", cache);
    EXPECT_FALSE(fetch(source)) << bad;
    EXPECT_EQ(cache.find("x"), nullptr);
  }
  for (const auto& bad : {""s, "0000"s, packet("hello\n"), packet("ACK " + kOld.hex() + " ready\n")}) {
    ScriptedConnection connection(advertised("multi_ack_detailed no-done"), {bad});
    CapabilityCache cache;
    UploadPack source(connection, "x", cache);
    EXPECT_FALSE(fetch(source)) << bad;
  }
}

TEST(UploadPack, RefusesAShallowV0Source) {
  ScriptedConnection connection(
      packet(kNew.hex() + " refs/heads/main\0x"s) + packet("shallow " + kOld.hex()) + "0000", {});
  CapabilityCache cache;
  UploadPack source(connection, "x", cache);
  const auto answer = fetch(source);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().text().find("--unshallow"), std::string::npos);
  EXPECT_TRUE(connection.asked.empty());
}

TEST(UploadPack, AsksAgainFromTheBeginningWhereTheMemoryWasWrong) {
  Capabilities remembered;
  remembered.add("ls-refs");
  CapabilityCache cache;
  cache.remember("x", remembered);
  ScriptedConnection connection(advertised("multi_ack_detailed"), {packet("ERR unknown service")});
  UploadPack source(connection, "x", cache);
  ASSERT_TRUE(source.start({kMain}));
  const auto tips = source.tips_of({kMain});
  ASSERT_TRUE(tips) << tips.error().text();
  EXPECT_EQ(tips->at(kMain), kNew);
  EXPECT_EQ(cache.find("x"), nullptr);
}

}  // namespace
}  // namespace gitferry::test
