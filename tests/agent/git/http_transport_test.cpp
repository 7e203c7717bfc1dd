#include "agent/git/http_transport.h"

#include <gtest/gtest.h>

#include "tests/agent/git/transport_fixture.h"
#include "tests/support/git_host.h"

namespace gitferry::test {
namespace {

constexpr const char* kCanary = "S3CR3T-canary";

/// One host for the whole suite: starting it costs more than a test.
GitHost& host() {
  static GitHost shared({.user = "bot", .password = kCanary});
  return shared;
}

struct HttpHost : testing::Test {
  HttpTransport transport{HttpOptions{loopback_allowed(), {}}};

  std::unique_ptr<Connection> connect(const std::string& url, GitService service, int version,
                                      const std::optional<Credential>& credential) {
    return std::move(*transport.connect(remote_of(url, credential), service, version, patient()));
  }
  Result<std::string> advertised(const std::string& url, GitService service, int version,
                                 const std::optional<Credential>& credential) {
    auto connection = connect(url, service, version, credential);
    const auto reader = connection->advertisement();
    if (!reader) return fail(reader.error());
    return read_all(**reader);
  }
};

TEST_F(HttpHost, AdvertisesInBothProtocolsWithTheServiceLineOff) {
  make_repository(host().path("a"));
  const auto bot = password("bot", kCanary);
  const auto v2 = advertised(host().url("a"), GitService::UploadPack, 2, bot);
  ASSERT_TRUE(v2) << v2.error().text();
  EXPECT_TRUE(v2->starts_with("000eversion 2\n"));
  const auto v0 = advertised(host().url("a"), GitService::UploadPack, 0, bot);
  ASSERT_TRUE(v0);
  EXPECT_EQ(v0->substr(4, 40), tip_of(host().path("a")));
  const auto push = advertised(host().url("a"), GitService::ReceivePack, 2, bot);
  ASSERT_TRUE(push);
  EXPECT_NE(push->find("report-status"), std::string::npos);
}

TEST_F(HttpHost, TellsWrongFromMissingCredentials) {
  make_repository(host().path("a"));
  const auto wrong = advertised(host().url("a"), GitService::UploadPack, 2,
                                password("bot", "wrong-" + std::string(kCanary)));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::AuthenticationFailed);
  EXPECT_NE(wrong.error().hint.find("expired"), std::string::npos);
  EXPECT_EQ(wrong.error().text().find(kCanary), std::string::npos);
  const auto missing = advertised(host().url("a"), GitService::UploadPack, 2, std::nullopt);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::AuthenticationFailed);
  EXPECT_NE(missing.error().hint.find("add an entry"), std::string::npos);
}

TEST_F(HttpHost, WhoGaveAPasswordIsToldThatItWasRefused) {
  struct Origin final : SecretOrigin {
    void refused() override { was_refused = true; }
    bool was_refused = false;
  };
  make_repository(host().path("a"));
  for (const auto* secret : {"wrong", kCanary}) {
    const auto origin = std::make_shared<Origin>();
    auto credential = password("bot", secret);
    credential.origin = origin;
    const auto answer = advertised(host().url("a"), GitService::UploadPack, 2, credential);
    EXPECT_EQ(origin->was_refused, !answer.has_value()) << secret;
  }
}

TEST_F(HttpHost, AMissingRepositoryIsMissing) {
  const auto read = advertised(host().url("none"), GitService::UploadPack, 2, password("bot", kCanary));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::RepositoryMissing);
}

TEST_F(HttpHost, AsksWithAndWithoutALength) {
  make_repository(host().path("a"));
  const auto body = pkt("command=ls-refs\n") + "0001" + pkt("ref-prefix refs/heads/") + "0000";
  for (const auto length : {std::optional<std::uint64_t>(body.size()), std::optional<std::uint64_t>()}) {
    auto connection = connect(host().url("a"), GitService::UploadPack, 2, password("bot", kCanary));
    auto exchange = connection->request(length);
    ASSERT_TRUE(exchange);
    ASSERT_TRUE((*exchange)->write(body.substr(0, 10)));
    ASSERT_TRUE((*exchange)->write(body.substr(10)));
    ASSERT_TRUE((*exchange)->finish_request());
    const auto answer = read_all(**exchange);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_NE(answer->find(tip_of(host().path("a")) + " refs/heads/main"), std::string::npos);
  }
}

/// receive-pack's request that creates refs/heads/copy in `target` from `source`'s main.
std::string push_request(const std::string& source) {
  const auto tip = tip_of(source);
  std::string command = std::string(40, '0') + " " + tip + " refs/heads/copy";
  command += '\0';
  command += " report-status quiet";
  return pkt(command) + "0000" +
         output_of("echo " + tip + " | git -C '" + source + "' pack-objects --revs --stdout --quiet");
}

void push_in_pieces(HttpHost& fixture, bool with_length) {
  make_repository(host().path("large"), 6'000'000);
  const auto name = with_length ? "by-length" : "chunked";
  const auto target = host().create(name);
  const auto request = push_request(host().path("large"));
  auto connection = fixture.connect(host().url(name), GitService::ReceivePack, 0, password("bot", kCanary));
  auto exchange =
      connection->request(with_length ? std::optional<std::uint64_t>(request.size()) : std::nullopt);
  ASSERT_TRUE(exchange);
  for (std::size_t at = 0; at < request.size(); at += 50'000) {
    const auto written = (*exchange)->write(std::string_view(request).substr(at, 50'000));
    ASSERT_TRUE(written) << written.error().text();
  }
  ASSERT_TRUE((*exchange)->finish_request());
  const auto report = read_all(**exchange);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_NE(report->find("unpack ok"), std::string::npos) << *report;
  EXPECT_EQ(tip_of(target, "refs/heads/copy"), tip_of(host().path("large")));
}

TEST_F(HttpHost, StreamsALargePushInChunks) {
  push_in_pieces(*this, false);
}

TEST_F(HttpHost, StreamsALargePushWithItsLength) {
  push_in_pieces(*this, true);
}

TEST_F(HttpHost, ReadsALargeAnswerAtTheReadersPace) {
  make_repository(host().path("large"), 6'000'000);
  auto connection = connect(host().url("large"), GitService::UploadPack, 2, password("bot", kCanary));
  const auto body = pkt("command=fetch\n") + "0001" + pkt("no-progress\n") +
                    pkt("want " + tip_of(host().path("large")) + "\n") + pkt("done\n") + "0000";
  auto exchange = connection->request(body.size());
  ASSERT_TRUE((*exchange)->write(body));
  // A second host's wait drives the first transfer too; its buffer must stop it.
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(advertised(host().url("large"), GitService::UploadPack, 2, password("bot", kCanary)));
  }
  const auto answer = read_all(**exchange);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_GT(answer->size(), 6'000'000U);
  EXPECT_TRUE(answer->ends_with("0000"));
}

TEST_F(HttpHost, BothHostsAnswerWhileOneIsWaitedFor) {
  make_repository(host().path("a"));
  auto source = connect(host().url("a"), GitService::UploadPack, 2, password("bot", kCanary));
  auto target = connect(host().url("a"), GitService::ReceivePack, 0, password("bot", kCanary));
  ASSERT_TRUE(source->start_advertisement());
  ASSERT_TRUE(target->start_advertisement());
  EXPECT_TRUE(read_all(**target->advertisement()));
  EXPECT_TRUE(read_all(**source->advertisement()));
}

TEST_F(HttpHost, AReadOnlyHostDeniesThePush) {
  const GitHost read_only({.read_only = true});
  (void)read_only.create("a");
  const auto read = advertised(read_only.url("a"), GitService::ReceivePack, 0, std::nullopt);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::AccessDenied);
}

TEST_F(HttpHost, AHostWithoutV2OrChunksIsUnderstood) {
  const GitHost old({.speaks_v2 = false, .takes_chunked = false});
  make_repository(old.path("a"));
  const auto answer = advertised(old.url("a"), GitService::UploadPack, 2, std::nullopt);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->find("refs/heads/main"), std::string::npos);
  auto connection = connect(old.url("a"), GitService::ReceivePack, 0, std::nullopt);
  auto exchange = connection->request(std::nullopt);
  auto status = (*exchange)->write(pkt("x"));
  if (status) status = (*exchange)->finish_request();
  const auto read = status ? read_all(**exchange) : Result<std::string>(fail(status.error()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::LengthRequired);
}

TEST_F(HttpHost, AnEarlyRefusalStopsTheUpload) {
  make_repository(host().path("a"));
  auto connection = connect(host().url("a"), GitService::ReceivePack, 0, password("bot", "wrong"));
  auto exchange = connection->request(std::nullopt);
  ASSERT_TRUE(exchange);
  const std::string piece(64 * 1024, 'x');
  Status written;
  for (int i = 0; i < 4000 && written; ++i) written = (*exchange)->write(piece);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::AuthenticationFailed);
}

}  // namespace
}  // namespace gitferry::test
