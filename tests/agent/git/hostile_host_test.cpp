// Hosts that answer what no git host should: the run ends with the right error, within bounded memory, and
// nothing of the target moves.

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "agent/git/pkt_line.h"
#include "agent/model/ref_name.h"
#include "tests/agent/git/hosted_repository.h"
#include "tests/agent/git/noise.h"
#include "tests/agent/git/pack_bytes.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/bench/measured_process.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMemory_mib = 1024;  // a sanitizer needs its own
#else
constexpr double kMemory_mib = 16;
#endif

enum class Side { Source, Target };

/// Which side is the hostile one, and which engine meets it.
struct Meeting {
  Side side;
  EngineKind engine = EngineKind::Relay;
};

/// The head of a whole answer without its length: it ends with the connection.
std::string head(const std::string& type, const std::string& more = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-" + type + "\r\n" + more + "\r\n";
}

/// `first`, then `times` times `text`, compressed.
std::string gzipped(std::string first, std::string text, int times) {
  z_stream zlib{};
  if (::deflateInit2(&zlib, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(4U << 20U, '\0');
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  for (int i = 0; i <= times; ++i) {
    auto& part = i == 0 ? first : text;
    zlib.next_in = reinterpret_cast<Bytef*>(part.data());
    zlib.avail_in = static_cast<uInt>(part.size());
    ::deflate(&zlib, i < times ? Z_NO_FLUSH : Z_FINISH);
  }
  out.resize(zlib.total_out);
  ::deflateEnd(&zlib);
  return out;
}

/// One side is the script, the other one a real repository on a local path.
class HostileHost : public RelayFixture, public ::testing::WithParamInterface<Meeting> {
 protected:
  void SetUp() override {
    kind = GetParam().engine;
    // The mirror unpacks what it gets.
    if (kind == EngineKind::Mirror) memory_mib = std::max(memory_mib, 512.0);
    source.commit_many(kMain, 3);
    target.fetch_from(source, kMain);
    old_tip = target.tip(kMain).value();
    // A push is small enough to be through before the answer begins.
    source.commit({.message = "Large", .files = {{"large.bin", noise(is_source() ? 3U << 20U : 1000)}}});
    // What never ends must be ended by a limit of its own.
    limits.total = std::chrono::minutes(10);
    engine = engine_over(loopback_transport());
  }
  [[nodiscard]] static bool is_source() { return GetParam().side == Side::Source; }
  [[nodiscard]] static std::string service() { return is_source() ? "upload-pack" : "receive-pack"; }
  [[nodiscard]] static std::string advertisement_head(const std::string& more = {}) {
    return head(service() + "-advertisement", more) + packet("# service=git-" + service() + "\n") + "0000";
  }
  static std::string first_ref(const ObjectId& id, const std::string& ref = kMain) {
    const std::string capabilities = is_source() ? " multi_ack_detailed no-done side-band-64k ofs-delta"
                                                 : " report-status side-band-64k ofs-delta";
    return packet(id.hex() + " " + ref + std::string(1, '\0') + capabilities + "\n");
  }
  /// What the script's side says it has: as it would be if it were real.
  [[nodiscard]] ScriptedAnswer advertisement() {
    const auto tip = is_source() ? source.tip(kMain).value() : old_tip;
    return {advertisement_head() + first_ref(tip) + "0000"};
  }
  /// A source's answer to the target's tip, before the pack.
  [[nodiscard]] std::string acknowledged() const {
    const auto ack = "ACK " + old_tip.hex();
    return packet(ack + " ready\n") + packet("NAK\n") + packet(ack + "\n");
  }
  static std::string result_head() { return head(service() + "-result"); }

  RunReport sync(std::vector<ScriptedAnswer> answers) {
    ScriptedServer server(std::move(answers));
    auto asked = request();
    auto& scripted = is_source() ? asked.source : asked.target;
    scripted.url = parse_remote_url(server.url("/x.git"), any_scheme()).value().url;
    bench::reset_peak_memory();
    const auto before = bench::resident_memory_mib();
    auto report = std::move(engine->sync(asked, {}).front());
    EXPECT_LE(bench::peak_memory_mib() - before, memory_mib);
    return report;
  }
  /// The run ends with `code`, and the next one, with the real host, arrives.
  RunReport expect_error(std::vector<ScriptedAnswer> answers, ErrorCode code) {
    auto report = sync(std::move(answers));
    EXPECT_TRUE(report.error);
    if (report.error) {
      EXPECT_EQ(report.error->code, code) << report.error->text();
      EXPECT_NE(report.error->message.find("127.0.0.1"), std::string::npos) << report.error->text();
    }
    EXPECT_EQ(target.tip(kMain), old_tip);
    EXPECT_EQ(target.fsck(), "");
    return report;
  }
  void TearDown() override {
    if (!target.tip(kMain)) return;
    target.set_ref(kMain, old_tip);
    expect_arrived(std::move(engine->sync(request(), {}).front()));
  }

  ObjectId old_tip = ObjectId::null(ObjectFormat::Sha1);
  double memory_mib = kMemory_mib;
  std::unique_ptr<Engine> engine;
};
std::string name_of_meeting(const ::testing::TestParamInfo<Meeting>& test) {
  const std::string side = test.param.side == Side::Source ? "Source" : "Target";
  return test.param.engine == EngineKind::Relay ? side : side + "OfAMirror";
}
constexpr Meeting kSource{Side::Source};
constexpr Meeting kTarget{Side::Target};
constexpr Meeting kSourceOfMirror{Side::Source, EngineKind::Mirror};
constexpr Meeting kTargetOfMirror{Side::Target, EngineKind::Mirror};

INSTANTIATE_TEST_SUITE_P(Is, HostileHost, ::testing::Values(kSource, kTarget), name_of_meeting);
INSTANTIATE_TEST_SUITE_P(FullIs, HostileHost, ::testing::Values(kSourceOfMirror, kTargetOfMirror),
                         name_of_meeting);

TEST_P(HostileHost, StatusesKeepTheirMeaningAndTheTimeToWait) {
  struct Case {
    const char* status;
    std::string headers;
    ErrorCode code;
    bool is_transient;
  };
  const auto date = [](std::time_t time) {
    return fmt::format("Retry-After: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", fmt::gmtime(time));
  };
  const std::string in_a_minute = date(std::time(nullptr) + 60);
  for (const auto& one : {Case{"500 Oops", "", ErrorCode::HostError, true},
                          Case{"502 Bad Gateway", "", ErrorCode::HostError, true},
                          Case{"503 Busy", "Retry-After: 7\r\n", ErrorCode::HostBusy, true},
                          Case{"429 Slow", "Retry-After: 7\r\n", ErrorCode::HostBusy, true},
                          Case{"429 Slow", in_a_minute, ErrorCode::HostBusy, true},
                          Case{"401 Who", "", ErrorCode::AuthenticationFailed, false},
                          Case{"403 No", "", ErrorCode::AccessDenied, false},
                          Case{"404 None", "", ErrorCode::RepositoryMissing, false}}) {
    const ScriptedAnswer refusal{http_answer(one.status, one.headers, "<html>a page</html>")};
    for (const auto& answers : {std::vector{refusal}, std::vector{advertisement(), refusal}}) {
      const auto report = expect_error(answers, one.code);
      ASSERT_TRUE(report.error);
      EXPECT_EQ(report.error->is_transient(), one.is_transient) << one.status;
      if (one.headers.empty()) continue;
      ASSERT_TRUE(report.error->retry_after) << one.headers;
      const auto wanted = one.headers == in_a_minute ? seconds(60) : seconds(7);
      EXPECT_LE(*report.error->retry_after, wanted);
      EXPECT_GE(*report.error->retry_after, wanted - (one.headers == in_a_minute ? seconds(30) : seconds(0)));
    }
  }
}

TEST_P(HostileHost, S24_OtherThingsThanGitAreNotTakenForIt) {
  for (const auto* type : {"text/html; charset=utf-8", "application/octet-stream", ""}) {
    const ScriptedAnswer page{http_answer(
        "200 OK", *type == '\0' ? "" : fmt::format("Content-Type: {}\r\n", type), "Please log in")};
    expect_error({page}, ErrorCode::ProtocolError);
    expect_error({advertisement(), page}, ErrorCode::ProtocolError);
  }
  expect_error({{advertisement_head() + "this is no pkt-line"}}, ErrorCode::ProtocolError);
  expect_error({advertisement(), {result_head() + "this is no pkt-line"}}, ErrorCode::ProtocolError);
}

TEST_P(HostileHost, S24_EndlessHeadersEndAtTheirLimit) {
  const ScriptedAnswer endless{"HTTP/1.1 200 OK\r\n", false, false,
                               [](std::size_t n) { return fmt::format("X-More: {}\r\n", n); }};
  expect_error({endless}, ErrorCode::LimitExceeded);
  expect_error({advertisement(), endless}, ErrorCode::LimitExceeded);
}

class HostOfManyRefs : public HostileHost {};
INSTANTIATE_TEST_SUITE_P(Is, HostOfManyRefs, ::testing::Values(kSource), name_of_meeting);
INSTANTIATE_TEST_SUITE_P(FullIs, HostOfManyRefs, ::testing::Values(kTarget), name_of_meeting);

TEST_P(HostOfManyRefs, S24_AMillionRefsAreTakenAndOneMoreIsNot) {
  memory_mib =
      std::max(memory_mib,
               kMemory_mib + 48);  // a target's tips are kept: 20 bytes each, and twice that while they grow
  const auto tip = is_source() ? old_tip : source.tip(kMain).value();
  for (const std::size_t count : {std::size_t{1'000'000}, std::size_t{1'000'001}}) {
    const auto pieces = [&](std::size_t n) {
      constexpr std::size_t kPiece = 1000;
      std::string lines;
      const auto first = n * kPiece + 1;
      for (auto i = first; i < std::min(first + kPiece, count); ++i) {
        lines += packet(fmt::format("{} refs/heads/b{:07}\n", tip.hex(), i));
      }
      return lines;
    };
    std::size_t last = 0;
    const ScriptedAnswer answer{advertisement_head() + first_ref(tip), false, false, [&](std::size_t n) {
                                  auto lines = pieces(n);
                                  if (lines.empty() && last++ == 0) return std::string("0000");
                                  return lines;
                                }};
    if (count > 1'000'000) {
      expect_error({answer}, ErrorCode::LimitExceeded);
      continue;
    }
    const auto report = sync({answer});
    EXPECT_FALSE(report.error) << report.error->text();
    EXPECT_EQ(report.plan, Plan::Nothing);
  }
}

TEST_P(HostileHost, S24_EndlessPacketsEndAtALimit) {
  memory_mib = std::max(memory_mib, kMemory_mib + 48);
  const auto refs = [&](std::size_t n) {
    return packet(fmt::format("{} refs/heads/{}{}\n", old_tip.hex(), std::string(3000, 'b'), n));
  };
  expect_error({{advertisement_head() + first_ref(old_tip), false, false, refs}}, ErrorCode::LimitExceeded);
  const auto texts = [](std::size_t) { return packet("\2" + std::string(60'000, 'x') + "\n"); };
  const auto begin = is_source() ? acknowledged() : std::string();
  expect_error({advertisement(), {result_head() + begin, false, false, texts}}, ErrorCode::LimitExceeded);
}

TEST_P(HostileHost, S24_AnAnswerThatUnpacksToVeryMuchEndsAtItsLimit) {
  memory_mib = std::max(memory_mib, kMemory_mib + 48);
  std::string lines;
  while (lines.size() < 1U << 20U) lines += packet(old_tip.hex() + " refs/heads/b\n");
  const auto begin = packet("# service=git-" + service() + "\n") + "0000" + first_ref(old_tip);
  const auto bomb = gzipped(begin, lines, 256);
  ASSERT_LT(bomb.size(), 4U << 20U);
  const std::string encoded = "Content-Encoding: gzip\r\n";
  expect_error({{head(service() + "-advertisement", encoded) + bomb}}, ErrorCode::LimitExceeded);
  // That one was not asked for in any encoding.
  expect_error({advertisement(), {head(service() + "-result", encoded) + bomb}}, ErrorCode::ProtocolError);
}

/// What only a source can do: a pack that is none.
class HostileSource : public HostileHost {
 protected:
  void SetUp() override {
    HostileHost::SetUp();
    pack = source.try_git({"pack-objects", "--stdout", "--revs", "--quiet"}, "refs/heads/main\n").output;
    ASSERT_GT(pack.size(), 3U << 20U);
  }
  /// The answers that bring `bytes` as a pack, and `end`.
  [[nodiscard]] std::vector<ScriptedAnswer> bringing(const std::string& bytes,
                                                     const std::string& end = "0000") {
    std::string answer = result_head() + acknowledged();
    for (std::size_t i = 0; i < bytes.size(); i += 60'000) answer += packet("\1" + bytes.substr(i, 60'000));
    return {advertisement(), {answer + end}};
  }

  std::string pack;
};
INSTANTIATE_TEST_SUITE_P(Is, HostileSource, ::testing::Values(kSource), name_of_meeting);
INSTANTIATE_TEST_SUITE_P(FullIs, HostileSource, ::testing::Values(kSourceOfMirror), name_of_meeting);

TEST_P(HostileSource, S24_APackThatIsNotWhatItsTrailerSaysIsNeverSentWhole) {
  auto changed = pack;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  for (const auto& bytes : {changed, pack.substr(0, pack.size() - 25), pack + "more"}) {
    expect_error(bringing(bytes), ErrorCode::ProtocolError);
  }
}

TEST_P(HostileSource, S24_APackThatComesTwiceDoesNoHarm) {
  // The target may take the first one: it is whole, and what the source has.
  sync(bringing(pack + pack));
  const auto tip = target.tip(kMain);
  EXPECT_TRUE(tip == old_tip || tip == source.tip(kMain));
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(HostileSource, S24_APackThatIsCutIsAskedForAgainLater) {
  for (const auto& bytes : {pack, pack.substr(0, pack.size() / 2), pack.substr(0, 15)}) {
    const auto report = expect_error(bringing(bytes, ""), ErrorCode::ConnectionFailed);
    EXPECT_TRUE(report.error && report.error->is_transient());
  }
}

/// The tip that the source says it has, and what it says it reaches.
std::string commit_on(const ObjectId& parent, const std::string& message) {
  return commit_text({parent}, message);
}

/// A hostile source may list any tip: that of a commit of its own making, in a pack of its own making.
class HostilePack : public HostileHost {
 protected:
  /// The run ends with an error, the target as it was, whatever the error is called.
  void expect_refused(const std::string& what, const ObjectId& tip, const std::string& pack) {
    SCOPED_TRACE(what);
    std::string answer = result_head() + acknowledged();
    for (std::size_t i = 0; i < pack.size(); i += 60'000) answer += packet("\1" + pack.substr(i, 60'000));
    const auto began = std::chrono::steady_clock::now();
    const auto report = sync({{advertisement_head() + first_ref(tip) + "0000"}, {answer + "0000"}});
    EXPECT_TRUE(report.error);
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(60));
    EXPECT_EQ(target.tip(kMain), old_tip);
    EXPECT_EQ(target.fsck(), "");
  }
};
INSTANTIATE_TEST_SUITE_P(Is, HostilePack, ::testing::Values(kSource), name_of_meeting);
INSTANTIATE_TEST_SUITE_P(FullIs, HostilePack, ::testing::Values(kSourceOfMirror), name_of_meeting);

TEST_P(HostilePack, S24_BombsAndLiesMoveNothingWithinBoundedMemory) {
  const auto good = commit_on(old_tip, "a");
  const auto tip = id_of(good);
  const auto lost = ObjectId::from_hex(std::string(40, '7')).value();
  expect_refused("its tip is not in the pack", lost, pack_of({whole_commit(good)}));
  expect_refused("nothing is in the pack", lost, pack_of({}));
  expect_refused("its tree is not in the pack", tip, pack_of({whole_commit(good)}));

  // Of what each engine may hold, several times as much in few bytes.
  const std::string zeros(kind == EngineKind::Mirror ? std::size_t{600} << 20U : std::size_t{64} << 20U, ' ');
  const auto bomb = object_header(1, zeros.size()) + deflated(zeros);
  ASSERT_LT(bomb.size(), 2U << 20U);
  expect_refused("a commit that unpacks to very much", lost, pack_of({bomb, whole_commit(good)}));
  expect_refused("a commit that is larger than it says", lost,
                 pack_of({object_header(1, 100) + deflated(zeros)}));
  expect_refused("a size of 64 bits", lost, pack_of({object_header(1, SIZE_MAX) + deflated(good)}));
  expect_refused("a blob of that size", lost, pack_of({object_header(3, SIZE_MAX) + deflated("x")}));

  // Deltas: of what is not there, of themselves, with a result of 4 GiB by copies of one commit.
  const auto base = id_of(good);
  expect_refused("a delta of nothing", lost, pack_of({delta_of_absent(lost, 200, good)}));
  std::string delta = {static_cast<char>(0x80U | (good.size() & 0x7FU)),
                       static_cast<char>(good.size() >> 7U)};
  delta += std::string("\x80\x80\x80\x80\x10", 5);  // 4 GiB
  for (int i = 0; i < 1'000'000; ++i) delta += std::string("\x90\x80", 2);
  expect_refused(
      "a delta whose result is 4 GiB", lost,
      pack_of({whole_commit(good), object_header(7, delta.size()) + base.raw() + deflated(delta)}));
  const std::string self = object_header(6, 10) + std::string(1, '\0') + deflated(std::string(10, '\x01'));
  expect_refused("a delta of itself", lost, pack_of({self}));

  // A pack whose head promises more than there is.
  auto many = pack_of({whole_commit(good)});
  many.replace(8, 4, "\xff\xff\xff\xff");
  expect_refused("four thousand million objects", tip, many);
  auto version = pack_of({whole_commit(good)});
  version[7] = 9;
  expect_refused("another version", tip, version);
}

TEST_P(HostileHost, S24_LengthsThatCannotBeEndTheRun) {
  for (const auto* length : {"0003", "fff1", "ffff", "zzzz", "-001", " 12 ", "0x10"}) {
    SCOPED_TRACE(length);
    const auto report = sync({{advertisement_head() + length + std::string(100, 'x')}});
    EXPECT_TRUE(report.error);
    EXPECT_EQ(target.tip(kMain), old_tip);
    const auto late =
        sync({advertisement(),
              {result_head() + (is_source() ? acknowledged() : "") + length + std::string(100, 'x')}});
    EXPECT_TRUE(late.error);
    EXPECT_EQ(target.tip(kMain), old_tip);
  }
}

TEST_P(HostileHost, S24_NamesThatNoHostMayHaveLeadNowhere) {
  if (!is_source()) return;
  const auto before = target.git({"for-each-ref"});
  const auto tip = source.tip(kMain).value();
  std::string lines = first_ref(tip);
  for (const std::string name :
       {"refs/heads/../../x", "refs/heads/a/../b", "../x", "/etc/passwd", "refs/heads/.git",
        "refs/heads/a.lock", "refs/heads/\x1b[2Jx", "refs/heads/a\x01", "refs/heads/-x", "refs/heads/",
        "refs/heads//x", "refs/heads/@{", "refs/heads/a~1", "refs/heads/\xff", "config", "HEAD.lock",
        "--upload-pack=x"}) {
    lines += packet(tip.hex() + " " + name + "\n");
  }
  // The tip that it lists for main is on the target already: what else it lists concerns nobody.
  target.fetch_from(source, kMain);
  ScriptedServer server({{advertisement_head() + lines + "0000"}, {advertisement_head() + lines + "0000"}});
  auto asked = request();
  asked.source.url = parse_remote_url(server.url("/x.git"), any_scheme()).value().url;
  const auto report = std::move(engine->sync(asked, {}).front());
  EXPECT_FALSE(report.error) << report.error->text();
  EXPECT_EQ(report.plan, Plan::Nothing);
  target.set_ref(kMain, old_tip);
  EXPECT_EQ(target.git({"for-each-ref"}), before);
  const auto listed = engine->list_refs(asked.source, RefScope::BranchesAndTags, {});
  if (!listed) return;
  for (const auto& ref : *listed)
    EXPECT_EQ(checked_synced_ref(ref.ref).has_value(), ref.ref == kMain) << ref.ref;
}

TEST_P(HostileSource, APackThatIsRightArrives) {
  const auto report = sync(bringing(pack));
  ASSERT_FALSE(report.error) << report.error->text();
  EXPECT_EQ(target.tip(kMain), source.tip(kMain));
  EXPECT_EQ(target.fsck(), "");
}

}  // namespace
}  // namespace gitferry::test
