#include "api/http_server.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/api/http_server_fixture.h"
#include "tests/api/raw_client.h"

namespace gitferry::api {
namespace {

using testing::answer_to;
using testing::body_of;
using testing::HttpServerTest;
using testing::RawClient;
using testing::status_of;

TEST_F(HttpServerTest, AnswersOneRequestAndCloses) {
  start();
  const auto answer = get();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos);
  EXPECT_EQ(answer.find("Server:"), std::string::npos);
  EXPECT_NE(body_of(answer).find("address=127.0.0.1"), std::string::npos);
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  start();
  const auto answer = answer_to(port, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(HttpServerTest, RefusesABodyAboveTheRoutesLimitFromItsLengthAlone) {
  start();
  const auto answer = post("Content-Length: 1048577\r\n", std::string(300'000, 'a'));
  EXPECT_EQ(status_of(answer), 413);
  EXPECT_EQ(testing::json_of(body_of(answer))["code_status"].asInt(), 10026);
  EXPECT_EQ(status_of(post("Content-Length: 999999999\r\n", "")), 413);
  EXPECT_EQ(status_of(post("Content-Length: 1048576\r\n", std::string(1'048'576, 'a'))), 200);
}

TEST_F(HttpServerTest, ABodyThatEndsEarlyIsRefused) {
  start();
  RawClient client(port);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  client.end_of_sending();
  EXPECT_EQ(status_of(client.receive()), 400);
}

TEST_F(HttpServerTest, ThePortIsFreeAgainAfterStop) {
  start();
  EXPECT_EQ(status_of(get()), 200);
  const int used = port;
  server.reset();
  HttpServerOptions options;
  options.port = used;
  start(options);
  EXPECT_EQ(status_of(get()), 200);
}

TEST_F(HttpServerTest, S46_ASecondServerOnThePortIsRefusedWithAReason) {
  start();
  auto options = HttpServerOptions{};
  options.port = port;
  const auto second = HttpServer::start(options, {}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::ConfigurationInvalid);
  EXPECT_NE(second.error().message.find(std::to_string(port)), std::string::npos);
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
}

TEST_F(HttpServerTest, StopFinishesWhatRuns) {
  testing::Turnstile turnstile;
  handler = [&](const Request& request) {
    turnstile.pass();
    return testing::echo(request);
  };
  start(testing::patient());
  RawClient running(port);
  RawClient idle(port);
  RawClient without_body(port);
  without_body.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  without_body.receive_until("\r\n\r\n");
  running.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(turnstile.wait_for(1));
  std::thread stopper([&] { server->stop(); });
  EXPECT_EQ(idle.receive(), "") << "a connection without a whole request is closed at once";
  EXPECT_EQ(without_body.receive(), "");
  turnstile.let_go();
  EXPECT_EQ(status_of(running.receive()), 200);
  stopper.join();
  EXPECT_FALSE(RawClient(port).is_connected());
}

TEST_F(HttpServerTest, AHeadThatComesByteByByteIsUnderstood) {
  start(testing::patient());
  RawClient client(port);
  for (const char byte :
       std::string("POST /x HTTP/1.1\r\nHost: h\r\nX-A:\t\tb\r\nContent-Length: 3\r\n\r\nabc"))
    ASSERT_TRUE(client.send(std::string(1, byte)));
  const auto answer = client.receive();
  EXPECT_NE(answer.find("x-a=b\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("body=3:abc"), std::string::npos) << answer;
}

TEST_F(HttpServerTest, TheClientsAddressIsThatBehindATrustedProxyAndTheGateSeesIt) {
  std::string seen_by_gate;
  gate = [&](const Request& request) {
    seen_by_gate = request.client_address;
    return Admission{0, std::nullopt};
  };
  HttpServerOptions options;
  options.trusted_proxies = {parse_address_range("127.0.0.0/8").value_or(AddressRange{})};
  start(options);
  const auto seen = body_of(get("X-Forwarded-For: 1.1.1.1, 203.0.113.7\r\n"));
  EXPECT_NE(seen.find("address=203.0.113.7\n"), std::string::npos) << seen;
  EXPECT_EQ(seen_by_gate, "203.0.113.7");
}

TEST_F(HttpServerTest, LargeBodiesAndAnswersPassWhole) {
  body_limit = 25U << 20;
  handler = [](const Request& request) { return Response{200, {}, "text/plain", request.body}; };
  start(testing::patient());
  std::string body(25U << 20, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 31 % 26);
  const auto answer = body_of(post("Content-Length: " + std::to_string(body.size()) + "\r\n", body));
  EXPECT_TRUE(answer == body) << answer.size();
}

}  // namespace
}  // namespace gitferry::api
