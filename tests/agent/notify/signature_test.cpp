#include "agent/notify/signature.h"

#include <gtest/gtest.h>

#include "agent/model/webhook_source.h"

// The expected values were made with `openssl dgst -sha256 -hmac`, by the rules of each service's documents.

namespace gitferry {
namespace {

TEST(NoticeSignature, IsThatOfStandardWebhooks) {
  const auto key = standard_webhooks_key(Secret("whsec_Z2l0ZmVycnktbm90aWZ5LXRlc3Qta2V5LW9mLTMyLWI="));
  ASSERT_TRUE(key);
  EXPECT_EQ(standard_webhooks_signature(*key, "msg_0123456789abcdef", 1'790'000'000,
                                        R"({"type":"gitferry.notices"})"),
            "v1,rNw9jA+9qQkAh/EkIu7IOcCzsp6J49LVwiBWDjrewN4=");
}

TEST(NoticeSignature, IsThatOfDingTalk) {
  EXPECT_EQ(dingtalk_query(Secret("SEC-of-the-dingtalk-robot"), 1'790'000'000'123),
            "timestamp=1790000000123&sign=xSmW7uOVLB%2Bqhktdvr9EqvOPsE%2F3%2Bbi%2FDGxvdlKNyS4%3D");
}

TEST(NoticeSignature, IsThatOfFeishu) {
  EXPECT_EQ(feishu_sign(Secret("secret-of-the-feishu-bot"), 1'790'000'000),
            "Q2CTVFT8nJS1t5KptvOR8pFZQdyQbUYfo/ltZyIRblo=");
}

}  // namespace
}  // namespace gitferry
