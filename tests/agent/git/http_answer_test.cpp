#include "agent/git/http_answer.h"

#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>

#include "agent/git/child_process.h"
#include "agent/git/http_transport.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kCanary = "S3CR3T-canary";
const std::string kType = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
const std::string kBody = "001e# service=git-upload-pack\n0000" + pkt("refs\n") + "0000";

Result<std::string> advertised(const std::string& url, const Waiting& waiting = patient(),
                               const HttpOptions& options = {loopback_allowed(), {}}) {
  HttpTransport transport(options);
  auto connection =
      transport.connect(remote_of(url, password("bot", kCanary)), GitService::UploadPack, 2, waiting);
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_all(**reader);
}

Error error_of_answer(const std::string& bytes) {
  ScriptedServer server({{bytes}});
  const auto read = advertised(server.url("/x.git"));
  if (read) ADD_FAILURE() << "no error for: " << bytes;
  const auto error = read ? Error{} : read.error();
  EXPECT_EQ(error.text().find(kCanary), std::string::npos) << error.text();
  return error;
}

TEST(HttpAnswer, EachStatusHasItsMeaning) {
  struct Case {
    const char* status;
    ErrorCode code;
  };
  for (const auto& one : {
           Case{"401 Unauthorized", ErrorCode::AuthenticationFailed},
           Case{"403 Forbidden", ErrorCode::AccessDenied},
           Case{"404 Not Found", ErrorCode::RepositoryMissing},
           Case{"411 Length Required", ErrorCode::LengthRequired},
           Case{"413 Too Large", ErrorCode::LimitExceeded},
           Case{"429 Too Many", ErrorCode::HostBusy},
           Case{"500 Oops", ErrorCode::HostError},
           Case{"502 Bad Gateway", ErrorCode::HostError},
           Case{"503 Busy", ErrorCode::HostBusy},
           Case{"400 Bad", ErrorCode::ProtocolError},
           Case{"204 Nothing", ErrorCode::ProtocolError},
       }) {
    EXPECT_EQ(error_of_answer(http_answer(one.status, "", kCanary)).code, one.code) << one.status;
  }
}

TEST(HttpAnswer, ReadsRetryAfter) {
  const std::time_t now = 1'700'000'000;  // Tue, 14 Nov 2023 22:13:20 GMT
  EXPECT_EQ(parse_retry_after("120", now), seconds(120));
  EXPECT_EQ(parse_retry_after("999999", now), seconds(3600));
  EXPECT_EQ(parse_retry_after("99999999999999999999999", now), seconds(3600));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), seconds(60));
  EXPECT_EQ(parse_retry_after("Wed, 15 Nov 2023 22:14:20 GMT", now), seconds(3600));
  for (const auto* text : {"", "-5", "soon", "1.5", "Tue, 14 Nov 2023 22:00:00 GMT", "GMT", "12 13"}) {
    EXPECT_EQ(parse_retry_after(text, now), std::nullopt) << text;
  }
  EXPECT_EQ(error_of_answer(http_answer("503 Busy", "Retry-After: 7\r\n", "")).retry_after, seconds(7));
  EXPECT_EQ(error_of_answer(http_answer("429 Busy", "Retry-After: x\r\n", "")).retry_after, std::nullopt);
}

TEST(HttpAnswer, ALoginPageIsCalledOne) {
  const auto error =
      error_of_answer(http_answer("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "<html>"));
  EXPECT_EQ(error.code, ErrorCode::ProtocolError);
  EXPECT_NE(error.hint.find("login page"), std::string::npos);
  EXPECT_EQ(error_of_answer(http_answer("200 OK", "Content-Type: text/plain\r\n", "x")).code,
            ErrorCode::ProtocolError);
  EXPECT_EQ(error_of_answer(http_answer("200 OK", "", "x")).code, ErrorCode::ProtocolError);
}

TEST(HttpAnswer, TheServiceLineIsCheckedAndTakenOff) {
  for (const auto& body :
       {kBody, "001d# service=git-upload-pack0000" + pkt("refs\n") + "0000", pkt("refs\n") + "0000"}) {
    ScriptedServer server({{http_answer("200 OK", kType, body)}});
    const auto read = advertised(server.url("/x.git"));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, pkt("refs\n") + "0000");
  }
  for (const auto& body :
       {std::string("001f# service=git-receive-pack\n0000"), std::string("001e# service=git-upl"),
        std::string("001e# service=git-upload-pack\n0005x"), std::string("zzzz#")}) {
    EXPECT_EQ(error_of_answer(http_answer("200 OK", kType, body)).code, ErrorCode::ProtocolError) << body;
  }
}

TEST(HttpAnswer, TheRequestSaysWhatGitSays) {
  ScriptedServer server({{http_answer("200 OK", kType, kBody)}});
  ASSERT_TRUE(advertised(server.url("/acme/x.git/")));
  const auto head = server.requests().at(0);
  EXPECT_TRUE(head.starts_with("GET /acme/x.git/info/refs?service=git-upload-pack HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("\r\nGit-Protocol: version=2\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nUser-Agent: git/gitferry-"), std::string::npos);
  EXPECT_NE(head.find("\r\nAccept-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nAuthorization: Basic Ym90OlMzQ1IzVC1jYW5hcnk=\r\n"), std::string::npos);
}

TEST(HttpAnswer, APostHasItsLengthOrChunksAndNeverExpect) {
  const auto type = std::string("Content-Type: application/x-git-receive-pack-result\r\n");
  for (const bool with_length : {true, false}) {
    ScriptedServer server({{http_answer("200 OK", type, "0000")}});
    HttpTransport transport({loopback_allowed(), {}});
    auto connection =
        transport.connect(remote_of(server.url("/x.git")), GitService::ReceivePack, 2, patient());
    auto exchange = (*connection)->request(with_length ? std::optional<std::uint64_t>(4) : std::nullopt);
    ASSERT_TRUE((*exchange)->write("0000"));
    ASSERT_TRUE(read_all(**exchange));
    const auto head = server.requests().at(0);
    EXPECT_TRUE(head.starts_with("POST /x.git/git-receive-pack HTTP/1.1\r\n"));
    EXPECT_EQ(head.find("\r\nContent-Length: 4\r\n") != std::string::npos, with_length) << head;
    EXPECT_EQ(head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos, !with_length) << head;
    EXPECT_NE(head.find("\r\nContent-Type: application/x-git-receive-pack-request\r\n"), std::string::npos);
    EXPECT_EQ(head.find("Expect"), std::string::npos);
    EXPECT_EQ(head.find("Git-Protocol"), std::string::npos);
    EXPECT_EQ(head.find("Authorization"), std::string::npos);
  }
}

TEST(HttpAnswer, ALengthThatDoesNotFitIsOurMistake) {
  HttpTransport transport({loopback_allowed(), {}});
  auto connection =
      transport.connect(remote_of("http://127.0.0.1:9/x.git"), GitService::ReceivePack, 0, patient());
  auto longer = (*connection)->request(2);
  EXPECT_EQ((*longer)->write("abc").error().code, ErrorCode::Internal);
  auto shorter = (*connection)->request(2);
  ASSERT_TRUE((*shorter)->write("a"));
  EXPECT_EQ((*shorter)->finish_request().error().code, ErrorCode::Internal);
}

TEST(HttpAnswer, ConnectionsAreKeptBetweenRuns) {
  const auto answer = http_answer("200 OK", kType, kBody);
  ScriptedServer server({{answer, false, true}, {answer, false, true}, {answer, false, true}});
  HttpTransport transport({loopback_allowed(), {}});
  for (int run = 0; run < 3; ++run) {
    auto connection =
        transport.connect(remote_of(server.url("/x.git")), GitService::UploadPack, 2, patient());
    ASSERT_TRUE(read_all(**(*connection)->advertisement()));
  }
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpAnswer, AKeptConnectionThatTheHostHasClosedIsReplaced) {
  const auto answer = http_answer("200 OK", kType, kBody);
  // Closed while nobody used it, and closed at the very moment of the next request.
  for (const bool is_noticed_late : {false, true}) {
    std::vector<ScriptedAnswer> answers{{answer, false, is_noticed_late}};
    if (is_noticed_late) answers.push_back({""});
    answers.push_back({answer});
    ScriptedServer server(answers);
    HttpTransport transport({loopback_allowed(), {}});
    for (int run = 0; run < 2; ++run) {
      auto connection =
          transport.connect(remote_of(server.url("/x.git")), GitService::UploadPack, 2, patient());
      const auto reader = (*connection)->advertisement();
      ASSERT_TRUE(reader) << reader.error().text();
      EXPECT_TRUE(read_all(**reader));
    }
    EXPECT_EQ(server.connections(), 2U);
  }
}

TEST(HttpAnswer, ASmallPostSurvivesAKeptConnectionThatTheHostHasClosed) {
  const auto result = std::string("Content-Type: application/x-git-upload-pack-result\r\n");
  ScriptedServer server(
      {{http_answer("200 OK", kType, kBody), false, true}, {""}, {http_answer("200 OK", result, "0000")}});
  HttpTransport transport({loopback_allowed(), {}});
  auto connection = transport.connect(remote_of(server.url("/x.git")), GitService::UploadPack, 2, patient());
  ASSERT_TRUE(read_all(**(*connection)->advertisement()));
  auto exchange = (*connection)->request(4);
  ASSERT_TRUE((*exchange)->write("0000"));
  const auto read = read_all(**exchange);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, "0000");
  EXPECT_EQ(server.connections(), 2U);
}

std::string redirect_to(const std::string& location) {
  return http_answer("302 Found", "Location: " + location + "\r\n", "");
}
const std::string kSuffix = "/info/refs?service=git-upload-pack";

TEST(HttpRedirect, IsFollowedOnTheSameHostAndTheRequestsGoThere) {
  const auto result = std::string("Content-Type: application/x-git-upload-pack-result\r\n");
  ScriptedServer server({{redirect_to("/moved/x.git" + kSuffix)},
                         {http_answer("200 OK", kType, kBody)},
                         {http_answer("200 OK", result, "0000")}});
  HttpTransport transport({loopback_allowed(), {}});
  auto connection = transport.connect(remote_of(server.url("/x.git")), GitService::UploadPack, 2, patient());
  const auto reader = (*connection)->advertisement();
  ASSERT_TRUE(reader) << reader.error().text();
  ASSERT_TRUE(read_all(**reader));
  auto exchange = (*connection)->request(4);
  ASSERT_TRUE((*exchange)->write("0000"));
  ASSERT_TRUE(read_all(**exchange));
  EXPECT_TRUE(server.requests().at(2).starts_with("POST /moved/x.git/git-upload-pack "));
}

TEST(HttpRedirect, S03_IsRefusedElsewhere) {
  ScriptedServer canary({{http_answer("200 OK", kType, kBody)}});
  for (const auto& location :
       {canary.url("/x.git" + kSuffix), std::string("file:///etc/passwd"),
        std::string("git://127.0.0.1/x") + kSuffix, std::string("http://example.com/x.git") + kSuffix,
        std::string("/login"), std::string(), std::string("//evil.example/x.git") + kSuffix,
        std::string("http://bot:pw@127.0.0.1/x.git") + kSuffix}) {
    const auto error = error_of_answer(redirect_to(location));
    EXPECT_EQ(error.code, ErrorCode::AddressRefused) << location;
    EXPECT_NE(error.message.find("redirect refused"), std::string::npos);
    EXPECT_EQ(error.text().find("pw@"), std::string::npos);
  }
  EXPECT_EQ(canary.connections(), 0U);
}

TEST(HttpRedirect, S03_MayGoFromHttpToHttpsButNotBack) {
  const auto from_http = remote_of("http://host/x.git").url;
  const auto secured = follow_redirect(from_http, GitService::UploadPack, "https://host/x.git" + kSuffix);
  ASSERT_TRUE(secured) << secured.error().text();
  EXPECT_EQ(secured->str(), "https://host/x.git");
  const auto from_https = remote_of("https://host/x.git").url;
  EXPECT_FALSE(follow_redirect(from_https, GitService::UploadPack, "http://host/x.git" + kSuffix));
  EXPECT_FALSE(follow_redirect(from_https, GitService::UploadPack, "https://host:8443/x.git" + kSuffix));
  EXPECT_FALSE(follow_redirect(from_https, GitService::UploadPack, "https://host.evil/x.git" + kSuffix));
  EXPECT_TRUE(follow_redirect(from_https, GitService::UploadPack, "/y.git" + kSuffix));
}

TEST(HttpRedirect, S03_EndsAfterThreeHops) {
  std::vector<ScriptedAnswer> answers;
  for (int i = 0; i < 5; ++i) answers.push_back({redirect_to("/" + std::to_string(i) + kSuffix)});
  ScriptedServer server(answers);
  const auto read = advertised(server.url("/x.git"));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("more than 3"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 4U);
}

TEST(HttpRedirect, S03_OfAPostIsRefused) {
  ScriptedServer server({{redirect_to("/y.git/git-receive-pack")}});
  HttpTransport transport({loopback_allowed(), {}});
  auto connection = transport.connect(remote_of(server.url("/x.git")), GitService::ReceivePack, 0, patient());
  auto exchange = (*connection)->request(4);
  ASSERT_TRUE((*exchange)->write("0000"));
  const auto read = read_all(**exchange);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::AddressRefused);
}

TEST(HttpFault, AStallInTheBodyIsATimeout) {
  const auto whole = http_answer("200 OK", kType, kBody);
  ScriptedServer server({{whole.substr(0, whole.size() - 3), true}});
  const auto read = advertised(server.url("/x.git"), waiting_with(milliseconds(150)));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Timeout);
}

TEST(HttpFault, ACutBodyIsALostConnection) {
  const auto whole = http_answer("200 OK", kType, kBody);
  EXPECT_EQ(error_of_answer(whole.substr(0, whole.size() - 3)).code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(error_of_answer("HTTP/1.1 200").code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(error_of_answer("").code, ErrorCode::ConnectionFailed);
}

TEST(HttpFault, AnotherProtocolIsCalledThat) {
  EXPECT_EQ(error_of_answer("SSH-2.0-OpenSSH_9.2\r\n").code, ErrorCode::ProtocolError);
}

TEST(HttpFault, S24_AnEndlessHeadIsRefused) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i) head += "X-" + std::to_string(i) + ": " + std::string(60, 'x') + "\r\n";
  EXPECT_EQ(error_of_answer(head + "\r\n").code, ErrorCode::LimitExceeded);
}

TEST(HttpFault, ARefusedConnectionIsOne) {
  std::string url;
  {
    ScriptedServer gone({});
    url = gone.url("/x.git");
  }
  const auto read = advertised(url);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::ConnectionFailed);
}

TEST(HttpFault, AnUnknownNameIsUnresolved) {
  const auto read = advertised("http://no-such-host.invalid/x.git");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::HostUnresolved);
}

TEST(HttpFault, AStopEndsTheWait) {
  ScriptedServer server({{"", true}});
  std::stop_source stop;
  const std::jthread stopper([&] {
    while (server.requests().empty()) std::this_thread::yield();
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  const auto read = advertised(server.url("/x.git"), waiting_with(seconds(50), stop.get_token()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(20));
}

TEST(HttpFault, BytesThatKeepComingEndAtTheTotal) {
  const auto result = std::string("Content-Type: application/x-git-upload-pack-result\r\n");
  ScriptedServer server({{http_answer("200 OK", result, std::string(100'000, 'x'))}});
  HttpTransport transport({loopback_allowed(), {}});
  auto waiting = patient();
  waiting.total_deadline = std::chrono::steady_clock::now() + seconds(1);
  auto connection = transport.connect(remote_of(server.url("/x.git")), GitService::UploadPack, 2, waiting);
  auto exchange = (*connection)->request(4);
  ASSERT_TRUE((*exchange)->write("0000"));
  std::array<char, 1> room{};
  ASSERT_TRUE((*exchange)->read(room));
  std::this_thread::sleep_until(waiting.total_deadline);
  const auto read = (*exchange)->read(room);
  ASSERT_FALSE(read) << "bytes at hand are no reason to go on";
  EXPECT_EQ(read.error().code, ErrorCode::Timeout);
}

TEST(HttpFault, AHostThatDoesNotAcceptIsATimeout) {
  // A listener whose queue is full drops further connection requests, as a dead host would.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  std::vector<UniqueFd> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::connect(fillers.back().get(), generic, size);
  }
  auto waiting = patient();
  waiting.limits.connect = milliseconds(200);
  const auto read =
      advertised("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/x.git", waiting);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Timeout) << read.error().text();
}

std::string gzipped(const std::string& bytes) {
  std::string out(bytes.size() / 500 + 10'000, '\0');
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

TEST(HttpCompression, AnAdvertisementMayBeCompressed) {
  const std::string refs(3'000'000, 'r');
  ScriptedServer server(
      {{http_answer("200 OK", kType + "Content-Encoding: gzip\r\n", gzipped(kBody + refs))}});
  const auto read = advertised(server.url("/x.git"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, pkt("refs\n") + "0000" + refs);
}

TEST(HttpCompression, S24_ABombEndsAtTheLimit) {
  ScriptedServer server({{http_answer("200 OK", kType + "Content-Encoding: gzip\r\n",
                                      gzipped(kBody + std::string(80'000'000, 'x')))}});
  // The bytes are to be too many, and not the time over.
  const auto read = advertised(server.url("/x.git"), waiting_with(std::chrono::minutes(5)));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::LimitExceeded) << read.error().text();
}

TEST(HttpAddress, S01_PrivateOnesAreNotConnectedTo) {
  ScriptedServer canary({{http_answer("200 OK", kType, kBody)}});
  const auto port = ":" + std::to_string(canary.port());
  for (const auto* host : {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost", "0.0.0.0", "2130706433",
                           "0x7f.1", "0177.0.0.1", "127.1"}) {
    const auto read = advertised("http://" + std::string(host) + port + "/x.git", patient(), {});
    ASSERT_FALSE(read) << host;
    EXPECT_EQ(read.error().code, ErrorCode::AddressRefused) << host << ": " << read.error().text();
    EXPECT_NE(read.error().hint.find("network.allow_cidrs"), std::string::npos);
  }
  // Not every resolver knows this form; none may lead to a connection.
  EXPECT_FALSE(advertised("http://localhost." + port + "/x.git", patient(), {}));
  EXPECT_EQ(canary.connections(), 0U);
}

TEST(HttpAddress, S39_ProxiesOfTheEnvironmentAreNotUsed) {
  ScriptedServer proxy({{http_answer("200 OK", kType, "proxy")}});
  ScriptedServer server({{http_answer("200 OK", kType, kBody)}});
  ::setenv("http_proxy", proxy.url("").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  const auto read = advertised(server.url("/x.git"));
  ::unsetenv("http_proxy");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_TRUE(read);
  EXPECT_EQ(proxy.connections(), 0U);
}

}  // namespace
}  // namespace gitferry::test
