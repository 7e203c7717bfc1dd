#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "api/api_server.h"
#include "tests/api/fakes.h"
#include "tests/api/raw_client.h"

namespace gitferry::api::testing {

/// The real server on a free port, with fakes behind it.
class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.connections_per_address = options.connections;  // all clients of a test come from one
    auto started = ApiServer::start(options, world.context);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    port = server->port();
  }

  [[nodiscard]] std::string ask(const Sent& sent) const { return answer_to(port, sent.bytes()); }
  [[nodiscard]] std::string ask(const std::string& method, const std::string& target,
                                const char* token = kAdminToken, const std::string& body = {}) const {
    Sent sent{method, target, {}, body};
    if (token != nullptr) sent.headers.emplace_back("Authorization", "Bearer " + std::string(token));
    return ask(sent);
  }
  Json::Value json(const std::string& method, const std::string& target, const std::string& body = {}) const {
    return json_of(body_of(ask(method, target, kAdminToken, body)));
  }

  Fixture world;
  std::unique_ptr<ApiServer> server;
  int port = 0;
};

}  // namespace gitferry::api::testing
