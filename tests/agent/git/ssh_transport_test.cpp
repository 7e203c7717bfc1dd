#include "agent/git/ssh_transport.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "agent/git/transports.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;

TEST(SshArguments, QuoteThePathAsGitDoes) {
  EXPECT_EQ(quoted_for_shell("/a b"), "'/a b'");
  EXPECT_EQ(quoted_for_shell("'; touch PWN'"), R"(''\''; touch PWN'\''')");
  EXPECT_EQ(quoted_for_shell("a!b"), R"('a'\!'b')");
  for (const auto* word : {"'; touch PWN'", "$(touch PWN)", "`touch PWN`", "a\\'b", "!!", "a\"b", "*"}) {
    std::string line = "printf %s " + quoted_for_shell(word);
    ChildCommand command{{"sh", "-c", line}, basic_child_environment(), "printf"};
    auto child = ChildProcess::start(command, patient());
    ASSERT_TRUE(child);
    std::array<char, 100> room{};
    const auto count = (*child)->read(room);
    ASSERT_TRUE(count);
    EXPECT_EQ(std::string_view(room.data(), *count), word);
  }
}

TEST(SshArguments, AreOptionsThenTheHostThenOneCommand) {
  TransferLimits limits;
  limits.connect = milliseconds(2500);
  Credential credential;
  credential.key_file = "/keys/id";
  credential.known_hosts_file = "/keys/known";
  const auto argv = ssh_arguments(remote_of("ssh://git@host:2222/acme/x.git", credential),
                                  GitService::UploadPack, true, limits, "");
  const std::vector<std::string> expected{"ssh",
                                          "-T",
                                          "-a",
                                          "-x",
                                          "-o",
                                          "BatchMode=yes",
                                          "-o",
                                          "StrictHostKeyChecking=yes",
                                          "-o",
                                          "PermitLocalCommand=no",
                                          "-o",
                                          "ClearAllForwardings=yes",
                                          "-o",
                                          "ConnectTimeout=3",
                                          "-o",
                                          "SendEnv=GIT_PROTOCOL",
                                          "-i",
                                          "/keys/id",
                                          "-o",
                                          "IdentitiesOnly=yes",
                                          "-o",
                                          "UserKnownHostsFile=\"/keys/known\"",
                                          "-o",
                                          "GlobalKnownHostsFile=/dev/null",
                                          "-p",
                                          "2222",
                                          "--",
                                          "git@host",
                                          "git-upload-pack '/acme/x.git'"};
  EXPECT_EQ(argv, expected);
  const auto short_form =
      ssh_arguments(remote_of("git@host:acme/x.git"), GitService::ReceivePack, false, limits, "");
  EXPECT_EQ(short_form.back(), "git-receive-pack 'acme/x.git'");
  EXPECT_EQ(ssh_arguments(remote_of("ssh://host/~bob/x"), GitService::UploadPack, false, limits, "").back(),
            "git-upload-pack '~bob/x'");
}

TEST(SshExit, ClassifiesWhatSshSays) {
  struct Case {
    const char* errors;
    ErrorCode code;
  };
  for (const auto& one : {
           Case{"git@host: Permission denied (publickey).\n", ErrorCode::SshKeyRefused},
           Case{"No ED25519 host key is known for host\nHost key verification failed.\n",
                ErrorCode::SshKeyRefused},
           Case{"ssh: Could not resolve hostname x: Name or service not known\n", ErrorCode::HostUnresolved},
           Case{"ssh: connect to host x port 22: Connection timed out\n", ErrorCode::Timeout},
           Case{"ssh: connect to host x port 22: Connection refused\n", ErrorCode::ConnectionFailed},
           Case{"fatal: '/x' does not appear to be a git repository\n", ErrorCode::RepositoryMissing},
           Case{"ERROR: The project you were looking for could not be found\n", ErrorCode::RepositoryMissing},
           Case{"ERROR: Repository not found.\n", ErrorCode::RepositoryMissing},
           Case{"error: Permission denied to deploy key\n", ErrorCode::AccessDenied},
           Case{"", ErrorCode::ConnectionFailed},
       }) {
    EXPECT_EQ(explain_ssh_exit("x", {255, one.errors}).code, one.code) << one.errors;
  }
  EXPECT_NE(explain_ssh_exit("x", {255, "Host key verification failed.\n"}).hint.find("known_hosts"),
            std::string::npos);
}

/// A real sshd of the current user on a free port; one authorised key, `key`, and a stranger's, `stranger`.
class SshHost : public testing::Test {
 protected:
  void SetUp() override {
    const auto& d = directory.path();
    // Outside of the listening range of outgoing connections; sshd itself says whether it got the port.
    for (const auto* key : {"host", "key", "stranger"}) {
      shell("ssh-keygen -q -t ed25519 -N '' -f '" + d + "/" + key + "'");
    }
    shell("cp '" + d + "/key.pub' '" + d + "/authorized'");
    // sshd started by root wants its privilege separation directory.
    if (::geteuid() == 0) shell("mkdir -p /run/sshd");
    for (int attempt = 0; attempt < 20 && !is_listening(); ++attempt)
      start(21000 + (::getpid() * 7 + attempt) % 9000);
    ASSERT_TRUE(is_listening()) << output_of("cat '" + d + "/sshd.log'");
    (void)directory.write(
        "known", "[127.0.0.1]:" + std::to_string(port) + " " + output_of("cat '" + d + "/host.pub'"));
    (void)directory.write("unknown", "");
    make_repository(d + "/a.git");
  }

  void start(int candidate) {
    const auto& d = directory.path();
    port = candidate;
    // ssh finds the programs by git-upload-pack alone where sshd's PATH does not hold git's own directory.
    (void)directory.write("sshd_config",
                          "ListenAddress 127.0.0.1\nPort " + std::to_string(port) + "\nHostKey " + d +
                              "/host\nAuthorizedKeysFile " + d +
                              "/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                              "KbdInteractiveAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\n"
                              "PidFile none\nLogLevel ERROR\n");
    ChildCommand command{{"/usr/sbin/sshd", "-D", "-e", "-f", d + "/sshd_config", "-E", d + "/sshd.log"},
                         basic_child_environment(),
                         "sshd"};
    server = std::move(*ChildProcess::start(command, patient()));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!is_listening() && !has_failed() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }
  bool has_failed() {
    return std::filesystem::exists(directory.path() + "/sshd.log") &&
           std::filesystem::file_size(directory.path() + "/sshd.log") > 0;
  }
  bool is_listening() const {
    return server &&
           std::system(
               ("bash -c 'exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port) + "' 2>/dev/null").c_str()) ==
               0;
  }

  Result<std::string> advertised(const std::string& key, const std::string& known, const std::string& path,
                                 const AddressPolicy& policy = loopback_allowed()) {
    const auto& d = directory.path();
    Credential credential;
    credential.key_file = d + "/" + key;
    credential.known_hosts_file = d + "/" + known;
    const std::string user = ::getpwuid(::geteuid())->pw_name;  // NOLINT(concurrency-mt-unsafe)
    auto transport = make_transport({policy, "", "/dev/null"});
    auto connection = transport->connect(
        remote_of("ssh://" + user + "@127.0.0.1:" + std::to_string(port) + path, credential),
        GitService::UploadPack, 2, patient());
    if (!connection) return fail(connection.error());
    const auto reader = (*connection)->advertisement();
    if (!reader) return fail(reader.error());
    return read_until(**reader, "object-info");
  }

  TemporaryDirectory directory;
  int port = 0;
  std::unique_ptr<ChildProcess> server;
};

TEST_F(SshHost, AnswersOrIsRefusedWithTheReason) {
  const auto repository = directory.path() + "/a.git";
  const auto good = advertised("key", "known", repository);
  ASSERT_TRUE(good) << good.error().text() << output_of("cat '" + directory.path() + "/sshd.log'");
  EXPECT_TRUE(good->starts_with("000eversion 2\n")) << *good;

  const auto unknown_host = advertised("key", "unknown", repository);
  ASSERT_FALSE(unknown_host);
  EXPECT_EQ(unknown_host.error().code, ErrorCode::SshKeyRefused);
  EXPECT_NE(unknown_host.error().hint.find("known_hosts"), std::string::npos);

  const auto stranger = advertised("stranger", "known", repository);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::SshKeyRefused) << stranger.error().text();
  EXPECT_NE(stranger.error().hint.find("public key"), std::string::npos);

  const auto missing = advertised("key", "known", directory.path() + "/';touch${IFS}PWN;'");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::RepositoryMissing) << missing.error().text();
  EXPECT_FALSE(std::filesystem::exists("PWN"));

  const auto refused = advertised("key", "known", repository, AddressPolicy{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused);
}

TEST(SshFault, SilenceAfterTheBannerEndsAtTheStallLimit) {
  const TemporaryDirectory directory;
  // The server speaks after it read a "head" that never comes: silent from the first byte on.
  ScriptedServer server({{"", true}});
  SshTransport transport({loopback_allowed(), "/dev/null"});
  auto connection =
      transport.connect(remote_of("ssh://git@127.0.0.1:" + std::to_string(server.port()) + "/x"),
                        GitService::UploadPack, 2, waiting_with(milliseconds(300)));
  ASSERT_TRUE(connection);
  const auto reader = (*connection)->advertisement();
  ASSERT_TRUE(reader);
  const auto read = read_all(**reader);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Timeout);
}

}  // namespace
}  // namespace gitferry::test
