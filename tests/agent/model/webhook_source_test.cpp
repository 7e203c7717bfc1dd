#include "agent/model/webhook_source.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

TEST(WebhookSource, AStandardKeyIsBase64WithOrWithoutItsPrefix) {
  const std::string bytes = "0123456789abcdef0123456789abcdef";
  for (const std::string prefix : {"", "whsec_"}) {
    const auto key = standard_webhooks_key(Secret(prefix + to_base64(bytes)));
    ASSERT_TRUE(key) << prefix;
    EXPECT_TRUE(equal_in_constant_time(key->reveal(), bytes)) << prefix;
  }
}

TEST(WebhookSource, AStandardKeyHas24To64Bytes) {
  for (const std::size_t size : {0U, 1U, 23U, 24U, 64U, 65U}) {
    const auto key = standard_webhooks_key(Secret("whsec_" + to_base64(std::string(size, 'k'))));
    EXPECT_EQ(key.has_value(), size >= 24 && size <= 64) << size;
  }
}

TEST(WebhookSource, WhatIsNotBase64IsNoStandardKey) {
  const auto good = to_base64(std::string(32, 'k'));
  for (const std::string& text :
       {std::string(), std::string("whsec_"), "whpk_" + good, "WHSEC_" + good, "whsec_whsec_" + good,
        good + "\n", " " + good, good.substr(0, good.size() - 1), "whsec_" + std::string(32, '!')}) {
    EXPECT_FALSE(standard_webhooks_key(Secret(text))) << text;
  }
}

}  // namespace
}  // namespace gitferry
