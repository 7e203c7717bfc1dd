#include "api/page.h"

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

using testing::ApiTest;
using testing::body_of;
using testing::json_of;
using testing::status_of;

std::string source_of(std::string_view name) {
  std::ifstream file(std::string(GITFERRY_SOURCE_DIR) + "/api/page/" + std::string(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The value of a header that is there exactly once.
std::string header_of(const std::string& answer, const std::string& name) {
  const auto head = answer.substr(0, answer.find("\r\n\r\n") + 2);
  const auto start = "\r\n" + name + ": ";
  const auto at = head.find(start);
  if (at == std::string::npos || head.find(start, at + 1) != std::string::npos) return "";
  const auto value = at + start.size();
  return head.substr(value, head.find("\r\n", value) - value);
}

class PageTest : public ApiTest {
 protected:
  /// Without a token.
  [[nodiscard]] std::string get(const std::string& path, const std::string& known = {},
                                const std::string& method = "GET") const {
    testing::Sent sent{method, path, {}, {}};
    if (!known.empty()) sent.headers.emplace_back("If-None-Match", known);
    return ask(sent);
  }
};

TEST_F(PageTest, EveryFileIsServedAsItIsInTheSourcesWithItsType) {
  ASSERT_GT(page_files().size(), 5U);
  for (const auto& file : page_files()) {
    const auto answer = get("/assets/" + std::string(file.name));
    EXPECT_EQ(status_of(answer), 200) << file.name;
    EXPECT_TRUE(body_of(answer) == source_of(file.name)) << file.name;
    EXPECT_FALSE(body_of(answer).empty()) << file.name;
  }
  EXPECT_EQ(body_of(get("/")), source_of("index.html"));
  EXPECT_EQ(header_of(get("/"), "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(header_of(get("/assets/page.css"), "Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(header_of(get("/assets/main.js"), "Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(header_of(get("/assets/icon.svg"), "Content-Type"), "image/svg+xml");
}

TEST_F(PageTest, TheBrowserIsToldToTrustNothingElse) {
  for (const auto* path : {"/", "/assets/main.js"}) {
    const auto answer = get(path);
    const auto policy = header_of(answer, "Content-Security-Policy");
    for (const auto* rule : {"default-src 'none'", "script-src 'self'", "style-src 'self'",
                             "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'",
                             "base-uri 'none'", "require-trusted-types-for 'script'"}) {
      EXPECT_NE(policy.find(rule), std::string::npos) << path << " " << rule;
    }
    EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
    EXPECT_EQ(policy.find("http"), std::string::npos) << policy;
    EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header_of(answer, "X-Frame-Options"), "DENY");
    EXPECT_EQ(header_of(answer, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(header_of(answer, "Cache-Control"), "no-cache");
  }
}

// Behind a prefix, without internet, under the policy above: nothing absolute, nothing foreign, nothing
// inline.
TEST_F(PageTest, ItsFilesNameNothingButEachOther) {
  const std::regex absolute("(src|href|action|from|import)[ =(]*[\"'](/|[a-z]+:)");
  for (const auto& file : page_files()) {
    const std::string text(file.bytes);
    EXPECT_FALSE(std::regex_search(text, absolute)) << file.name;
    EXPECT_EQ(text.find("innerHTML"), std::string::npos) << file.name;
    EXPECT_EQ(text.find("url("), std::string::npos) << file.name;
  }
  const std::string start = source_of("index.html");
  EXPECT_FALSE(std::regex_search(start, std::regex(" (style|on[a-z]+)="))) << "inline";
  EXPECT_FALSE(std::regex_search(start, std::regex("<script[^>]*>[^<]"))) << "inline";
  const std::regex asset("\"assets/([a-z_.]+)\"");
  for (std::sregex_iterator found(start.begin(), start.end(), asset), end; found != end; ++found) {
    EXPECT_EQ(status_of(get("/assets/" + (*found)[1].str())), 200) << (*found)[1];
  }
}

TEST_F(PageTest, WhatTheBrowserHasIsNotSentAgain) {
  for (const auto* path : {"/", "/assets/page.css"}) {
    const auto tag = header_of(get(path), "ETag");
    ASSERT_EQ(tag.size(), 34U) << path;
    for (const auto& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
      const auto answer = get(path, known);
      EXPECT_EQ(status_of(answer), 304) << path << " " << known;
      EXPECT_EQ(header_of(answer, "ETag"), tag);
      EXPECT_EQ(header_of(answer, "Cache-Control"), "no-cache");
      EXPECT_TRUE(body_of(answer).empty());
    }
    for (const auto& known :
         {std::string("\"other\""), tag.substr(1, 32), tag.substr(0, 33), std::string(",,")}) {
      const auto answer = get(path, known);
      EXPECT_EQ(status_of(answer), 200) << path << " " << known;
      EXPECT_FALSE(body_of(answer).empty());
    }
  }
  EXPECT_NE(header_of(get("/"), "ETag"), header_of(get("/assets/page.css"), "ETag"));
}

TEST_F(PageTest, OnlyItsOwnFilesAreThere) {
  for (const auto* path : {"/assets", "/assets/", "/assets/none.js", "/assets/page.cpp", "/assets/a/main.js",
                           "/index.html", "/page.css"}) {
    const auto answer = get(path);
    EXPECT_EQ(status_of(answer), 404) << path;
    EXPECT_EQ(json_of(body_of(answer))["code_status"].asInt(), 10024) << path;
  }
  EXPECT_EQ(status_of(get("/assets/..%2Fpage.cpp")), 400);
  EXPECT_EQ(status_of(get("/", {}, "POST")), 405);
  const auto head = get("/", {}, "HEAD");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(header_of(head, "Content-Length"), std::to_string(source_of("index.html").size()));
}

}  // namespace
}  // namespace gitferry::api
