#include "api/request_head.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/base/text.h"

namespace gitferry::api {
namespace {

using namespace std::string_literals;

/// The status of a refusal, 0 for a good head, -1 where more bytes are needed.
int verdict(const std::string& bytes) {
  const auto parsed = parse_request_head(bytes);
  if (!parsed) return parsed.error().status;
  return *parsed ? 0 : -1;
}

std::string with_headers(const std::string& method, const std::string& headers) {
  return method + " /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
}

std::string with_target(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

TEST(RequestHead, ReadsAWholeHeadAndSaysWhereTheBodyBegins) {
  const auto head =
      "POST /a/b%2Fc?x=1&y=a+b HTTP/1.1\r\nHost: h\r\nX-Y:  v%0d%0aZ: 1 \r\nContent-Length: 3\r\n\r\n"s;
  const auto parsed = parse_request_head(head + "abc");
  ASSERT_TRUE(parsed && *parsed);
  const auto& request = (*parsed)->request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"a", "b/c"}));
  ASSERT_EQ(request.query.size(), 2U);
  EXPECT_EQ(request.query[1].value, "a b");
  EXPECT_EQ(request.only("x-y"), "v%0d%0aZ: 1");
  EXPECT_EQ((*parsed)->content_length, 3U);
  EXPECT_EQ((*parsed)->size, head.size());
}

TEST(RequestHead, DecodesThePathOnceAfterSplitting) {
  const auto parsed = parse_request_head(with_target("/a%252Fb/%E4%B8%AD"));
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->request.segments, (std::vector<std::string>{"a%2Fb", "中"}));
}

TEST(RequestHead, EveryPrefixOfAGoodHeadNeedsMore) {
  const auto head = with_headers("POST", "Content-Length: 0\r\n");
  for (std::size_t length = 0; length < head.size(); ++length) {
    EXPECT_EQ(verdict(head.substr(0, length)), -1) << length;
  }
  EXPECT_EQ(verdict(head), 0);
}

TEST(RequestHead, S22_RefusesWhatTwoParsersCouldReadDifferently) {
  for (const auto& headers :
       {"A: b\nC: d\r\n"s, "A: b\r\n folded\r\n"s, "A : b\r\n"s, "no colon\r\n"s, ": empty\r\n"s,
        "A: b\0c\r\n"s, "A: b\x7f\r\n"s, "A: b\rC: d\r\n"s, "A\x80: b\r\n"s, "A: \x01\r\n"s}) {
    EXPECT_EQ(verdict(with_headers("GET", headers)), 400) << headers;
  }
}

TEST(RequestHead, S22_RefusesDoubtfulLengths) {
  for (const auto* value :
       {"abc", "0x5", "+5", "5, 5", "-5", "12345678901234567890123", "", "1234567890", "5 5"}) {
    EXPECT_EQ(verdict(with_headers("POST", "Content-Length: "s + value + "\r\n")), 400) << value;
  }
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nContent-Length: 6\r\n")), 400);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(verdict(with_headers("POST", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(verdict(with_headers("POST", "Transfer-Encoding: chunked\r\n")), 411);
  EXPECT_EQ(verdict(with_headers("DELETE", "")), 0);
  EXPECT_EQ(verdict(with_headers("HEAD", "Content-Length: 5\r\n")), 400);
  EXPECT_EQ(verdict(with_headers("HEAD", "Content-Length: 0\r\n")), 0);
  EXPECT_EQ(verdict(with_headers("GET", "Content-Length: 5\r\n")), 0);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 999999999\r\n")), 0);
}

TEST(RequestHead, RefusesBodiesThatItDoesNotUnderstand) {
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nContent-Encoding: gzip\r\n")), 415);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nContent-Encoding: identity\r\n")), 0);
  EXPECT_EQ(
      verdict(with_headers("POST", "Content-Length: 5\r\nContent-Type: Multipart/form-data; boundary=x\r\n")),
      415);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nExpect: 100-Continue\r\n")), 0);
  EXPECT_EQ(verdict(with_headers("POST", "Content-Length: 5\r\nExpect: x\r\n")), 417);
}

TEST(RequestHead, RefusesRepeatedAndReservedHeaders) {
  for (const auto* name :
       {"Authorization", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Gitea-Event", "Content-Type"}) {
    EXPECT_EQ(verdict(with_headers("GET", name + ": a\r\n"s + name + ": b\r\n")), 400) << name;
  }
  for (const auto* name : {"REMOTE_ADDR", "remote_port", "Local_Addr", "LOCAL_PORT"}) {
    EXPECT_EQ(verdict(with_headers("GET", name + ": 9.9.9.9\r\n"s)), 400) << name;
  }
  EXPECT_EQ(verdict(with_headers("GET", "Accept: a\r\nAccept: b\r\n")), 0);
}

TEST(RequestHead, RefusesBadRequestLines) {
  for (const auto& line : {"GET /\r\n"s, "GET  / HTTP/1.1\r\n"s, "GET / HTTP/2.0\r\n"s, "PRI * HTTP/2.0\r\n"s,
                           "\r\n"s, "GET /\tx HTTP/1.1\r\n"s, "G(T / HTTP/1.1\r\n"s, "GET / HTTP/1.1 \r\n"s,
                           "GET http://h/x HTTP/1.1\r\n"s, "OPTIONS * HTTP/1.1\r\n"s, "GET x HTTP/1.1\r\n"s,
                           "\x16\x03\x01\x02\x00\x01"s}) {
    EXPECT_EQ(verdict(line), 400) << line;
  }
  for (const auto* method : {"get", "FOO", "CONNECT", "TRACE", "PRI"}) {
    EXPECT_EQ(verdict(method + " / HTTP/1.1\r\n"s), 405) << method;
  }
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(verdict("GET / HTTP/1.0\r\n\r\n"), 0) << "1.0 needs no Host";
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(RequestHead, S11_RefusesDangerousTargets) {
  for (const auto* target : {"/a/../b", "/a/./b", "/..", "/a%2f..%2fb", "/a%2e%2e/%2e%2e/b", "/a%00b",
                             "/a%0db", "/a%u0041", "/a%zz", "/a%4", "/a\\b", "/a%5Cb", "/a%ff", "/a#b",
                             "/x?y=%00", "/x?y=%0a", "/x?%u0041=1", "/x?y=%ff", "/a%7f"}) {
    EXPECT_EQ(verdict(with_target(target)), 400) << target;
  }
  for (const auto* target :
       {"/", "/a..b", "/.git", "/a/", "/a?", "/a?=b", "/a?b&c=d=e", "/feature%2Flogin", "/a%20b"}) {
    EXPECT_EQ(verdict(with_target(target)), 0) << target;
  }
}

TEST(RequestHead, LimitsLineHeadAndCount) {
  EXPECT_EQ(verdict(with_target("/" + std::string(2000, 'a'))), 0);
  EXPECT_EQ(verdict(with_target("/" + std::string(2048, 'a'))), 414);
  EXPECT_EQ(verdict("GET /" + std::string(3000, 'a')), 414) << "refused before the line ends";
  EXPECT_EQ(verdict(with_headers("GET", "A: " + std::string(20'000, 'a') + "\r\n")), 431);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nA: " + std::string(20'000, 'a')), 431);
  std::string many;
  for (int i = 0; i < 63; ++i) many += "A: b\r\n";
  EXPECT_EQ(verdict(with_headers("GET", many)), 0);
  EXPECT_EQ(verdict(with_headers("GET", many + "A: b\r\n")), 431);
}

TEST(RequestHead, H14_ProofsAndMarksOfSendersComeOnceOnly) {
  for (const std::string name : {"Authorization",
                                 "X-Hub-Signature",
                                 "X-Hub-Signature-256",
                                 "X-GitHub-Event",
                                 "X-GitHub-Delivery",
                                 "X-Gitlab-Token",
                                 "X-Gitlab-Event",
                                 "X-Gitlab-Event-UUID",
                                 "Idempotency-Key",
                                 "webhook-id",
                                 "webhook-timestamp",
                                 "webhook-signature",
                                 "X-Gitea-Signature",
                                 "X-Forgejo-Event",
                                 "X-Gogs-Delivery",
                                 "X-Gitee-Token",
                                 "X-Gitee-Timestamp",
                                 "X-Gitee-Ping",
                                 "X-GitCode-Signature-256",
                                 "X-GitCode-Token",
                                 "Codeup-Event",
                                 "X-Codeup-Token",
                                 "X-Coding-Signature",
                                 "X-Event",
                                 "X-Token",
                                 "X-Event-Key",
                                 "X-Hook-UUID",
                                 "X-Request-UUID",
                                 "X-Origin-Url",
                                 "X-Tomorrows-Host-Signature"}) {
    EXPECT_EQ(verdict(with_headers("GET", name + ": a\r\n")), 0) << name;
    EXPECT_EQ(verdict(with_headers("GET", name + ": a\r\n" + name + ": a\r\n")), 400) << name;
    EXPECT_EQ(verdict(with_headers("GET", name + ": a\r\n" + to_lower(name) + ": b\r\n")), 400) << name;
  }
  for (const std::string name : {"Accept", "X-Forwarded-For", "Via", "X-Request-Id"}) {
    EXPECT_EQ(verdict(with_headers("GET", name + ": a\r\n" + name + ": b\r\n")), 0) << name;
  }
}

}  // namespace
}  // namespace gitferry::api
