#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/api/http_server_fixture.h"
#include "tests/api/raw_client.h"

// The raw requests that break HTTP servers, by the number that the list of threats gives them. Those that are
// about many connections at once (H-22 to H-25, H-31, H-32) are in reception_test.cpp.

namespace gitferry::api {
namespace {

using namespace std::string_literals;
using testing::answer_to;
using testing::body_of;
using testing::RawClient;
using testing::status_of;

class HttpVectors : public testing::HttpServerTest {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { EXPECT_TRUE(is_alive()); }

  /// What a handler made of `body`; 0 answers of it where it was never called.
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  /// Sends `begin`, then up to 300 MB of `rest`, for as long as the server takes it.
  std::string answer_to_endless(const std::string& begin, const std::string& rest) const {
    RawClient client(port);
    bool is_taken = client.send(begin);
    for (int i = 0; i < 300 && is_taken; ++i) is_taken = client.send(rest);
    EXPECT_FALSE(is_taken) << "300 MB were taken";
    return client.receive();
  }
};

const std::string kMegabyte(1'000'000, 'a');

TEST_F(HttpVectors, H01_EncodedBodiesAreNotTaken) {
  for (const auto* encoding : {"gzip", "br", "deflate", "GZip", "identity, gzip"}) {
    EXPECT_EQ(status_of(post("Content-Length: 30\r\nContent-Encoding: "s + encoding + "\r\n",
                             std::string(30, 'z'))),
              415)
        << encoding;
  }
}

TEST_F(HttpVectors, H02_ChunkedBodiesAreNotTaken) {
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")), 411);
  const auto answer = answer_to_endless("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "f4240\r\n" + kMegabyte + "\r\n");
  EXPECT_TRUE(answer.empty() || status_of(answer) == 411) << answer.substr(0, 100);
}

TEST_F(HttpVectors, H03_WithoutALengthThereIsNoBodyWhateverFollows) {
  for (const auto& rest : {std::string(), std::string(30'000, 'a')}) {
    const auto answer = post("", rest);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_NE(answer.find("body=0:"), std::string::npos);
  }
  const auto answer = answer_to_endless("POST /x HTTP/1.1\r\nHost: h\r\n\r\n", kMegabyte);
  EXPECT_TRUE(answer.empty() || answer.find("body=0:") != std::string::npos);
}

TEST_F(HttpVectors, S22_H04_AWrongChunkSizeIsNotEvenRead) {
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "-2\r\n" + std::string(100'000, 'a'))), 411);
}

TEST_F(HttpVectors, S22_H05_HeaderValuesAreNotDecoded) {
  const auto seen = body_of(get("X-A: v%0d%0aX-Injected: 1\r\nX-B: a%00b\r\n"));
  EXPECT_NE(seen.find("x-a=v%0d%0aX-Injected: 1\n"), std::string::npos);
  EXPECT_NE(seen.find("x-b=a%00b\n"), std::string::npos);
  EXPECT_EQ(seen.find("x-injected=1"), std::string::npos);
}

TEST_F(HttpVectors, S22_H06_NeitherIsTheOtherPercentForm) {
  const auto seen = body_of(get("X-A: a%u000d%u000aX-Injected: 1\r\n"));
  EXPECT_NE(seen.find("x-a=a%u000d%u000aX-Injected: 1\n"), std::string::npos);
}

TEST_F(HttpVectors, H07_NobodyNamesHisOwnAddress) {
  for (const auto* name : {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT", "remote_addr"}) {
    EXPECT_EQ(status_of(get(name + ": 9.9.9.9\r\n"s)), 400) << name;
  }
  const auto seen = body_of(get("X-Forwarded-For: 9.9.9.9\r\n"));
  EXPECT_NE(seen.find("address=127.0.0.1\n"), std::string::npos) << "the peer is no trusted proxy";
}

TEST_F(HttpVectors, H08_AnExceptionShowsNothingOfItself) {
  gate = [this](const Request& request) -> Admission {
    if (request.target == "/gate") throw std::runtime_error("secret of the gate");
    if (request.target == "/odd-gate") throw 42;
    return {body_limit, std::nullopt, request.target == "/livez" ? Place::Receiver : Place::Worker};
  };
  handler = [](const Request& request) -> Response {
    if (request.target == "/odd") throw 42;
    return testing::echo(request);
  };
  for (const auto* target : {"/throw", "/gate", "/odd", "/odd-gate"}) {
    const auto answer = get({}, target);
    EXPECT_EQ(status_of(answer), 500) << target;
    EXPECT_EQ(answer.find("secret"), std::string::npos) << target;
    EXPECT_EQ(answer.find("EXCEPTION"), std::string::npos) << target;
    EXPECT_EQ(testing::json_of(body_of(answer))["code_status"].asInt(), 50001) << target;
  }
}

TEST_F(HttpVectors, H09_TooManyHeaderLines) {
  std::string lines;
  for (int i = 0; i < 1'000; ++i) lines += "A: b\r\n";
  EXPECT_EQ(status_of(get(lines)), 431);
  std::string megabyte;
  while (megabyte.size() < 1'000'000) megabyte += "A: b\r\n";
  const auto answer = answer_to_endless("GET /x HTTP/1.1\r\nHost: h\r\n", megabyte);
  EXPECT_TRUE(answer.empty() || status_of(answer) == 431) << answer.substr(0, 100);
}

TEST_F(HttpVectors, H10_AnEndlessHeaderLine) {
  EXPECT_EQ(status_of(get("A: " + std::string(17'000, 'a') + "\r\n")), 431);
  const auto answer = answer_to_endless("GET /x HTTP/1.1\r\nHost: h\r\nA: ", kMegabyte);
  EXPECT_TRUE(answer.empty() || status_of(answer) == 431) << answer.substr(0, 100);
}

TEST_F(HttpVectors, H11_AnEndlessRequestLine) {
  EXPECT_EQ(status_of(answer_to(port, "GET /" + std::string(3'000, 'a'))), 414) << "before it ends";
  const auto answer = answer_to_endless("GET /", kMegabyte);
  EXPECT_TRUE(answer.empty() || status_of(answer) == 414) << answer.substr(0, 100);
}

TEST_F(HttpVectors, H12_MultipartBodiesAreNotTaken) {
  const auto body = "--x\r\nContent-Disposition: form-data; name=a; filename=\"" + std::string(8'000, 'f') +
                    "\"\r\n\r\n\r\n--x--\r\n";
  const auto length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  EXPECT_EQ(status_of(post(length + "Content-Type: multipart/form-data; boundary=x\r\n", body)), 415);
}

TEST_F(HttpVectors, S21_H13_ALongPath) {
  EXPECT_EQ(status_of(get({}, "/" + std::string(8'000, 'a'))), 414);
}

TEST_F(HttpVectors, S22_H14_DoubtfulLengths) {
  for (const auto* length : {"abc", "0x5", "+5", "5, 5", "-5", "12345678901234567890123", ""}) {
    EXPECT_EQ(status_of(post("Content-Length: "s + length + "\r\n", "hello")), 400) << length;
  }
  EXPECT_EQ(status_of(post("Content-Length: 999999999\r\n", "")), 413);
}

TEST_F(HttpVectors, S22_H15_TwoLengths) {
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")), 400);
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")), 400);
}

TEST_F(HttpVectors, S22_H16_ALengthAndChunks) {
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), 400);
}

const std::string kSecond = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(HttpVectors, S22_H17_ARequestInTheBodyOfAGetIsABody) {
  // The lists of the API take their parameters from the body of a GET: it is read by its length.
  const auto answer =
      answer_to(port, "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kSecond.size()) +
                          "\r\n\r\n" + kSecond);
  EXPECT_EQ(count(answer, "HTTP/1.1 200"), 1U);
  EXPECT_NE(answer.find("body=" + std::to_string(kSecond.size()) + ":"), std::string::npos) << answer;
}

TEST_F(HttpVectors, S22_H18_AlsoWhereItComesLater) {
  RawClient client(port);
  client.send("GET /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: " +
              std::to_string(kSecond.size()) + "\r\n\r\n");
  client.receive_until("\r\n\r\n");  // the head was read and its body is waited for
  client.send(kSecond);
  const auto answer = client.receive();
  EXPECT_EQ(count(answer, "HTTP/1.1 200"), 1U);
  EXPECT_EQ(answer.find("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n\nbody"), std::string::npos);
  EXPECT_NE(answer.find("body=" + std::to_string(kSecond.size()) + ":"), std::string::npos) << answer;
}

TEST_F(HttpVectors, S22_H19_OfPipelinedRequestsOnlyTheFirst) {
  for (const auto& first : {"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"s, "POST /x HTTP/1.1\r\nHost: h\r\n\r\n"s,
                            "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"s,
                            "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"s}) {
    const auto answer = answer_to(port, first + kSecond);
    EXPECT_EQ(count(answer, "HTTP/1.1 200"), 1U) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << answer;
  }
}

TEST_F(HttpVectors, S22_H20_LinesThatTwoParsersReadDifferently) {
  for (const auto& lines : {"A: b\nC: d\r\n"s, "A: b\r\n folded\r\n"s, "A : b\r\n"s, "no colon\r\n"s,
                            ": empty\r\n"s, "A: b\0c\r\n"s, "A: b\x7f\r\n"s, "A: b\rC: d\r\n"s}) {
    EXPECT_EQ(status_of(get(lines)), 400) << lines;
  }
}

TEST_F(HttpVectors, S21_H21_RangesAreIgnored) {
  std::string parts = "Range: bytes=0-1";
  for (int i = 0; i < 1'500; ++i) parts += ",0-1";
  for (const auto& range : {parts, "Range: bytes=0-" + std::string(8'000, '9')}) {
    const auto answer = get(range + "\r\n");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_NE(body_of(answer).find("GET /x"), std::string::npos);
    EXPECT_EQ(answer.find("Content-Range"), std::string::npos);
  }
}

TEST_F(HttpVectors, H26_ContinuesOnlyAfterEveryCheck) {
  RawClient good(port);
  good.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(good.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  good.send("hello");
  EXPECT_NE(good.receive().find("body=5:hello"), std::string::npos);
  EXPECT_EQ(status_of(post("Content-Length: 2000000\r\nExpect: 100-continue\r\n", "")), 413);
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nExpect: x\r\n", "hello")), 417);
  const auto early = post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello");
  EXPECT_NE(early.find("body=5:hello"), std::string::npos) << "a client that did not wait";
}

TEST_F(HttpVectors, H27_PathsThatClimb) {
  for (const auto* target :
       {"/a%2fb%2f..%2f..%2fetc%00x", "/a%2fb%2f..%2fetc", "/%u002e%u002e", "/a\\b", "/../x", "/a%5cb"}) {
    EXPECT_EQ(status_of(get({}, target)), 400) << target;
  }
}

TEST_F(HttpVectors, H28_UnknownMethods) {
  for (const auto* method : {"get", "FOO", "CONNECT", "TRACE", "PRI"}) {
    const auto answer = answer_to(port, method + " /x HTTP/1.1\r\nHost: h\r\n\r\n"s);
    EXPECT_EQ(status_of(answer), 405) << method;
    EXPECT_NE(answer.find("Allow: GET"), std::string::npos) << method;
  }
}

TEST_F(HttpVectors, H29_OtherProtocolsAreAnsweredAndClosed) {
  for (const auto& bytes : {"GET /\r\n"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
                            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, "SSH-2.0-x\r\n"s}) {
    EXPECT_EQ(status_of(answer_to(port, bytes)), 400) << bytes;
  }
}

TEST_F(HttpVectors, H30_NoHostAndTwo) {
  EXPECT_EQ(status_of(answer_to(port, "GET / HTTP/1.1\r\n\r\n")), 400);
  EXPECT_EQ(status_of(answer_to(port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")), 400);
}

TEST_F(HttpVectors, H33_AFormOf32KiBIsReadWhole) {
  const std::string form = "payload=" + std::string(32 * 1024, 'f');
  const auto answer = post("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
                               std::to_string(form.size()) + "\r\n",
                           form);
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(body_of(answer).find("body=" + std::to_string(form.size()) + ":payload=fff"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::api
