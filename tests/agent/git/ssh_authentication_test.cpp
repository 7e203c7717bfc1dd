#include <cstdlib>
#include <filesystem>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/agent/git/ssh_fixture.h"

namespace gitferry::test {
namespace {

/// A variable of this process, as long as the object lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* before = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no other thread reads it now
    if (before != nullptr) before_ = before;
    ::setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    } else {
      ::unsetenv(name_);  // NOLINT(concurrency-mt-unsafe)
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// An ssh agent that this process and its children ask.
class SshAgent {
 public:
  explicit SshAgent(const SshHost& host) : socket_(host.file("agent")), named_("SSH_AUTH_SOCK", socket_) {
    auto started = ChildProcess::start(
        {{"ssh-agent", "-D", "-a", socket_}, basic_child_environment(), "agent"}, patient());
    EXPECT_TRUE(started);
    agent_ = std::move(*started);
    EXPECT_TRUE(comes_true([this] { return std::filesystem::exists(socket_); }));
  }

 private:
  std::string socket_;
  Variable named_;
  std::unique_ptr<ChildProcess> agent_;
};

class SshKeyTypes : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(SshKeyTypes, OfHostAndUserAreTaken) {
  const auto& [host_type, user_type] = GetParam();
  const SshHost host({host_type, user_type, ""});
  make_repository(host.file("a.git"));
  const auto answer = SshWorker().ask(host.url(host.file("a.git")), key_credential(host));
  EXPECT_TRUE(answer) << answer.error().text() << host.log();
}

INSTANTIATE_TEST_SUITE_P(Each, SshKeyTypes,
                         ::testing::Values(std::tuple{"ed25519", "rsa"}, std::tuple{"rsa", "ed25519"}));
INSTANTIATE_TEST_SUITE_P(FullEach, SshKeyTypes,
                         ::testing::Combine(::testing::Values("ed25519", "rsa", "ecdsa"),
                                            ::testing::Values("ed25519", "rsa")));

class SshLogin : public ::testing::Test {
 protected:
  SshLogin() { make_repository(host.file("a.git")); }
  [[nodiscard]] std::string url() const { return host.url(host.file("a.git")); }
  [[nodiscard]] Error refusal(const Credential& credential, const std::string& config = "/dev/null") const {
    const auto answer = SshWorker(nullptr, config).ask(url(), credential);
    EXPECT_FALSE(answer);
    return answer ? Error{} : answer.error();
  }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  const SshHost host;
  const Variable no_agent_{"SSH_AUTH_SOCK", ""};
};

TEST_F(SshLogin, S25_AnUnknownHostKeyIsNamedAndTheHintMakesItKnown) {
  const auto error = refusal(key_credential(host, "key", "unknown"));
  EXPECT_EQ(error.code, ErrorCode::SshKeyRefused);
  EXPECT_TRUE(holds(error.message, "the ED25519 host key of '[127.0.0.1]:")) << error.message;
  EXPECT_TRUE(holds(error.message, "is not known")) << error.message;
  const auto command = error.hint.substr(error.hint.find("then run: ") + 10);
  EXPECT_EQ(command,
            "ssh-keyscan -p " + std::to_string(host.port()) + " 127.0.0.1 >> '" + host.file("unknown") + "'");
  shell(command + " 2>/dev/null");
  const auto answer = SshWorker().ask(url(), key_credential(host, "key", "unknown"));
  EXPECT_TRUE(answer) << answer.error().text();
}

TEST_F(SshLogin, S25_AChangedHostKeyIsAnotherMatterAndTheHintReplacesIt) {
  const auto name = "[127.0.0.1]:" + std::to_string(host.port());
  host.write("known", name + " " + host.content("stranger.pub"));
  const auto error = refusal(key_credential(host));
  EXPECT_EQ(error.code, ErrorCode::SshKeyRefused);
  EXPECT_TRUE(holds(error.message, "the host key of '" + name + "' has changed: it shows ED25519 SHA256:"))
      << error.message;
  EXPECT_TRUE(holds(error.message, "which is not the ED25519 key in " + host.file("known") + ":1"))
      << error.message;
  EXPECT_TRUE(holds(error.hint, "find out why")) << error.hint;
  EXPECT_TRUE(holds(error.hint, "ssh-keygen -R '" + name + "' -f '" + host.file("known") + "'"))
      << error.hint;
  host.write("known", "@revoked * " + host.content("host.pub"));
  EXPECT_TRUE(holds(refusal(key_credential(host)).message, "marked as revoked"));
}

TEST_F(SshLogin, ARefusedKeyIsNamed) {
  auto error = refusal(key_credential(host, "stranger"));
  EXPECT_EQ(error.code, ErrorCode::SshKeyRefused);
  EXPECT_TRUE(holds(error.message, "Permission denied (publickey)")) << error.message;
  EXPECT_TRUE(holds(error.message, "tried '" + host.file("stranger") + "'")) << error.message;
  EXPECT_TRUE(holds(error.hint, "public key")) << error.hint;

  error = refusal(key_credential(host, "missing"));
  EXPECT_TRUE(holds(error.message, "missing' (cannot be read)")) << error.message;

  std::filesystem::permissions(host.file("key"), std::filesystem::perms(0644));
  error = refusal(key_credential(host));
  EXPECT_TRUE(holds(error.message, "others may read it")) << error.message;

  auto own = key_credential(host);
  own.key_file.clear();
  const auto config =
      host.write("config", "IdentityFile " + host.file("stranger") + "\nIdentitiesOnly yes\n");
  error = refusal(own, config);
  EXPECT_TRUE(holds(error.message, "tried '" + host.file("stranger") + "'")) << error.message;
  EXPECT_TRUE(holds(error.hint, "name a key_file in credentials")) << error.hint;
}

TEST_F(SshLogin, AKeyWithAPassphraseNeedsAnAgent) {
  host.make_key("locked", "ed25519", "open sesame");
  host.write("authorized", host.content("locked.pub"));
  const auto error = refusal(key_credential(host, "locked"));
  EXPECT_EQ(error.code, ErrorCode::SshKeyRefused);
  EXPECT_TRUE(holds(error.message, "locked' has a passphrase")) << error.message;
  EXPECT_TRUE(holds(error.hint, "ssh-add")) << error.hint;

  const SshAgent agent(host);
  EXPECT_TRUE(holds(refusal(key_credential(host, "locked")).message, "only if the agent holds it"));
  const auto asks = host.write("passphrase", "#!/bin/sh\necho open sesame\n");
  std::filesystem::permissions(asks, std::filesystem::perms(0700));
  shell("SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=" + asks + " ssh-add -q " + host.file("locked") +
        " </dev/null");
  const auto answer = SshWorker().ask(url(), key_credential(host, "locked"));
  EXPECT_TRUE(answer) << answer.error().text();
}

TEST_F(SshLogin, TheAgentsKeysCountWhereNoneIsConfigured) {
  const SshAgent agent(host);
  shell("ssh-add -q " + host.file("key"));
  auto credential = key_credential(host);
  credential.key_file.clear();
  const auto answer = SshWorker().ask(url(), credential);
  EXPECT_TRUE(answer) << answer.error().text();
}

TEST_F(SshLogin, AUserCertificateBesideTheKeyIsShown) {
  host.make_key("authority");
  const SshHost trusting({"ed25519", "ed25519", "TrustedUserCAKeys " + host.file("authority.pub")});
  make_repository(trusting.file("a.git"));
  trusting.write("authorized", "");
  const auto address = trusting.url(trusting.file("a.git"));
  const SshWorker worker;
  EXPECT_FALSE(worker.ask(address, key_credential(trusting)));
  trusting.keygen(
      {"-q", "-s", host.file("authority"), "-I", "bot", "-n", SshHost::user(), trusting.file("key.pub")});
  const auto answer = worker.ask(address, key_credential(trusting));
  EXPECT_TRUE(answer) << answer.error().text() << trusting.log();
}

TEST_F(SshLogin, AddressesInTheShortFormAndOfTheHomeDirectoryAreTaken) {
  const auto config =
      host.write("config", "Host corp\n  HostName 127.0.0.1\n  Port " + std::to_string(host.port()) + "\n");
  auto home = output_of("getent passwd $(id -u) | cut -d: -f6");
  home.pop_back();
  auto directory = home + "/gitferry-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const auto name = directory.substr(home.size() + 1);
  make_repository(directory + "/it's a.git");
  make_repository(directory + "/b.git");
  const SshWorker worker(nullptr, config);
  const auto user = SshHost::user();
  for (const auto& address :
       {user + "@corp:" + name + "/b.git", user + "@corp:~/" + name + "/b.git",
        "ssh://corp/~/" + name + "/b.git", "ssh://" + user + "@corp/~" + user + "/" + name + "/b.git",
        host.url(directory + "/b.git")}) {
    const auto answer = worker.ask(address, key_credential(host));
    EXPECT_TRUE(answer) << address << ": " << answer.error().text();
  }
  std::filesystem::remove_all(directory);
}

TEST_F(SshLogin, S09_AForeignHomeChangesNothing) {
  const auto home = host.file("home");
  std::filesystem::create_directories(home + "/.ssh");
  const auto trap = "touch " + home + "/PWN";
  host.write("home/.ssh/config",
             "Host *\n  ProxyCommand " + trap + "\n  LocalCommand " + trap + "\n  PermitLocalCommand yes\n");
  host.write("home/.gitconfig",
             "[core]\n  sshCommand = " + trap + "\n[url \"file:///\"]\n  insteadOf = ssh://\n");
  const Variable foreign("HOME", home);
  const Variable command("GIT_SSH_COMMAND", trap);
  // Without a configuration of its own: what ssh itself finds.
  const auto answer = SshWorker(nullptr, "").ask(url(), key_credential(host));
  EXPECT_TRUE(answer) << answer.error().text();
  EXPECT_FALSE(std::filesystem::exists(home + "/PWN"));
}

}  // namespace
}  // namespace gitferry::test
