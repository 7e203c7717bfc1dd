#include "api/reception.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/guarded.h"
#include "api/body_budget.h"
#include "tests/api/http_server_fixture.h"
#include "tests/api/raw_client.h"

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;
using testing::answer_to;
using testing::body_of;
using testing::comes_true;
using testing::open_descriptors;
using testing::patient;
using testing::quick;
using testing::RawClient;
using testing::status_of;
using testing::Turnstile;
using Clients = std::vector<std::unique_ptr<RawClient>>;

const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

std::string post_head(std::size_t length) {
  return "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

class ReceptionTest : public testing::HttpServerTest {
 protected:
  void SetUp() override {
    // Both ends of every connection are in this process.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  void add(Clients& clients, std::size_t count, const std::string& bytes) const {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(port));
      ASSERT_TRUE(clients.back()->is_connected());
      ASSERT_TRUE(clients.back()->send(bytes));
    }
  }
  /// A client whose head the server has admitted and whose body it waits for.
  std::unique_ptr<RawClient> add_waiting_for_body(std::size_t length) const {
    auto client = std::make_unique<RawClient>(port);
    client->send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: " +
                 std::to_string(length) + "\r\n\r\n");
    EXPECT_EQ(client->receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    return client;
  }
  /// Neither an answer nor the end came.
  static bool is_open(const RawClient& client) {
    char byte = 0;
    return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
  }
  static bool client_waits(const RawClient& client) {
    char byte = 0;
    return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
  }
  static std::size_t count_open(const Clients& clients) {
    std::size_t open = 0;
    for (const auto& client : clients) open += is_open(*client) ? 1 : 0;
    return open;
  }
  void expect_retry_after(const std::string& answer, int status) const {
    EXPECT_EQ(status_of(answer), status) << answer;
    EXPECT_NE(answer.find("Retry-After: "), std::string::npos) << answer;
  }
};

// Slow clients.

TEST_F(ReceptionTest, H22_S23_FiveHundredSlowHeadsHoldUpNobody) {
  start(patient());
  Clients slow;
  add(slow, 500, "GET /x HTTP/1.1\r\nHost: h\r\nA: b");
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(status_of(get()), 200) << "the workers are free too";
  EXPECT_EQ(count_open(slow), 500U) << "all of them were still there";
  for (auto& client : slow) client->send("\r\n\r\n");
  for (auto& client : slow) EXPECT_EQ(status_of(client->receive()), 200);
}

TEST_F(ReceptionTest, S23_H22_SlowHeadsEndAtTheDeadline) {
  start(quick());
  Clients slow;
  add(slow, 30, "GET /x HT");
  add(slow, 30, "GET /x HTTP/1.1\r\nHost: h\r\n");
  for (auto& client : slow) EXPECT_EQ(status_of(client->receive()), 408);
}

TEST_F(ReceptionTest, H23_FiveHundredSilentConnectionsHoldUpNobody) {
  start(patient());
  Clients silent;
  add(silent, 500, {});
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(status_of(get()), 200);
  EXPECT_EQ(count_open(silent), 500U);
}

TEST_F(ReceptionTest, S23_H23_SilentConnectionsEndAtTheDeadlineAndLeaveNoDescriptor) {
  start(quick());
  EXPECT_TRUE(is_alive());
  const auto before = open_descriptors();
  {
    Clients silent;
    add(silent, 100, {});
    for (auto& client : silent) EXPECT_EQ(status_of(client->receive()), 408);
  }
  EXPECT_TRUE(comes_true([&] { return open_descriptors() <= before; })) << open_descriptors();
}

TEST_F(ReceptionTest, H24_TwoHundredSlowBodiesHoldUpNobody) {
  start(patient());
  Clients slow;
  add(slow, 200, post_head(10) + "abc");
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(status_of(post("Content-Length: 2\r\n", "ok")), 200);
  EXPECT_EQ(count_open(slow), 200U);
  for (auto& client : slow) client->send("defghij");
  for (auto& client : slow) EXPECT_NE(client->receive().find("body=10:abcdefghij"), std::string::npos);
}

TEST_F(ReceptionTest, S23_H24_SlowBodiesEndAtTheDeadline) {
  start(quick());
  Clients slow;
  add(slow, 50, post_head(100) + "abc");
  for (auto& client : slow) {
    const auto answer = client->receive();
    EXPECT_EQ(status_of(answer), 408);
    EXPECT_NE(answer.find("X-Request-Id: "), std::string::npos);
  }
}

TEST_F(ReceptionTest, H24_BytesThatNeverPauseDoNotOutliveTheDeadline) {
  body_limit = 900'000'000;
  start(quick());
  RawClient client(port);
  client.send(post_head(900'000'000));
  while (client.send("x")) {
  }  // the server decides when this ends
  EXPECT_TRUE(is_alive());
}

TEST_F(ReceptionTest, S23_H25_ClientsThatDoNotReadHoldUpNobodyAndAreDropped) {
  auto options = quick();
  options.write_time = 300ms;
  const std::string answer(4U << 20, 'x');
  handler = [&](const Request& request) {
    return request.target == "/x" ? Response{200, {}, "text/plain", answer} : testing::echo(request);
  };
  start(options);
  EXPECT_TRUE(is_alive());
  const auto before = open_descriptors();
  Clients deaf;
  for (int i = 0; i < 100; ++i) {
    deaf.push_back(std::make_unique<RawClient>(port));
    const int small = 4096;
    ::setsockopt(deaf.back()->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    deaf.back()->send(kGet);
  }
  EXPECT_TRUE(is_alive());
  EXPECT_TRUE(comes_true([&] { return status_of(get({}, "/y")) == 200; })) << "the workers are free again";
  // The server closes all of its ends; ours are the hundred that stay.
  EXPECT_TRUE(comes_true([&] { return open_descriptors() <= before + 100; })) << open_descriptors();
  EXPECT_LT(deaf.front()->receive().size(), answer.size());
}

// Many clients.

TEST_F(ReceptionTest, S47_H31_AllOfFiveHundredAtOnceAreAnswered) {
  start(patient());
  Clients clients;
  add(clients, 500, {});
  for (auto& client : clients) ASSERT_TRUE(client->send(kGet));
  for (auto& client : clients) EXPECT_EQ(status_of(client->receive()), 200);
}

TEST_F(ReceptionTest, S47_H32_AFullQueueAnswers503TellsOfItAndLeaksNoDescriptor) {
  Turnstile turnstile;
  handler = [&](const Request& request) {
    if (request.target == "/x") turnstile.pass();
    return testing::echo(request);
  };
  std::atomic<int> told = 0;
  auto options = patient();
  options.workers = 2;
  options.waiting = 2;
  options.on_overload = [&](const Request& request) { told += request.target == "/x" ? 1 : 0; };
  start(options);
  EXPECT_TRUE(is_alive());
  const auto before = open_descriptors();
  {
    Clients clients;
    add(clients, 2, kGet);
    ASSERT_TRUE(turnstile.wait_for(2));
    add(clients, 20, kGet);
    EXPECT_TRUE(comes_true([&] { return told == 18; })) << told;
    EXPECT_TRUE(is_alive()) << "/livez needs no worker";
    turnstile.let_go();
    int served = 0;
    for (auto& client : clients) {
      const auto answer = client->receive();
      served += status_of(answer) == 200 ? 1 : 0;
      if (status_of(answer) != 200) expect_retry_after(answer, 503);
    }
    EXPECT_EQ(served, 4);
  }
  EXPECT_TRUE(comes_true([&] { return open_descriptors() <= before; })) << open_descriptors();
}

TEST_F(ReceptionTest, H32_RequestsThatWaitForRunsLeaveTheWorkersFree) {
  Turnstile turnstile;
  gate = [](const Request& request) {
    return Admission{0, std::nullopt, request.target == "/wait" ? Place::Patient : Place::Worker};
  };
  handler = [&](const Request& request) {
    if (request.target == "/wait") turnstile.pass();
    return testing::echo(request);
  };
  auto options = patient();
  options.workers = 1;
  options.patient_workers = 3;
  options.waiting = 1;
  start(options);
  Clients waiters;
  add(waiters, 3, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(turnstile.wait_for(3));
  EXPECT_EQ(status_of(get()), 200);
  turnstile.let_go();
  for (auto& client : waiters) EXPECT_EQ(status_of(client->receive()), 200);
}

TEST_F(ReceptionTest, H32_AThrowingListenerOfOverloadHarmsNothing) {
  auto options = patient();
  options.body_budget = 10;
  options.on_overload = [](const Request&) { throw std::runtime_error("x"); };
  start(options);
  expect_retry_after(post("Content-Length: 11\r\n", "hello hello"), 503);
  EXPECT_TRUE(is_alive());
}

TEST_F(ReceptionTest, S37_OneConnectionMoreThanAnAddressMayHaveGets429) {
  auto options = patient();
  options.connections_per_address = 5;
  start(options);
  Clients clients;
  add(clients, 5, {});
  const auto refused = RawClient(port).receive();
  expect_retry_after(refused, 429);
  EXPECT_EQ(testing::json_of(body_of(refused))["code_status"].asInt(), 10027);
  EXPECT_EQ(count_open(clients), 5U);
  clients.pop_back();
  EXPECT_TRUE(comes_true([&] { return is_alive(); })) << "a place that was given back is free";
}

TEST_F(ReceptionTest, S37_ATrustedProxysConnectionsAreNotCounted) {
  auto options = patient();
  options.connections_per_address = 1;
  options.trusted_proxies = {parse_address_range("127.0.0.1").value_or(AddressRange{})};
  start(options);
  Clients clients;
  add(clients, 20, {});
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(count_open(clients), 20U);
}

TEST_F(ReceptionTest, S37_AtTheLimitTheOldestWithoutAWholeRequestGivesWay) {
  auto options = patient();
  options.connections = 4;
  std::vector<std::string> told;
  options.on_overload = [&](const Request& request) { told.push_back(request.method); };
  start(options);
  const auto with_head = add_waiting_for_body(10);
  Clients clients;
  add(clients, 2, "GET /x HT");
  add(clients, 1, {});
  EXPECT_TRUE(is_alive()) << "a newcomer always gets in";
  expect_retry_after(with_head->receive(), 503);  // its head was whole: it did nothing wrong
  EXPECT_EQ(told, std::vector<std::string>{"POST"});
  EXPECT_EQ(count_open(clients), 3U);
  Clients more;
  add(more, 2, {});
  EXPECT_EQ(status_of(clients[0]->receive()), 408);
  EXPECT_TRUE(comes_true([&] { return count_open(clients) == 2U; }));
  EXPECT_TRUE(is_open(*clients[1]) && is_open(*clients[2])) << "the younger ones stay";
}

TEST_F(ReceptionTest, S37_AtTheLimitClientsThatDoNotReadGiveWayToo) {
  auto options = patient();
  options.connections = 3;
  start(options);
  Clients deaf;
  add(deaf, 3, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  // Their answers have begun: there is no request any more that could give way.
  for (const auto& client : deaf) ASSERT_TRUE(comes_true([&] { return !client_waits(*client); }));
  EXPECT_TRUE(comes_true([&] { return is_alive(); }));
}

TEST_F(ReceptionTest, S37_WhereNobodyCanGiveWayTheNewcomerGets503) {
  Turnstile turnstile;
  handler = [&](const Request& request) {
    turnstile.pass();
    return testing::echo(request);
  };
  auto options = patient();
  options.connections = 3;
  start(options);
  Clients clients;
  add(clients, 3, kGet);
  ASSERT_TRUE(turnstile.wait_for(3));
  expect_retry_after(RawClient(port).receive(), 503);
  turnstile.let_go();
  for (auto& client : clients) EXPECT_EQ(status_of(client->receive()), 200);
  EXPECT_EQ(status_of(get()), 200);
}

TEST_F(ReceptionTest, S37_AFloodOfThreeTimesAsManyConnectionsKeepsNobodyOut) {
  auto options = patient();
  options.connections = 200;
  start(options);
  EXPECT_TRUE(is_alive());
  const auto before = open_descriptors();
  {
    Clients flood;
    add(flood, 600, {});
    EXPECT_TRUE(is_alive());
    EXPECT_EQ(status_of(post("Content-Length: 5\r\n", "hello")), 200);
    EXPECT_LE(count_open(flood), 200U);
  }
  EXPECT_TRUE(comes_true([&] { return open_descriptors() <= before; })) << open_descriptors();
}

// Large bodies.

TEST_F(ReceptionTest, S17_ABodyAboveTheRoutesLimitIsRefusedFromItsLengthAlone) {
  start();
  EXPECT_EQ(status_of(post("Content-Length: 1048577\r\n", {})), 413);
  EXPECT_EQ(status_of(post("Content-Length: 1048576\r\n", std::string(1'048'576, 'a'))), 200);
}

TEST_F(ReceptionTest, S17_AllBodiesTogetherStayWithinTheBudget) {
  auto options = patient();
  options.body_budget = 100'000;
  int told = 0;
  options.on_overload = [&](const Request&) { ++told; };
  start(options);
  expect_retry_after(post("Content-Length: 200000\r\n", std::string(200'000, 'a')), 503);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(status_of(post("Content-Length: 100000\r\n", std::string(100'000, 'a'))), 200)
      << "the share was given back, and the whole budget can be had";
}

TEST_F(ReceptionTest, S17_ALengthAloneReservesNothing) {
  auto options = patient();
  options.body_budget = 1'000'000;
  start(options);
  Clients boasting;
  for (int i = 0; i < 50; ++i) boasting.push_back(add_waiting_for_body(1'000'000));
  EXPECT_EQ(status_of(post("Content-Length: 1000000\r\n", std::string(1'000'000, 'a'))), 200);
}

TEST_F(ReceptionTest, S17_AFloodOfLargeBodiesLeavesRoomForOrdinaryOnes) {
  body_limit = 25U << 20;
  std::atomic<int> told = 0;
  auto options = patient();
  options.on_overload = [&](const Request&) { ++told; };
  start(options);
  const std::string part(20U << 20, 'a');
  Clients flood;
  for (int i = 0; i < 8; ++i) {
    flood.push_back(std::make_unique<RawClient>(port));
    flood.back()->send(post_head(25U << 20));
    flood.back()->send(part);  // false where it was refused already
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(status_of(post("Content-Length: 30000\r\n", std::string(30'000, 'b'))), 200) << i;
  }
  EXPECT_EQ(status_of(post("Content-Length: 262144\r\n", std::string(262'144, 'b'))), 200);
  EXPECT_EQ(status_of(post("Content-Length: 8000000\r\n", std::string(8'000'000, 'c'))), 503)
      << "what the large ones hold is not for another large one";
  EXPECT_EQ(told, 8);
  EXPECT_EQ(count_open(flood), 1U) << "32 MiB have room for one of them";
}

/// All clients come through one trusted proxy, which says who they are.
class BodiesOfSeveralClients : public ReceptionTest {
 protected:
  void start_with(std::size_t budget, std::size_t large_budget) {
    auto options = patient();
    options.trusted_proxies = {parse_address_range("127.0.0.1").value_or(AddressRange{})};
    options.body_budget = budget;
    options.large_body = 20'000;
    options.large_body_budget = large_budget;
    options.on_overload = [this](const Request& request) { told.push_back(request.client_address); };
    start(options);
  }
  static std::string head(const std::string& client, std::size_t length, const std::string& more = {}) {
    return "POST /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: " + client + "\r\n" + more +
           "Content-Length: " + std::to_string(length) + "\r\n\r\n";
  }
  /// A body of which the last byte never comes.
  void hold(Clients& clients, const std::string& client, std::size_t length) const {
    clients.push_back(std::make_unique<RawClient>(port));
    clients.back()->send(head(client, length, "Expect: 100-continue\r\n"));
    EXPECT_EQ(clients.back()->receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    clients.back()->send(std::string(length - 1, 'a'));
    wait_until_read(*clients.back());
  }
  [[nodiscard]] int post_from(const std::string& client, std::size_t length) const {
    return status_of(answer_to(port, head(client, length) + std::string(length, 'b')));
  }
  /// The reception serves connections in turn, so what it read before a later answer it had read by then.
  void wait_until_read(const RawClient& client) const {
    EXPECT_TRUE(comes_true([&] {
      int unread = 0;
      return ::ioctl(client.fd(), SIOCOUTQ, &unread) == 0 && unread == 0;
    }));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_alive());
  }

  std::vector<std::string> told;
};

TEST_F(BodiesOfSeveralClients, S17_WhoHoldsMostOfTheBudgetGivesWayToOthers) {
  start_with(100'000, 50'000);
  Clients hoard;
  for (int i = 0; i < 5; ++i) hold(hoard, "192.0.2.1", 19'500);
  ASSERT_EQ(count_open(hoard), 5U);
  EXPECT_EQ(post_from("192.0.2.1", 19'000), 503) << "its own share is used up";
  EXPECT_EQ(count_open(hoard), 5U);
  EXPECT_EQ(post_from("198.51.100.7", 19'000), 200) << "another client's delivery gets in";
  EXPECT_EQ(count_open(hoard), 4U);
  EXPECT_EQ(told, (std::vector<std::string>{"192.0.2.1", "192.0.2.1"}));
}

TEST_F(BodiesOfSeveralClients, S17_ALargeBodyOfWhoHoldsMostGivesWayToAnothersLargeOne) {
  start_with(100'000, 60'000);
  Clients hoard;
  hold(hoard, "2001:db8::1", 50'000);
  hold(hoard, "2001:db8::2", 19'000);
  EXPECT_EQ(post_from("198.51.100.7", 22'000), 200);
  EXPECT_FALSE(is_open(*hoard[0]));
  EXPECT_TRUE(is_open(*hoard[1])) << "small ones are not in the way of a large one here";
}

TEST_F(BodiesOfSeveralClients, S17_WhoAsksForMoreThanAnyOtherHoldsDisplacesNobody) {
  start_with(100'000, 60'000);
  Clients others;
  hold(others, "192.0.2.1", 21'000);
  hold(others, "192.0.2.2", 21'000);
  EXPECT_EQ(post_from("198.51.100.7", 50'000), 503);
  EXPECT_EQ(count_open(others), 2U);
}

TEST(BodyBudget, LargeBodiesHaveALimitOfTheirOwn) {
  BodyBudget budget({100, 60, 10});
  EXPECT_TRUE(budget.take(60, 11));
  EXPECT_FALSE(budget.take(1, 11));
  EXPECT_TRUE(budget.take(40, 10));
  EXPECT_FALSE(budget.take(1, 10));
  budget.give_back(60, 11);
  EXPECT_TRUE(budget.take(60, 10)) << "small ones may have all of it";
  EXPECT_FALSE(budget.take(1, 11));
  budget.give_back(60, 10);
  budget.give_back(40, 10);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_FALSE(budget.take(static_cast<std::size_t>(-1), 1));
}

// TLS, as far as the reception is concerned.

/// Asks for a word before anything else, as a handshake would.
class WordChannel final : public Channel {
 public:
  explicit WordChannel(int fd) : inner_(plain_channel(fd)) {}
  Outcome open() override {
    constexpr std::string_view kWord = "open sesame!";
    while (word_.size() < kWord.size()) {
      const auto outcome = inner_->read(word_, kWord.size() - word_.size());
      if (outcome != Outcome::Done) return outcome;
    }
    return word_ == kWord ? Outcome::Done : Outcome::Closed;
  }
  Outcome read(std::string& buffer, std::size_t limit) override { return inner_->read(buffer, limit); }
  Outcome write(std::string_view& bytes) override { return inner_->write(bytes); }
  Outcome finish() override { return inner_->finish(); }

 private:
  std::unique_ptr<Channel> inner_;
  std::string word_;
};

class WordTls final : public ServerTls {
 public:
  Status reload() override { return {}; }
  [[nodiscard]] bool has_changed() override { return false; }
  std::unique_ptr<Channel> channel(int fd) override { return std::make_unique<WordChannel>(fd); }
};

TEST_F(ReceptionTest, S23_AHandshakeIsUnderTheSameDeadlineAndHoldsUpNobody) {
  auto options = quick();
  options.tls = std::make_shared<WordTls>();
  start(options);
  Clients slow;
  add(slow, 100, "open");
  EXPECT_NE(testing::answer_to(port, "open sesame!" + kGet).find("GET /x"), std::string::npos);
  for (auto& client : slow) EXPECT_EQ(client->receive(), "") << "nothing can be said before it";
}

TEST_F(ReceptionTest, H29_PlainBytesOnATlsPortAreClosedWithoutAWord) {
  auto options = patient();
  options.tls = std::make_shared<WordTls>();
  start(options);
  EXPECT_EQ(testing::answer_to(port, kGet), "");
  EXPECT_NE(testing::answer_to(port, "open sesame!" + kGet).find("GET /x"), std::string::npos);
}

/// As TLS is to one who puts each byte into a record of its own: much work for little.
class DripChannel final : public Channel {
 public:
  explicit DripChannel(int fd) : inner_(plain_channel(fd)) {}
  Outcome open() override { return Outcome::Done; }
  Outcome read(std::string& buffer, std::size_t) override { return inner_->read(buffer, 1); }
  Outcome write(std::string_view& bytes) override { return inner_->write(bytes); }
  Outcome finish() override { return inner_->finish(); }

 private:
  std::unique_ptr<Channel> inner_;
};

class DripTls final : public ServerTls {
 public:
  Status reload() override { return {}; }
  [[nodiscard]] bool has_changed() override { return false; }
  std::unique_ptr<Channel> channel(int fd) override { return std::make_unique<DripChannel>(fd); }
};

class TinyRecords : public ReceptionTest {
 protected:
  void SetUp() override {
    ReceptionTest::SetUp();
    auto options = patient();
    options.tls = std::make_shared<DripTls>();
    gate = [this](const Request& request) {
      if (request.target == "/stall") turnstile.pass();
      return Admission{body_limit, std::nullopt, place_of(request)};
    };
    handler = [this](const Request& request) {
      answered.lock()->push_back(request.target);
      return testing::echo(request);
    };
    start(options);
  }
  /// What comes meanwhile is there all at once when the reception goes on.
  void while_the_reception_stands_still(const std::function<void()>& send) {
    RawClient stalling(port);
    stalling.send("GET /stall HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(turnstile.wait_for(1));
    send();
    turnstile.let_go();
    stalling.receive();
  }
  /// Of these two, which was answered first.
  std::string first_answered(const std::string& one, const std::string& other) {
    auto targets = answered.lock();
    const auto found = std::find_if(targets->begin(), targets->end(), [&](const std::string& target) {
      return target == one || target == other;
    });
    return found == targets->end() ? std::string() : *found;
  }

  Turnstile turnstile;
  Guarded<std::vector<std::string>> answered;
};

TEST_F(TinyRecords, S23_ABodyOfTinyRecordsHoldsUpNobody) {
  const auto flood = add_waiting_for_body(20'000);
  RawClient other(port);
  while_the_reception_stands_still([&] {
    flood->send(std::string(20'000, 'a'));
    other.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  });
  EXPECT_EQ(status_of(other.receive()), 200);
  EXPECT_EQ(status_of(flood->receive()), 200) << "it is slow, and arrives whole";
  EXPECT_EQ(first_answered("/x", "/livez"), "/livez");
}

TEST_F(TinyRecords, S23_AHeadOfTinyRecordsHoldsUpNobody) {
  RawClient flood(port);
  RawClient other(port);
  flood.send("GET /x HTTP/1.1\r\n");
  while_the_reception_stands_still([&] {
    flood.send("Host: h\r\nA: " + std::string(15'000, 'a') + "\r\n\r\n");
    other.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  });
  EXPECT_EQ(status_of(other.receive()), 200);
  EXPECT_EQ(status_of(flood.receive()), 200);
  EXPECT_EQ(first_answered("/x", "/livez"), "/livez");
}

// Memory. What a sanitizer keeps for itself would be counted too.

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/// Bytes of this process that are in memory and not of a file.
std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  file >> total >> resident >> shared;
  return (resident - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(ReceptionTest, S17_AHundredLargestBodiesTakeNoMoreThanTheBudget) {
  body_limit = 25U << 20;
  start(patient());
  EXPECT_TRUE(is_alive());
  const std::string part(1U << 20, 'a');
  const auto before = resident_bytes();
  std::size_t most = 0;
  Clients flood;
  add(flood, 100, post_head(25U << 20));
  // All grow at the same time, until each was refused or is one byte short of its end.
  for (int round = 0; round < 24; ++round) {
    for (auto& client : flood) client->send(part);
    most = std::max(most, resident_bytes() - std::min(before, resident_bytes()));
  }
  EXPECT_TRUE(is_alive());
  EXPECT_LE(most, 64U << 20) << most / (1U << 20) << " MiB";
}

TEST_F(ReceptionTest, S17_AThousandLargestHeadsTakeLittle) {
  start(patient());
  EXPECT_TRUE(is_alive());
  const auto head = "GET /x HTTP/1.1\r\nHost: h\r\nA: " + std::string(16'300, 'a');
  const auto before = resident_bytes();
  Clients flood;
  add(flood, 1000, head);
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(count_open(flood), 1000U);
  const auto after = resident_bytes();
  EXPECT_LE(after - std::min(before, after), 40U << 20);
}

#endif

}  // namespace
}  // namespace gitferry::api
