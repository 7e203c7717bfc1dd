#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/model/ref_name.h"
#include "api/webhook/provider.h"
#include "api/webhook/webhook_sender.h"
#include "webhook_vectors.h"

namespace gitferry::api::webhook {
namespace {

namespace fs = std::filesystem;
using testing::contents;
using testing::json_file;

/// Set it to a directory with `vectors.json` and one folder of payloads a provider to run these tests.
constexpr const char* kVariable = "GITFERRY_WEBHOOK_SAMPLES";
constexpr const char* kSampleSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string provider_of(const fs::path& folder) {
  const std::map<std::string, std::string> names{{"bitbucket_cloud", "bitbucket"},
                                                 {"bitbucket_server", "bitbucket-server"},
                                                 {"azure_devops", "azure"},
                                                 {"tencent_git", "tencent"}};
  const auto name = folder.filename().string();
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

/// The event header's value for a payload, by the name of its file.
std::string event_for(std::string_view provider, const std::string& file) {
  const auto has = [&](const char* word) { return file.find(word) != std::string::npos; };
  if (provider == "gitlab" && has("system")) return "System Hook";
  for (const auto* name : {"gitlab", "gitee", "gitcode", "codeup", "tencent"}) {
    if (provider == name) return has("tag") ? "Tag Push Hook" : "Push Hook";
  }
  if (provider == "bitbucket") return "repo:push";
  if (provider == "bitbucket-server") return has("ping") ? "diagnostics:ping" : "repo:refs_changed";
  if (provider == "github" && has("push")) return "push";
  if (has("_create") || has("create-event") || file == "create.json") return "create";
  if (has("_delete") || has("delete-event") || file == "delete.json") return "delete";
  return has("ping") ? "ping" : "push";
}

/// What the host would send around these bytes.
std::optional<Request> signed_request(const Provider& provider, WebhookScheme scheme,
                                      const std::string& event, std::string body) {
  SendRequest sent;
  sent.provider = std::string(provider.name);
  sent.scheme = scheme;
  if (scheme != WebhookScheme::None) sent.secret = Secret(kSampleSecret);
  sent.repository_url = "https://example.com/acme/robot.git";
  sent.full_name = "acme/robot";
  sent.ref = "refs/heads/main";
  sent.before = std::string(40, '1');
  sent.after = std::string(40, '2');
  sent.document = std::move(body);
  const auto composed = compose_webhook(sent);
  if (!composed) {
    ADD_FAILURE() << composed.error().text();
    return std::nullopt;
  }
  auto request = testing::post(composed->body);
  request.headers.push_back({"content-type", composed->content_type});
  for (const auto& [name, value] : composed->headers) {
    const auto lower = to_lower(name);
    request.headers.push_back({lower, lower == provider.event_header ? event : value});
  }
  return request;
}

WebhookSource sample_source(const Provider& provider, WebhookScheme scheme) {
  WebhookSource source;
  source.provider = std::string(provider.name);
  source.scheme = scheme;
  source.allow_sha1 = provider.name == "coding";
  if (scheme != WebhookScheme::None) source.secrets.push_back({Secret(kSampleSecret)});
  return source;
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
  auto request = testing::post(vector["body"].asString());
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
  const auto vectors = json_file(root / "vectors.json");
  EXPECT_GE(vectors.size(), 41U);
  for (const auto& vector : vectors) {
    const auto named = vector["provider"].asString();
    const bool is_standard = named == "standard-webhooks/gitlab-signing";
    const auto names = is_standard ? std::vector<std::string>{"standard", "gitlab"} : std::vector{named};
    for (const auto& name : names) {
      const auto* provider = find_provider(name);
      const auto* kind = find_webhook_kind(name);
      ASSERT_TRUE(provider != nullptr && kind != nullptr) << name;
      auto scheme = webhook_scheme_from(vector["mode"].asString()).value_or(kind->schemes.front());
      if (is_standard) scheme = WebhookScheme::Signing;
      auto source = testing::source_of(vector, *kind, scheme);
      source.allow_sha1 = kind->is_sha1_only;
      EXPECT_EQ(proves(*provider, source, vector_request(vector), testing::time_of(vector)),
                vector["accept"].asBool())
          << vector["id"].asString() << " at " << name;
    }
  }
}

struct Outcome {
  std::size_t changes = 1;
  std::string ignored;
};

/// What is to be read from a sample; one change where its name says nothing else.
Outcome outcome_of(const std::string& provider, const std::string& file) {
  const std::map<std::string, Outcome> special{
      {"github/ping.json", {0, "ping"}},
      {"github/create.json", {0, "unsupported_event"}},
      {"github/delete.json", {0, "unsupported_event"}},
      {"gitea/SYNTHETIC_test_delivery_empty_repo_both_zero.json", {0, "test_delivery"}},
      {"gitlab/SYNTHETIC_system_repository_update_multi.json", {4, ""}},
      {"bitbucket/SYNTHETIC_multi_ref.json", {4, ""}},
      {"bitbucket-server/SYNTHETIC_multi_ref.json", {4, ""}},
      {"bitbucket-server/diagnostics_ping.json", {0, "ping"}},
      {"azure/SYNTHETIC_multi_ref.json", {3, ""}},
  };
  const auto found = special.find(provider + "/" + file);
  return found == special.end() ? Outcome{} : found->second;
}

void expect_outcome(const Provider& provider, const Request& request, const fs::path& file) {
  const auto event = provider.parse(provider, request);
  ASSERT_TRUE(event) << file << ": " << event.error().text();
  const auto expected = outcome_of(std::string(provider.name), file.filename().string());
  EXPECT_EQ(event->changes.size(), expected.changes) << file;
  EXPECT_EQ(event->ignored_reason, expected.ignored) << file;
  const bool is_deletion =
      file.filename().string().find("delete") != std::string::npos && expected.changes == 1;
  for (const auto& change : event->changes) {
    EXPECT_TRUE(is_valid_ref(change.ref)) << file;
    EXPECT_TRUE(change.deleted || !is_deletion) << file;
  }
  EXPECT_TRUE(event->changes.empty() || !event->repository.full_name.empty()) << file;
}

TEST_F(WebhookSamplesTest, EverySampleVerifiesAndParses) {
  // It holds only the first fields of a payload.
  constexpr std::string_view kExcerpt = "docs_push_header_fields_only.json";
  std::size_t read = 0;
  const auto now = SystemClock().now();
  for (const auto& folder : fs::directory_iterator(root)) {
    if (!folder.is_directory() || folder.path().filename() == "malformed") continue;
    const auto* provider = find_provider(provider_of(folder.path()));
    ASSERT_NE(provider, nullptr) << folder.path();
    const auto files = files_in(folder.path());
    for (const auto& file : files) {
      for (const auto& check : provider->schemes) {
        const auto event = event_for(provider->name, file.filename().string());
        const auto request = signed_request(*provider, check.scheme, event, contents(file));
        ASSERT_TRUE(request) << file;
        EXPECT_TRUE(came_from(*provider, *request)) << file;
        EXPECT_TRUE(proves(*provider, sample_source(*provider, check.scheme), *request, now)) << file;
        if (file.filename() == kExcerpt) {
          EXPECT_FALSE(provider->parse(*provider, *request)) << file;
        } else {
          expect_outcome(*provider, *request, file);
        }
      }
      ++read;
    }
  }
  std::cout << read << " samples read\n";
  EXPECT_GT(read, 60U);
}

/// Five of Gitee's samples were sent with the published secret of a library's tests.
TEST_F(WebhookSamplesTest, GiteesOwnSignaturesVerify) {
  const auto* provider = find_provider("gitee");
  ASSERT_NE(provider, nullptr);
  WebhookSource source = sample_source(*provider, WebhookScheme::Sign);
  source.secrets = {{Secret("bBg5lrt03VixkX85CNqYIcecC0SIGASE")}};
  int verified = 0;
  for (const auto& file : files_in(root / "gitee")) {
    if (!file.filename().string().starts_with("goscm_")) continue;
    const auto document = json_file(file);
    auto request = testing::post(contents(file));
    const auto timestamp = document["timestamp"].asString();
    request.headers = {{"x-gitee-event", event_for("gitee", file.filename().string())},
                       {"x-gitee-token", document["sign"].asString()},
                       {"x-gitee-timestamp", timestamp}};
    const auto sent_at = from_epoch_ms(parse_number(timestamp).value_or(0));
    EXPECT_TRUE(proves(*provider, source, request, sent_at)) << file;
    EXPECT_FALSE(proves(*provider, source, request, sent_at + std::chrono::hours(1))) << file;
    expect_outcome(*provider, request, file);
    ++verified;
  }
  EXPECT_EQ(verified, 5);
}

TEST_F(WebhookSamplesTest, S16_MalformedSamplesAreSurvived) {
  int refused = 0;
  for (const auto& file : files_in(root / "malformed")) {
    for (const auto& kind : webhook_kinds()) {
      const auto* provider = find_provider(kind.provider);
      ASSERT_NE(provider, nullptr) << kind.provider;
      for (const auto* event : {"push", "Push Hook", "System Hook", "create", "delete", "ping", "repo:push",
                                "repo:refs_changed", "diagnostics:ping"}) {
        const auto request = signed_request(*provider, kind.schemes.front(), event, contents(file));
        ASSERT_TRUE(request) << file;
        const auto parsed = provider->parse(*provider, *request);
        if (!parsed) ++refused;
        if (!parsed) continue;
        for (const auto& change : parsed->changes) EXPECT_TRUE(is_valid_ref(change.ref)) << file;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace gitferry::api::webhook
