#include "api/http_server.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <gtest/gtest.h>

#include "api/envelope.h"
#include "tests/api/raw_client.h"

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;
using testing::answer_to;
using testing::body_of;
using testing::RawClient;
using testing::status_of;

HttpServerOptions quick() {
  HttpServerOptions options;
  options.request_time = 400ms;
  options.write_time = 1000ms;
  options.drain_time = 50ms;
  return options;
}

/// Answers with what it saw.
Response echo(const Request& request) {
  if (request.target == "/throw") throw std::runtime_error("secret of the handler");
  if (request.target == "/large") return {200, {}, "text/plain", std::string(32U << 20, 'x')};
  std::string seen = request.method + " " + request.target + "\naddress=" + request.client_address + "\n";
  for (const auto& header : request.headers) seen += header.name + "=" + header.value + "\n";
  seen += "body=" + std::to_string(request.body.size()) + ":" + request.body.substr(0, 100);
  return {200, {}, "text/plain", seen};
}

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpServerOptions options = HttpServerOptions{}) {
    auto started = HttpServer::start(
        options,
        [this](const Request&) {
          return Admission{body_limit, std::nullopt};
        },
        [this](const Request& request) { return handler ? handler(request) : echo(request); });
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    port = server->port();
  }
  [[nodiscard]] std::string get(const std::string& headers = {}, const std::string& target = "/x") const {
    return answer_to(port, "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
  }
  [[nodiscard]] std::string post(const std::string& headers, const std::string& body) const {
    return answer_to(port, "POST /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body);
  }

  std::size_t body_limit = 1U << 20;
  std::function<Response(const Request&)> handler;
  std::unique_ptr<HttpServer> server;
  int port = 0;
};

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

TEST_F(HttpServerTest, HandsHeaderBytesOnUndecoded) {
  start();
  const auto seen = body_of(get("X-A: v%0d%0aX-Injected: 1\r\nX-B: a%00b%u000d%u000a\r\n"));
  EXPECT_NE(seen.find("x-a=v%0d%0aX-Injected: 1\n"), std::string::npos);
  EXPECT_NE(seen.find("x-b=a%00b%u000d%u000a\n"), std::string::npos);
  EXPECT_EQ(seen.find("x-injected=1"), std::string::npos);
}

TEST_F(HttpServerTest, RefusesReservedNamesAndKeepsThePeersAddress) {
  start();
  EXPECT_EQ(status_of(get("REMOTE_ADDR: 9.9.9.9\r\n")), 400);
  const auto seen = body_of(get("X-Forwarded-For: 9.9.9.9\r\n"));
  EXPECT_NE(seen.find("address=127.0.0.1"), std::string::npos);
}

TEST_F(HttpServerTest, RefusesChunkedEncodedAndEndlessBodiesWithoutReadingThem) {
  start();
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")), 411);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "-2\r\n" + std::string(100'000, 'a'))), 411);
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(status_of(post("Content-Length: 30\r\nContent-Encoding: gzip\r\n", std::string(30, 'z'))), 415);
  EXPECT_EQ(status_of(post("Content-Length: 9\r\nContent-Type: multipart/form-data; boundary=x\r\n",
                           "--x--\r\n\r\n")),
            415);
}

TEST_F(HttpServerTest, RefusesABodyAboveTheRoutesLimitFromItsLengthAlone) {
  start();
  const auto answer = post("Content-Length: 1048577\r\n", std::string(300'000, 'a'));
  EXPECT_EQ(status_of(answer), 413);
  EXPECT_EQ(testing::json_of(body_of(answer))["code_status"].asInt(), 10026);
  EXPECT_EQ(status_of(post("Content-Length: 999999999\r\n", "")), 413);
  EXPECT_EQ(status_of(post("Content-Length: 1048576\r\n", std::string(1'048'576, 'a'))), 200);
}

TEST_F(HttpServerTest, ReadsA32KiBFormWhole) {
  start();
  const std::string form = "payload=" + std::string(32 * 1024, 'f');
  const auto answer = post("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
                               std::to_string(form.size()) + "\r\n",
                           form);
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(body_of(answer).find("body=" + std::to_string(form.size()) + ":payload=fff"), std::string::npos);
}

TEST_F(HttpServerTest, WithoutALengthThereIsNoBodyWhateverFollows) {
  start();
  for (const auto& rest : {std::string(), std::string(30'000, 'a')}) {
    const auto answer = post("", rest);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_NE(answer.find("body=0:"), std::string::npos);
  }
}

TEST_F(HttpServerTest, NothingCanBeSmuggledBehindARequest) {
  start();
  const std::string second = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  // A body is a body, also of a GET: what it holds is never read as a request.
  const auto whole =
      answer_to(port, "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(second.size()) +
                          "\r\n\r\n" + second);
  EXPECT_EQ(whole.rfind("HTTP/1.1 "), 0U) << "exactly one answer";
  EXPECT_NE(whole.find("body=" + std::to_string(second.size()) + ":"), std::string::npos) << whole;
  for (const auto& bytes :
       {"GET /x HTTP/1.1\r\nHost: h\r\n\r\n" + second, "POST /x HTTP/1.1\r\nHost: h\r\n\r\n" + second,
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" + second}) {
    const auto answer = answer_to(port, bytes);
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << answer;
    EXPECT_EQ(answer.rfind("HTTP/1.1 "), 0U) << "exactly one answer";
  }
}

TEST_F(HttpServerTest, IgnoresRanges) {
  start();
  std::string ranges = "Range: bytes=0-1";
  for (int i = 0; i < 1'500; ++i) ranges += ",0-1";
  const auto answer = get(ranges + "\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(body_of(answer).find("GET /x"), std::string::npos);
}

TEST_F(HttpServerTest, RefusesBadLengthsHostsMethodsAndVersions) {
  start();
  for (const auto* length : {"abc", "0x5", "+5", "5, 5", "-5", ""}) {
    EXPECT_EQ(status_of(post("Content-Length: " + std::string(length) + "\r\n", "hello")), 400) << length;
  }
  EXPECT_EQ(status_of(answer_to(port, "GET / HTTP/1.1\r\n\r\n")), 400);
  EXPECT_EQ(status_of(answer_to(port, "GET /\r\n")), 400);
  EXPECT_EQ(status_of(answer_to(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), 400);
  EXPECT_EQ(status_of(answer_to(port, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11))), 400);
  const auto unknown = answer_to(port, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(status_of(unknown), 405);
  EXPECT_NE(unknown.find("Allow: GET"), std::string::npos);
  EXPECT_EQ(status_of(answer_to(port, "GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n")), 400);
  EXPECT_EQ(status_of(get({}, "/a%2fb%2f..%2fetc%00x")), 400);
  EXPECT_EQ(status_of(get({}, "/" + std::string(8'000, 'a'))), 414);
  EXPECT_EQ(status_of(get("A: " + std::string(60'000, 'a') + "\r\n")), 431);
}

TEST_F(HttpServerTest, ContinuesOnlyAfterEveryCheck) {
  start();
  RawClient good(port);
  good.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(good.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  good.send("hello");
  EXPECT_NE(good.receive().find("body=5:hello"), std::string::npos);
  EXPECT_EQ(status_of(post("Content-Length: 2000000\r\nExpect: 100-continue\r\n", "")), 413);
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nExpect: x\r\n", "hello")), 417);
}

TEST_F(HttpServerTest, AHandlersExceptionShowsNothingOfItself) {
  start();
  const auto answer = get({}, "/throw");
  EXPECT_EQ(status_of(answer), 500);
  EXPECT_EQ(answer.find("secret"), std::string::npos);
  EXPECT_EQ(answer.find("EXCEPTION"), std::string::npos);
  EXPECT_EQ(testing::json_of(body_of(answer))["code_status"].asInt(), 50001);
  EXPECT_EQ(status_of(get()), 200) << "still alive";
}

TEST_F(HttpServerTest, SlowHeadsAndBodiesEndAtTheDeadlineAndBlockNobody) {
  start(quick());
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<RawClient>(port));
    slow.back()->send(i % 3 == 0   ? ""
                      : i % 3 == 1 ? "GET /x HT"
                                   : "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  }
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(status_of(get()), 200);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 300ms);
  for (auto& client : slow) EXPECT_EQ(status_of(client->receive()), 408);
}

TEST_F(HttpServerTest, ABodyThatEndsEarlyIsRefused) {
  start();
  RawClient client(port);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  client.end_of_sending();
  EXPECT_EQ(status_of(client.receive()), 400);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsDropped) {
  auto options = quick();
  options.write_time = 200ms;
  start(options);
  RawClient client(port);
  client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  server->stop();  // returns only when the connection has been given up
  EXPECT_LT(client.receive().size(), 32U << 20);
}

TEST_F(HttpServerTest, ASecondServerOnThePortIsRefusedWithAReason) {
  start();
  auto options = HttpServerOptions{};
  options.port = port;
  const auto second = HttpServer::start(options, {}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::ConfigurationInvalid);
  EXPECT_NE(second.error().message.find(std::to_string(port)), std::string::npos);
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
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

TEST_F(HttpServerTest, AnswersTwoHundredConnectionsAtOnce) {
  HttpServerOptions options;
  options.connections_per_address = 200;
  start(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(port));
  for (auto& client : clients) ASSERT_TRUE(client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"));
  for (auto& client : clients) EXPECT_EQ(status_of(client->receive()), 200);
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (directory != nullptr && ::readdir(directory) != nullptr) ++count;
  if (directory != nullptr) ::closedir(directory);
  return count;
}

TEST_F(HttpServerTest, AFullQueueAnswers503AndLeaksNoDescriptor) {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool released = false;
  handler = [&](const Request& request) {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return released; });
    return echo(request);
  };
  auto options = HttpServerOptions{};
  options.workers = 2;
  options.waiting = 2;
  start(options);
  const auto before = open_descriptors();
  {
    std::vector<std::unique_ptr<RawClient>> clients;
    const auto ask = [&] {
      clients.push_back(std::make_unique<RawClient>(port));
      clients.back()->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    };
    ask();
    ask();
    {
      std::unique_lock lock(mutex);
      ASSERT_TRUE(changed.wait_for(lock, 10s, [&] { return inside == 2; }));
    }
    for (int i = 0; i < 20; ++i) ask();
    int refused = 0;
    for (std::size_t i = 4; i < clients.size(); ++i) {
      const auto answer = clients[i]->receive();
      if (status_of(answer) == 503 && answer.find("Retry-After: ") != std::string::npos) ++refused;
    }
    EXPECT_EQ(refused, 18);
    {
      const std::lock_guard lock(mutex);
      released = true;
    }
    changed.notify_all();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(status_of(clients[i]->receive()), 200);
  }
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (open_descriptors() > before && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_LE(open_descriptors(), before);
}

TEST_F(HttpServerTest, StopFinishesWhatRuns) {
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool released = false;
  handler = [&](const Request& request) {
    std::unique_lock lock(mutex);
    inside = true;
    changed.notify_all();
    changed.wait(lock, [&] { return released; });
    return echo(request);
  };
  start();
  RawClient running(port);
  RawClient idle(port);
  running.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, 10s, [&] { return inside; }));
  }
  std::thread stopper([&] { server->stop(); });
  EXPECT_EQ(idle.receive(), "") << "a connection without a head is closed at once";
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
  EXPECT_EQ(status_of(running.receive()), 200);
  stopper.join();
  EXPECT_FALSE(RawClient(port).is_connected());
}

TEST_F(HttpServerTest, AllBodiesTogetherStayWithinTheBudget) {
  auto options = HttpServerOptions{};
  options.body_budget = 100'000;
  start(options);
  const auto answer = post("Content-Length: 200000\r\n", std::string(200'000, 'a'));
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
  EXPECT_EQ(status_of(post("Content-Length: 90000\r\n", std::string(90'000, 'a'))), 200)
      << "the share was given back";
}

}  // namespace
}  // namespace gitferry::api
