// The listener through TLS, and our own client's https.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_server.h"
#include "api/client.h"
#include "api/http_client.h"
#include "tests/api/fakes.h"
#include "tests/api/raw_client.h"
#include "tests/api/tls_client.h"
#include "tests/api/tls_fixture.h"

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;
using testing::answer_through_tls;
using testing::body_of;
using testing::CertificateFiles;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::status_of;
using testing::TlsClient;

class TlsServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    auto loaded = files.load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    tls = *loaded;
    options.tls = tls;
    options.drain_time = 50ms;
    auto started = ApiServer::start(options, world.context);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    port = server->port();
  }
  [[nodiscard]] std::string livez() const {
    return answer_through_tls(port, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(port); }

  CertificateFiles files;
  testing::Fixture world;
  std::shared_ptr<ServerTls> tls;
  std::unique_ptr<ApiServer> server;
  int port = 0;
};

TEST_F(TlsServerTest, AnswersThroughTls) {
  start();
  const auto answer = livez();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), R"({"status":"ok"})");
}

TEST_F(TlsServerTest, ABodyOfManyRecordsArrivesWhole) {
  start();
  const std::string body(3U << 20, 'x');
  const auto answer =
      answer_through_tls(port, "POST /webhooks/github/github HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(status_of(answer), 401) << "it was read to its end, and its proof was missing";
}

TEST_F(TlsServerTest, LargeAnswersEndWithAGoodbye) {
  start();
  const RawClient connection(port);
  TlsClient client(connection.fd());
  ASSERT_TRUE(client.connect());
  client.send("GET /openapi.yaml HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto answer = client.receive();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_GT(answer.size(), 20'000U);
  EXPECT_TRUE(client.was_told_goodbye());
}

struct Vector {
  const char* id;
  std::string bytes;
  int status;
};

const std::string kHead = " HTTP/1.1\r\nHost: h\r\n";

class TlsVectors : public TlsServerTest, public ::testing::WithParamInterface<Vector> {};

TEST_P(TlsVectors, AreRefusedAsOnAPlainPort) {
  start();
  EXPECT_EQ(status_of(answer_through_tls(port, GetParam().bytes)), GetParam().status);
  EXPECT_EQ(status_of(livez()), 200);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, TlsVectors,
    ::testing::Values(
        Vector{"H01",
               "POST /webhooks/github/github" + kHead +
                   "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nxxxxx",
               415},
        Vector{"H02", "POST /webhooks/github/github" + kHead + "Transfer-Encoding: chunked\r\n\r\n", 411},
        Vector{"H07", "GET /livez" + kHead + "REMOTE_ADDR: 9.9.9.9\r\n\r\n", 400},
        Vector{"H10", "GET /livez" + kHead + "X: " + std::string(17 * 1024, 'x') + "\r\n\r\n", 431},
        Vector{"H11", "GET /" + std::string(3000, 'x'), 414},
        Vector{"H12",
               "POST /webhooks/github/github" + kHead +
                   "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1\r\n\r\nx",
               415},
        Vector{"H14", "POST /webhooks/github/github" + kHead + "Content-Length: 0x5\r\n\r\nxxxxx", 400},
        Vector{"H15",
               "POST /webhooks/github/github" + kHead + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nxxxxx",
               400},
        Vector{"H16",
               "POST /webhooks/github/github" + kHead +
                   "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nxxxxx",
               400},
        Vector{"H17",
               "GET /livez" + kHead + "Content-Length: 30\r\n\r\nGET /version HTTP/1.1\r\nHost: h\r\n\r\n",
               413},
        Vector{"H20", "GET /livez HTTP/1.1\nHost: h\n\n", 400},
        Vector{"H27", "GET /a%2fb%2f..%2fetc%00x" + kHead + "\r\n", 400},
        Vector{"H28", "TRACE /livez" + kHead + "\r\n", 405},
        Vector{"H29", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        Vector{"H30", "GET /livez HTTP/1.1\r\n\r\n", 400}),
    [](const auto& tested) { return std::string(tested.param.id); });

TEST_F(TlsServerTest, S22_H19_OneRequestAConnection) {
  start();
  const std::string request = "GET /livez" + kHead + "\r\n";
  const auto answer = answer_through_tls(port, request + request);
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(TlsServerTest, H29_PlainHttpOnATlsPortIsClosed) {
  start();
  EXPECT_EQ(testing::answer_to(port, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  EXPECT_EQ(status_of(livez()), 200);
}

TEST_F(TlsServerTest, S23_H22_HalfAHelloIsClosedAtTheDeadline) {
  ServerOptions options;
  options.request_time = 300ms;
  start(options);
  RawClient silent(port);
  RawClient half(port);
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_EQ(half.receive(), "");
  EXPECT_EQ(silent.receive(), "");
}

TEST_F(TlsServerTest, S23_H22_ASlowHeadBehindTheHandshakeGets408) {
  ServerOptions options;
  options.request_time = 700ms;
  start(options);
  const RawClient connection(port);
  TlsClient client(connection.fd());
  ASSERT_TRUE(client.connect());
  client.send("GET /livez HTTP/1.1\r\n");
  EXPECT_EQ(status_of(client.receive()), 408);
}

TEST_F(TlsServerTest, S23_H23_HealthIsAnsweredBesideFiveHundredHalfOpenHandshakes) {
  ServerOptions options;
  options.connections_per_address = 1024;
  options.request_time = 60s;
  start(options);
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < 500; ++i) {
    held.push_back(std::make_unique<RawClient>(port));
    ASSERT_TRUE(held.back()->is_connected());
    // Every other one says nothing at all.
    if (i % 2 == 0) held.back()->send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  }
  EXPECT_EQ(status_of(livez()), 200);
  for (const auto& client : held) {
    pollfd polled{client->fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, 0), 0) << "all of them are still open";
  }
}

TEST_F(TlsServerTest, S37_OneConnectionMoreThanAnAddressMayHaveIsClosed) {
  ServerOptions options;
  options.connections_per_address = 2;
  start(options);
  RawClient first(port);
  RawClient second(port);
  RawClient third(port);
  EXPECT_EQ(third.receive(), "");
}

// Our own client.

TEST_F(TlsServerTest, ThePinnedCertificateIsAcceptedWhateverItsNameIs) {
  start();
  EXPECT_TRUE(find_agent(url(), files.certificate));
  const auto answer = ApiClient(url(), Secret(testing::kReadToken), files.certificate).deliveries({});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->code_status, 0);
}

TEST_F(TlsServerTest, S26_AnotherCertificateThanThePinnedOneIsRefusedAndSaysWhy) {
  start();
  const auto other = files.directory / "other.pem";
  test::replace_file(other, test::make_certificate().certificate);
  const auto found = find_agent(url(), other);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::TlsFailed);
  EXPECT_THAT(found.error().text(), HasSubstr("its certificate is not the one in '" + other + "'"));
}

TEST_F(TlsServerTest, S26_WithoutAPinASelfSignedCertificateIsRefusedAndSaysWhy) {
  start();
  const auto found = find_agent(url());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::TlsFailed);
  EXPECT_THAT(found.error().text(), HasSubstr("its certificate is not trusted (self-signed certificate)"));
}

TEST_F(TlsServerTest, S26_APinThatCannotBeReadIsAnErrorAndNothingIsAsked) {
  start();
  const auto found = find_agent(url(), files.directory / "none.pem");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::ConfigurationInvalid);
  EXPECT_THAT(found.error().text(), HasSubstr("cannot read the certificate file"));
}

TEST_F(TlsServerTest, AfterAReloadTheNewCertificateIsThePinnedOne) {
  start();
  files.replace(test::make_certificate());
  const auto before = find_agent(url(), files.certificate);
  ASSERT_FALSE(before);
  EXPECT_THAT(before.error().text(), HasSubstr("the agent has not taken the file up yet"));
  ASSERT_TRUE(tls->reload());
  EXPECT_TRUE(find_agent(url(), files.certificate));
}

TEST_F(TlsServerTest, HttpsToAPlainPortFailsAndSaysSo) {
  auto started = ApiServer::start(ServerOptions{}, world.context);
  ASSERT_TRUE(started);
  const auto plain = "https://127.0.0.1:" + std::to_string((*started)->port());
  const auto found = find_agent(plain, files.certificate);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::TlsFailed);
  EXPECT_THAT(found.error().text(), HasSubstr("the TLS handshake failed"));
}

}  // namespace
}  // namespace gitferry::api
