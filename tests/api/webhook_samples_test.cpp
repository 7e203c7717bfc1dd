#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <json/reader.h>
#include <json/value.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

namespace fs = std::filesystem;

/// Set it to a directory with `vectors.json` and one folder of payloads a provider to run these tests.
constexpr const char* kVariable = "GITFERRY_WEBHOOK_SAMPLES";
constexpr const char* kSampleSecret = "s3cr3t";

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  return files;
}

/// The event header's value for a payload, by the name of its file.
std::string event_for(const std::string& provider, const std::string& file) {
  const auto has = [&](const char* word) { return file.find(word) != std::string::npos; };
  if (provider == "gitlab") {
    if (has("system")) return "System Hook";
    return has("tag") ? "Tag Push Hook" : "Push Hook";
  }
  if (has("push")) return "push";
  for (const auto* word : {"ping", "create", "delete"}) {
    if (has(word)) return word;
  }
  return "push";
}

Request signed_request(const Provider& provider, const std::string& event, std::string body) {
  Request request;
  request.method = "POST";
  request.body = std::move(body);
  const auto mac = to_hex(hmac_sha256(Secret(kSampleSecret), request.body));
  request.headers.push_back({std::string(provider.event_header), event});
  if (provider.schemes.front().scheme == WebhookScheme::Token) {
    request.headers.push_back({"x-gitlab-token", kSampleSecret});
  } else if (provider.name == "github") {
    request.headers.push_back({"x-hub-signature-256", "sha256=" + mac});
  } else {
    request.headers.push_back({"x-" + std::string(provider.name) + "-signature", mac});
  }
  return request;
}

bool verifies(const Provider& provider, const Request& request, const Secret& secret) {
  return provider.schemes.front().verify(request, secret, {}, SystemClock().now());
}

class WebhookSamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv(kVariable);  // NOLINT(concurrency-mt-unsafe): before any thread
    if (folder == nullptr) GTEST_SKIP() << "set " << kVariable << " to run the samples";
    root = folder;
    ASSERT_TRUE(fs::is_regular_file(root / "vectors.json")) << root;
  }
  fs::path root;
};

Request vector_request(const Json::Value& vector) {
  Request request;
  request.method = "POST";
  request.body = vector["body"].asString();
  if (vector.isMember("content_type"))
    request.headers.push_back({"content-type", vector["content_type"].asString()});
  const auto name = to_lower(vector["header"].asString());
  if (vector.isMember("value")) request.headers.push_back({name, vector["value"].asString()});
  for (const auto& value : vector["values"]) request.headers.push_back({name, value.asString()});
  for (const auto& key : vector["headers"].getMemberNames()) {
    request.headers.push_back({to_lower(key), vector["headers"][key].asString()});
  }
  return request;
}

TEST_F(WebhookSamplesTest, EveryVectorGetsItsVerdict) {
  const auto text = contents(root / "vectors.json");
  Json::Value vectors;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  ASSERT_TRUE(reader->parse(text.data(), text.data() + text.size(), &vectors, nullptr));
  std::set<std::string> skipped;
  int checked = 0;
  for (const auto& vector : vectors) {
    const auto* provider = find_provider(vector["provider"].asString());
    if (provider == nullptr) {
      skipped.insert(vector["provider"].asString());
      continue;
    }
    ++checked;
    const Secret secret(vector["secret"].asString());
    EXPECT_EQ(verifies(*provider, vector_request(vector), secret), vector["accept"].asBool())
        << vector["id"].asString();
  }
  std::cout << checked << " vectors checked; providers not implemented:";
  for (const auto& name : skipped) std::cout << ' ' << name;
  std::cout << '\n';
  EXPECT_GT(checked, 0);
}

TEST_F(WebhookSamplesTest, EverySampleVerifiesAndParses) {
  int read = 0;
  for (const auto& folder : fs::directory_iterator(root)) {
    if (!folder.is_directory() || folder.path().filename() == "malformed") continue;
    const auto name = folder.path().filename().string();
    const auto* provider = find_provider(name);
    if (provider == nullptr) {
      std::cout << "skipped, not implemented: " << name << '\n';
      continue;
    }
    for (const auto& file : files_in(folder.path())) {
      const auto request =
          signed_request(*provider, event_for(name, file.filename().string()), contents(file));
      ASSERT_TRUE(came_from(*provider, request)) << file;
      ASSERT_TRUE(verifies(*provider, request, Secret(kSampleSecret))) << file;
      const auto event = provider->parse(*provider, request);
      ASSERT_TRUE(event) << file << ": " << event.error().text();
      ++read;
      EXPECT_EQ(event->changes.empty(), !event->ignored_reason.empty()) << file;
      for (const auto& change : event->changes) EXPECT_TRUE(is_valid_ref(change.ref)) << file;
      EXPECT_TRUE(event->changes.empty() || !event->repository.full_name.empty()) << file;
    }
  }
  std::cout << read << " samples read\n";
  EXPECT_GT(read, 0);
}

TEST_F(WebhookSamplesTest, MalformedSamplesAreSurvived) {
  int refused = 0;
  for (const auto& file : files_in(root / "malformed")) {
    for (const auto* name : {"github", "gitlab", "gitea", "forgejo", "gogs"}) {
      const auto* provider = find_provider(name);
      for (const auto* event : {"push", "Push Hook", "System Hook", "create", "delete", "ping"}) {
        const auto request = signed_request(*provider, event, contents(file));
        verifies(*provider, request, Secret(kSampleSecret));
        if (!provider->parse(*provider, request)) ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace gitferry::api::webhook
