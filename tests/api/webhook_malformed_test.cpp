#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <json/value.h>
#include <malloc.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/text.h"
#include "api/json.h"
#include "api/router_table.h"
#include "api/webhook/webhook_routes.h"
#include "tests/api/webhook_deliveries.h"

namespace gitferry::api {
namespace {

using testing::HookKind;
using testing::json_of;
using testing::push_of;

constexpr std::size_t kWarmUp = 1'000;  ///< until memory is taken for what stays

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;  ///< the sanitizers keep what was freed
#else
constexpr bool kMemoryIsOurs = true;
#endif

/// The place of a value in a document: names of members, or positions in lists.
using Path = std::vector<Json::Value>;

void collect_paths(const Json::Value& value, const Path& here, std::vector<Path>& paths) {
  if (!here.empty()) paths.push_back(here);
  const auto add = [&](Json::Value step, const Json::Value& inner) {
    auto path = here;
    path.push_back(std::move(step));
    collect_paths(inner, path, paths);
  };
  if (value.isObject()) {
    const auto names = value.getMemberNames();
    for (const auto& name : names) add(name, value[name]);
  }
  if (value.isArray()) {
    for (Json::ArrayIndex i = 0; i < value.size(); ++i) add(i, value[i]);
  }
}

std::string nested(std::string_view open, std::string_view close, std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

/// What is put in the place of a value, as bytes: also what is no JSON. Empty: the value is left out.
std::vector<std::string> wrong_values() {
  return {
      "",
      "null",
      "true",
      "0",
      "-1",
      "1.5",
      "1e400",
      "18446744073709551616",
      R"("")",
      R"("text")",
      R"("/")",
      R"("refs/heads/--upload-pack=x")",
      R"("refs/heads/../../x")",
      R"("0000000000000000000000000000000000000000")",
      R"("https://user:password@[::1]:99999/a/b")",
      R"("nul \u0000 inside")",
      R"("\ud800")",
      "\"bad \xff\xfe utf-8\"",
      std::string("\"raw nul \0\"", 11),
      "[]",
      "{}",
      "[null]",
      "[[],{},0,\"x\"]",
      R"({"name":{"name":{}},"href":[],"hash":7,"id":null})",
      R"({"a":1,"a":2})",
      nested("[", "]", 60),
      nested("[", "]", 200),
      nested("{\"a\":", "}", 200),
      "\"" + std::string(1'024, 'x') + "\"",
      "[" + nested("0,", "", 400) + "0]",
      "nonsense",
  };
}

std::vector<std::string> huge_values() {
  constexpr std::size_t kMany = 50'000;
  return {nested("[", "]", kMany), nested("{\"a\":", "}", kMany), "\"" + std::string(4 * kMany, 'x') + "\"",
          "[" + nested("{},", "", kMany) + "0]", std::string(kMany, '7')};
}

/// One value of the document replaced by one of the wrong values.
struct Mutation {
  std::size_t path = 0;
  std::size_t value = 0;
};

/// The bodies that come of one valid document, always the same ones in the same order: first every path with
/// every wrong value, then pairs of those.
class MalformedBodies {
 public:
  MalformedBodies(Json::Value document, std::vector<std::string> values)
      : document_(std::move(document)), values_(std::move(values)) {
    collect_paths(document_, {}, paths_);
  }

  std::string body(std::size_t number) {
    if (number < singles()) return with({mutation(number)});
    const auto first = mutation(random_() % singles());
    return with({first, mutation(random_() % singles())});
  }
  [[nodiscard]] std::size_t paths() const { return paths_.size(); }
  [[nodiscard]] std::size_t singles() const { return paths_.size() * values_.size(); }

 private:
  [[nodiscard]] Mutation mutation(std::size_t number) const {
    return {number / values_.size(), number % values_.size()};
  }

  /// A mark is put in the place of the value first, and the bytes in the place of the mark.
  [[nodiscard]] std::string with(const std::vector<Mutation>& mutations) const {
    auto changed = document_;
    std::vector<std::pair<std::string, std::string>> marks;
    for (const auto& mutation : mutations) {
      const auto& value = values_[mutation.value];
      const auto mark = "@@" + std::to_string(marks.size()) + "@@";
      if (put(changed, paths_[mutation.path], value.empty() ? std::string() : mark)) {
        marks.emplace_back("\"" + mark + "\"", value);
      }
    }
    auto text = to_text(changed);
    for (const auto& [mark, value] : marks) {
      const auto found = text.find(mark);
      if (!value.empty() && found != std::string::npos) text.replace(found, mark.size(), value);
    }
    return text;
  }

  /// False where an earlier mutation took the place away. An empty `mark` removes.
  static bool put(Json::Value& document, const Path& path, const std::string& mark) {
    Json::Value* parent = &document;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      parent = child(*parent, path[i]);
      if (parent == nullptr) return false;
    }
    const auto& last = path.back();
    if (child(*parent, last) == nullptr) return false;
    if (!mark.empty()) {
      *child(*parent, last) = mark;
    } else if (last.isString()) {
      parent->removeMember(last.asString());
    } else {
      Json::Value removed;
      parent->removeIndex(last.asUInt(), &removed);
    }
    return true;
  }

  static Json::Value* child(Json::Value& value, const Json::Value& step) {
    if (step.isString()) {
      if (!value.isObject() || !value.isMember(step.asString())) return nullptr;
      return &value[step.asString()];
    }
    if (!value.isArray() || step.asUInt() >= value.size()) return nullptr;
    return &value[step.asUInt()];
  }

  Json::Value document_;
  std::vector<Path> paths_;
  std::vector<std::string> values_;
  std::minstd_rand random_;  // seeded alike each time
};

Request request_of(const std::string& target, const ComposedDelivery& delivery) {
  Request request;
  request.method = "POST";
  request.target = target;
  for (const auto part : split(std::string_view(target).substr(1), '/')) request.segments.emplace_back(part);
  for (const auto& [name, value] : delivery.headers) request.headers.push_back({to_lower(name), value});
  request.headers.push_back({"content-type", delivery.content_type});
  request.client_address = "127.0.0.1";
  request.body = delivery.body;
  return request;
}

/// Bytes of this process that are in memory.
std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// The routes themselves, without a socket in front of them.
class WebhookMalformed : public ::testing::Test {
 protected:
  WebhookMalformed() {
    testing::bind_every_hook_kind(world);
    log::configure(log::Level::Error, log::Format::Json);  // each refusal is worth a line elsewhere
  }
  ~WebhookMalformed() override { log::configure(log::Level::Info, log::Format::Json); }

  /// The status for `document`, signed right, at the hook of `hook`.
  int status_of(const HookKind& hook, std::string document, const std::string& event = "push") {
    auto wish = push_of(hook);
    wish.document = std::move(document);
    wish.event = event;
    const auto delivery = compose_webhook(wish);
    EXPECT_TRUE(delivery);
    if (!delivery) return 0;
    return table.handle(request_of(webhook_path(wish), *delivery)).status;
  }

  testing::Fixture world;
  RouterTable table{webhook_routes(world.context), world.context};
};

bool is_harmless(int status) {
  return status == 200 || status == 202 || status == 400 || status == 403;
}

/// All ways of one provider to prove itself lead to one reader, so the first is enough.
class EveryProvider : public WebhookMalformed, public ::testing::WithParamInterface<WebhookKind> {
 protected:
  void send_malformed(std::size_t count);
};
class FullEveryProvider : public EveryProvider {};

void EveryProvider::send_malformed(std::size_t count) {
  const auto& kind = GetParam();
  const HookKind hook{&kind, kind.schemes.front()};
  auto wish = push_of(hook);
  const auto valid = compose_webhook(wish);
  ASSERT_TRUE(valid);
  ASSERT_EQ(status_of(hook, valid->body), 202);
  MalformedBodies bodies(json_of(valid->body), wrong_values());
  ASSERT_GT(bodies.paths(), 5U);
  std::size_t refused = 0;
  std::size_t resident = 0;
  for (std::size_t number = 0; number < count; ++number) {
    const auto body = bodies.body(number);
    const auto status = status_of(hook, body);
    if (status == 400) ++refused;
    ASSERT_TRUE(is_harmless(status)) << "number " << number << ": " << status << " for "
                                     << body.substr(0, 2'000);
    if (number % kWarmUp != 0) continue;
    world.sync.forget();
    ::malloc_trim(0);
    if (number == kWarmUp) resident = resident_bytes();
  }
  world.sync.forget();
  ::malloc_trim(0);
  EXPECT_GT(refused, count / 10);
  constexpr std::size_t kMegabyte = 1024 * 1024;
  const auto grown = kMemoryIsOurs ? resident_bytes() : 0;
  EXPECT_LT(grown, resident + 8 * kMegabyte);
  EXPECT_EQ(status_of(hook, valid->body), 202) << "a right one after all of them";
}

TEST_P(EveryProvider, S16_AThousandMalformedBodiesAreRefusedOrIgnored) {
  send_malformed(kWarmUp + 1'000);
}

TEST_P(FullEveryProvider, S16_TenThousandMalformedBodiesAreRefusedOrIgnored) {
  send_malformed(10'000);
}

TEST_P(EveryProvider, S17_HugeValuesAnywhereAreRefusedOrIgnored) {
  const auto& kind = GetParam();
  const HookKind hook{&kind, kind.schemes.front()};
  const auto valid = compose_webhook(push_of(hook));
  ASSERT_TRUE(valid);
  MalformedBodies bodies(json_of(valid->body), huge_values());
  for (std::size_t number = 0; number < bodies.singles(); number += 3) {
    const auto status = status_of(hook, bodies.body(number));
    ASSERT_TRUE(is_harmless(status)) << "number " << number << ": " << status;
    world.sync.forget();
  }
  EXPECT_EQ(status_of(hook, valid->body), 202) << "a right one after all of them";
}

std::string name_of_kind(const ::testing::TestParamInfo<WebhookKind>& instance) {
  std::string name(instance.param.provider);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryProvider,
                         ::testing::ValuesIn(webhook_kinds().begin(), webhook_kinds().end()), name_of_kind);
INSTANTIATE_TEST_SUITE_P(FullAll, FullEveryProvider,
                         ::testing::ValuesIn(webhook_kinds().begin(), webhook_kinds().end()), name_of_kind);

HookKind hook_named(std::string_view provider) {
  const auto* kind = find_webhook_kind(provider);
  return {kind, kind->schemes.front()};
}

/// Each of these ended the process of somebody's receiver.
TEST_F(WebhookMalformed, S16_DocumentsThatHaveKilledOthers) {
  struct Case {
    const char* what;
    const char* provider;
    const char* document;
    int status;
  };
  const std::vector<Case> cases{
      {"CVE-2025-59531: the links to clone are no list", "bitbucket-server",
       R"({"repository":{"slug":"robot","project":{"key":"acme"},"links":{"clone":"x"}},"changes":[)"
       R"({"ref":{"id":"refs/heads/main"},"fromHash":"0000000000000000000000000000000000000000",)"
       R"("toHash":"1111111111111111111111111111111111111111","type":"ADD"}]})",
       202},
      {"the same, a list of other things", "bitbucket-server",
       R"({"repository":{"slug":"robot","project":{"key":"acme"},"links":{"clone":[1,null,{"href":2}]}},)"
       R"("changes":[]})",
       200},
      {"CVE-2025-59537: no repository", "gogs",
       R"({"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",)"
       R"("after":"2222222222222222222222222222222222222222","repository":null})",
       400},
      {"no owner in it", "gogs",
       R"({"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",)"
       R"("after":"2222222222222222222222222222222222222222","repository":{"owner":null}})",
       400},
      {"no push", "bitbucket", R"({"repository":{"full_name":"acme/robot"}})", 400},
      {"no changes", "bitbucket", R"({"repository":{"full_name":"acme/robot"},"push":{"changes":[]}})", 200},
      {"neither end of a change", "bitbucket",
       R"({"repository":{"full_name":"acme/robot"},"push":{"changes":[{"new":null,"old":null}]}})", 200},
      {"an end without its commit", "bitbucket",
       R"({"repository":{"full_name":"acme/robot"},"push":{"changes":[{"new":{"type":"branch","name":"main"},)"
       R"("old":null}]}})",
       400},
      {"an empty address", "azure",
       R"({"eventType":"git.push","resource":{"refUpdates":[{"name":"refs/heads/main"}],)"
       R"("repository":{"remoteUrl":""}}})",
       400},
      {"an address that is none", "azure",
       R"({"eventType":"git.push","resource":{"refUpdates":[1],"repository":{"remoteUrl":"https://"}}})",
       400},
      {"no resource, but something else", "azure", R"({"eventType":"git.push","resource":"none"})", 400},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(status_of(hook_named(one.provider), one.document), one.status)
        << one.provider << ": " << one.what;
  }
}

/// CVE-2025-59538. How much a subscription of Azure DevOps sends is its own setting.
TEST_F(WebhookMalformed, S16_NoRefsFromAzureMeanTheWholeRepository) {
  for (const std::string updates : {R"("refUpdates":[],)", R"("refUpdates":null,)", ""}) {
    const auto document = R"({"eventType":"git.push","resource":{)" + updates +
                          R"("repository":{"remoteUrl":"https://git.corp.example/acme/robot.git"}}})";
    EXPECT_LE(status_of(hook_named("azure"), document), 202);
    ASSERT_FALSE(world.sync.delivered().empty());
    const auto event = world.sync.delivered().back().event;
    EXPECT_TRUE(event.is_unspecific) << updates;
    EXPECT_TRUE(event.changes.empty());
    EXPECT_EQ(event.ignored_reason, "");
    EXPECT_EQ(event.repository.full_name, "acme/robot");
  }
}

/// The refs of one push do not depend on one another.
TEST_F(WebhookMalformed, OneRefThatCannotBeReadDoesNotKeepTheOthers) {
  const std::string good =
      R"({"name":"refs/heads/main","oldObjectId":"1111111111111111111111111111111111111111",)"
      R"("newObjectId":"2222222222222222222222222222222222222222"})";
  const auto with = [](const std::string& updates) {
    return R"({"eventType":"git.push","resource":{"refUpdates":[)" + updates +
           R"(],"repository":{"remoteUrl":"https://git.corp.example/acme/robot.git"}}})";
  };
  for (const std::string bad :
       {"null", "7", "[]", "{}", R"({"name":"refs/heads/-x","oldObjectId":"","newObjectId":1})"}) {
    EXPECT_EQ(status_of(hook_named("azure"), with(bad)), 400) << bad;
    EXPECT_EQ(status_of(hook_named("azure"), with(bad + "," + good)), 202) << bad;
    EXPECT_EQ(world.sync.delivered().back().event.changes.size(), 1U) << bad;
  }
}

TEST_F(WebhookMalformed, S16_MoreRefsThanAnyHostSendsAreRefused) {
  const auto hook = hook_named("bitbucket-server");
  const auto with = [](std::size_t count) {
    const std::string change =
        R"({"refId":"refs/heads/main","fromHash":"1111111111111111111111111111111111111111",)"
        R"("toHash":"2222222222222222222222222222222222222222"})";
    std::string changes = change;
    for (std::size_t i = 1; i < count; ++i) changes += "," + change;
    return R"({"repository":{"slug":"robot","project":{"key":"acme"}},"changes":[)" + changes + "]}";
  };
  EXPECT_EQ(status_of(hook, with(10'000)), 202);
  EXPECT_EQ(status_of(hook, with(10'001)), 400);
}

/// Whether the header of that name proves a delivery.
bool is_proof(const std::string& name) {
  return name == "Authorization" || name.find("oken") != std::string::npos ||
         name.find("ignature") != std::string::npos;
}

/// Malformed proofs: CVE-2023-50728, go-playground's three bytes, RUSTSEC-2024-0010.
TEST_F(WebhookMalformed, S16_MalformedProofsAreRefusedAndSurvived) {
  const auto all = testing::every_hook_kind();
  for (const auto& hook : all) {
    if (hook.scheme == WebhookScheme::None) continue;
    const auto valid = compose_webhook(push_of(hook)).value();
    for (const std::string text :
         {"",   "=",   ",",    "sha",     "sha1",   "sha256=", "sha1=",      "sha256=zz",
          "v1", "v1,", "v1, ", "Basic",   "Basic ", "Basic =", "Basic Og==", "Basic OjpjOg==",
          "%",  "%zz", "%00",  "\xff\xfe"}) {
      auto delivery = valid;
      for (auto& [name, value] : delivery.headers) {
        if (is_proof(name)) value = text;
      }
      const auto request = request_of(webhook_path(push_of(hook)), delivery);
      EXPECT_EQ(table.handle(request).status, 401) << hook.binding() << " '" << text << "'";
    }
    for (const std::size_t cut : {1U, 2U, 3U, 8U, 32U}) {
      auto delivery = valid;
      for (auto& [name, value] : delivery.headers) {
        if (is_proof(name)) value.resize(value.size() - std::min(value.size(), cut));
      }
      const auto request = request_of(webhook_path(push_of(hook)), delivery);
      EXPECT_EQ(table.handle(request).status, 401) << hook.binding() << " without its last " << cut;
    }
  }
}

}  // namespace
}  // namespace gitferry::api
