// What containers are made of and started with: the Dockerfile, the compose file, the manifests for
// Kubernetes.

#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "config/loader.h"
#include "tests/packaging/packaging.h"
#include "tests/support/certificate.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// The instructions of the last stage, with continued lines joined.
std::vector<std::string> last_stage() {
  std::vector<std::string> stage;
  std::istringstream lines(source_text("Dockerfile"));
  std::string instruction;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    instruction += line;
    if (instruction.ends_with("\\")) {
      instruction.pop_back();
      continue;
    }
    if (instruction.starts_with("FROM ")) stage.clear();
    if (!instruction.empty()) stage.push_back(instruction);
    instruction.clear();
  }
  return stage;
}

std::string of(const std::vector<std::string>& stage, const std::string& instruction) {
  for (const auto& line : stage) {
    if (line.starts_with(instruction + " ")) return line.substr(instruction.size() + 1);
  }
  return {};
}

TEST(Container, S40_TheImageIsSlimAndOfAnotherUserThanRoot) {
  const auto file = source_text("Dockerfile");
  EXPECT_THAT(file, HasSubstr("\nARG DEBIAN=debian:trixie-slim\n"));
  EXPECT_THAT(file, Not(HasSubstr(":latest")));
  const auto stage = last_stage();
  EXPECT_EQ(of(stage, "FROM"), "${DEBIAN}");
  EXPECT_EQ(of(stage, "USER"), "65532:65532") << "a number: orchestrators see that it is not 0";
  EXPECT_EQ(of(stage, "VOLUME"), "/data");
  EXPECT_THAT(
      of(stage, "HEALTHCHECK"),
      HasSubstr(R"(["/usr/bin/gitferry", "healthcheck", "--config", "/etc/gitferry/gitferry.yaml"])"));
  EXPECT_EQ(of(stage, "ENTRYPOINT"), R"(["/usr/bin/gitferry"])");
  EXPECT_EQ(of(stage, "CMD"), R"(["serve", "--config", "/etc/gitferry/gitferry.yaml"])");
  EXPECT_THAT(of(stage, "ENV"), HasSubstr("GITFERRY_STORAGE_URL=sqlite:/data/database/gitferry.db"));
}

TEST(Container, S40_ComposeGivesItNothingItDoesNotNeed) {
  const auto compose = YAML::Load(source_text("examples/compose/compose.yaml"));
  for (const std::string name : {"gitferry", "internal", "external", "secrets"}) {
    auto service = compose["services"][name];
    ASSERT_TRUE(service.IsMap()) << name;
    // A merge key is for whoever reads the file.
    const auto base = service["<<"];
    const auto at = [&](const std::string& key) { return service[key] || !base ? service[key] : base[key]; };
    EXPECT_EQ(at("user").as<std::string>(), "65532:65532") << name;
    EXPECT_TRUE(at("read_only").as<bool>()) << name;
    EXPECT_EQ(at("cap_drop").as<std::vector<std::string>>(), std::vector<std::string>{"ALL"}) << name;
    EXPECT_EQ(at("security_opt").as<std::vector<std::string>>(),
              std::vector<std::string>{"no-new-privileges:true"})
        << name;
    EXPECT_THAT(at("image").as<std::string>(), ::testing::EndsWith(":" GITFERRY_VERSION)) << name;
    for (const auto& port : at("ports"))
      EXPECT_THAT(port.as<std::string>(), ::testing::StartsWith("127.0.0.1:")) << name;
    if (name != "secrets") {
      EXPECT_THAT(at("tmpfs")[0].as<std::string>(), ::testing::StartsWith("/tmp:")) << name;
    }
  }
  for (const auto& volume : compose["services"]["gitferry"]["volumes"]) {
    const auto mount = volume.as<std::string>();
    EXPECT_TRUE(mount == "gitferry:/data" || mount.ends_with(":ro")) << mount;
  }
}

/// All documents of the manifests, by their kinds.
YAML::Node manifest(const std::string& kind) {
  for (const auto& document : YAML::LoadAll(source_text("examples/kubernetes/manifests.yaml"))) {
    if (document["kind"].as<std::string>() == kind) return document;
  }
  ADD_FAILURE() << kind;
  return {};
}

TEST(Container, S40_KubernetesGivesItNothingItDoesNotNeed) {
  const auto set = manifest("StatefulSet");
  EXPECT_EQ(set["spec"]["replicas"].as<int>(), 1);
  const auto pod = set["spec"]["template"]["spec"];
  EXPECT_FALSE(pod["automountServiceAccountToken"].as<bool>());
  const auto context = pod["securityContext"];
  EXPECT_TRUE(context["runAsNonRoot"].as<bool>());
  EXPECT_EQ(context["runAsUser"].as<int>(), 65532);
  EXPECT_EQ(context["fsGroup"].as<int>(), 65532);
  EXPECT_EQ(context["seccompProfile"]["type"].as<std::string>(), "RuntimeDefault");
  const auto container = pod["containers"][0];
  const auto inner = container["securityContext"];
  EXPECT_FALSE(inner["allowPrivilegeEscalation"].as<bool>());
  EXPECT_TRUE(inner["readOnlyRootFilesystem"].as<bool>());
  EXPECT_EQ(inner["capabilities"]["drop"].as<std::vector<std::string>>(), std::vector<std::string>{"ALL"});
  EXPECT_EQ(container["image"].as<std::string>(), "gitferry:" GITFERRY_VERSION);
  EXPECT_EQ(container["livenessProbe"]["httpGet"]["path"].as<std::string>(), "/livez");
  EXPECT_EQ(container["readinessProbe"]["httpGet"]["path"].as<std::string>(), "/readyz");
  EXPECT_EQ(manifest("Service")["spec"]["selector"]["app.kubernetes.io/name"].as<std::string>(),
            set["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"].as<std::string>());
  EXPECT_EQ(manifest("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
                .as<std::string>(),
            manifest("Service")["metadata"]["name"].as<std::string>());
}

TEST(Container, TheConfigurationForKubernetesIsValid) {
  const auto map = manifest("ConfigMap");
  auto yaml = map["data"]["gitferry.yaml"].as<std::string>();
  const TemporaryDirectory secrets;
  const std::string there = "/etc/gitferry/secrets/";
  for (const auto& name : matches_of(yaml, there + "([a-z-]+)")) {
    replace_file(secrets / name, "S3CR3T-of-the-manifests-for-kubernetes");
    for (auto at = yaml.find(there + name); at != std::string::npos; at = yaml.find(there + name))
      yaml.replace(at, there.size() + name.size(), secrets / name);
  }
  const auto loaded =
      config::load_text(yaml, "manifests.yaml", [](const std::string&) { return std::nullopt; });
  ASSERT_TRUE(loaded) << (loaded ? "" : loaded.error().front().str());
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_TRUE(loaded->watch);
  const auto pod = manifest("StatefulSet")["spec"]["template"]["spec"];
  EXPECT_EQ(pod["containers"][0]["args"].as<std::vector<std::string>>(),
            (std::vector<std::string>{"serve", "--config", "/etc/gitferry/configuration/gitferry.yaml"}));
}

}  // namespace
}  // namespace gitferry::test
