#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "api/webhook/webhook_sender.h"
#include "tests/api/binding_fixture.h"

// What came with deliveries is searched for in the files of the data directory, as whoever steals a copy of
// them would.

namespace gitferry::api {
namespace {

const std::string kSecretBytes = "canary-of-the-hook-secret-0123456789";
const std::string kCanary = "canary-that-nobody-may-keep";

std::string name_of_hook(const WebhookKind& kind, WebhookScheme scheme) {
  return std::string(kind.provider) + "-" + std::string(name_of(scheme));
}

class StoredSecretsTest : public testing::BindingTest {
 protected:
  void SetUp() override {
    for (const auto& kind : webhook_kinds()) {
      for (const auto scheme : kind.schemes) {
        RepositoryBinding binding;
        binding.name = name_of_hook(kind, scheme);
        binding.internal = testing::url("https://git.corp.example/acme/robot.git");
        binding.external = testing::url("https://mirror.example/public/robot.git");
        binding.internal_webhook = testing::hook_of(kind, scheme);
        if (!binding.internal_webhook->secrets.empty()) {
          binding.internal_webhook->secrets = {{Secret(secret)}};
        }
        binding.branches.push_back({"main", "main", true});
        file.repositories.emplace(binding.name, binding);
      }
    }
    BindingTest::SetUp();
  }

  [[nodiscard]] ComposedDelivery composed(const WebhookKind& kind, WebhookScheme scheme) const {
    SendRequest wish;
    wish.provider = kind.provider;
    wish.scheme = scheme;
    wish.repo_name = name_of_hook(kind, scheme);
    if (scheme != WebhookScheme::None) wish.secret = Secret(secret);
    wish.repository_url = "https://git.corp.example/acme/robot.git";
    wish.full_name = "acme/robot";
    wish.ref = "refs/heads/main";
    wish.before = std::string(40, 'a');
    wish.after = std::string(40, 'b');
    wish.sent_at = clock.now();
    // Fields that hosts, or those who forge them, put secrets into.
    auto document = testing::json_of(compose_webhook(wish).value().body);
    for (const auto* field : {"password", "secret", "sign", "token"}) {
      if (!document.isMember(field)) document[field] = kCanary;
    }
    document["config"]["secret"] = kCanary;
    wish.document = to_text(document);
    auto delivery = compose_webhook(wish).value();
    delivery.headers.emplace_back("Content-Type", delivery.content_type);
    return delivery;
  }

  /// Adds `headers` where the delivery has none of that name.
  static void add(ComposedDelivery& delivery, const std::vector<std::string>& headers) {
    for (const auto& name : headers) {
      const bool has_it = std::any_of(delivery.headers.begin(), delivery.headers.end(),
                                      [&](const auto& header) { return header.first == name; });
      if (!has_it) delivery.headers.emplace_back(name, kCanary);
    }
  }

  [[nodiscard]] int sent(const std::string& path, const ComposedDelivery& delivery) const {
    return ask({"POST", path, delivery.headers, delivery.body}).status;
  }

  /// All bytes of the data directory, after everything that has it open is gone.
  std::string kept_bytes() {
    server.reset();
    sync.reset();
    bindings.reset();
    store.reset();
    std::string bytes;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream kept(entry.path(), std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(kept), {});
    }
    return bytes;
  }

  const std::string secret = "whsec_" + to_base64(kSecretBytes);
};

TEST_F(StoredSecretsTest, S12_NoSecretOfADeliveryOfAnyProviderIsInTheDatabase) {
  int accepted = 0;
  for (const auto& kind : webhook_kinds()) {
    for (const auto scheme : kind.schemes) {
      const auto path = "/webhooks/" + std::string(kind.provider) + "/" + name_of_hook(kind, scheme);
      auto delivery = composed(kind, scheme);
      add(delivery, {"Authorization", "Proxy-Authorization", "Cookie", "X-GitHub-Encoded-Secret"});
      const auto status = sent(path, delivery);
      if (scheme == kind.schemes.front()) {
        EXPECT_EQ(status, 202) << path;
      }
      if (status == 202) ++accepted;
      // Whatever becomes of a delivery with the proofs of all hosts at once.
      add(delivery, {"X-Gitlab-Token", "X-Gitee-Token", "X-Codeup-Token", "X-GitCode-Token", "X-Token",
                     "X-Hub-Signature", "X-Origin-Url"});
      EXPECT_NE(sent(path + "?secret=" + kCanary, delivery), 500);
    }
  }
  ASSERT_GE(accepted, static_cast<int>(webhook_kinds().size()));
  ASSERT_GE(api("GET", "/deliveries?verdict=accepted").body["total"].asInt(), accepted);

  const auto bytes = kept_bytes();
  for (const auto& kind : webhook_kinds()) {
    ASSERT_NE(bytes.find(name_of_hook(kind, kind.schemes.front())), std::string::npos)
        << "the search finds what is there";
  }
  const auto of_basic = to_base64("gitferry:" + secret);
  for (const auto& canary : {kCanary, secret, to_base64(kSecretBytes), kSecretBytes, of_basic,
                             to_base64(kCanary), to_hex(kSecretBytes)}) {
    EXPECT_EQ(bytes.find(canary), std::string::npos) << canary;
  }
}

}  // namespace
}  // namespace gitferry::api
