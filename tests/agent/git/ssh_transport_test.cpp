#include "agent/git/ssh_transport.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "agent/git/transports.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/scripted_server.h"
#include "tests/support/ssh_host.h"

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

Result<std::string> advertised(const SshHost& host, const std::string& address, const std::string& key,
                               const std::string& known, const AddressPolicy& policy = loopback_allowed()) {
  Credential credential;
  credential.key_file = host.file(key);
  credential.known_hosts_file = host.file(known);
  auto transport = make_transport({policy, "", "/dev/null"});
  auto connection = transport->connect(remote_of(address, credential), GitService::UploadPack, 2, patient());
  if (!connection) return fail(connection.error());
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_until(**reader, "object-info");
}

TEST(SshHost, AnswersOrIsRefusedWithTheReason) {
  const SshHost host;
  make_repository(host.file("a.git"));
  const auto repository = host.url(host.file("a.git"));
  const auto good = advertised(host, repository, "key", "known");
  ASSERT_TRUE(good) << good.error().text() << host.log();
  EXPECT_TRUE(good->starts_with("000eversion 2\n")) << *good;

  const auto unknown_host = advertised(host, repository, "key", "unknown");
  ASSERT_FALSE(unknown_host);
  EXPECT_EQ(unknown_host.error().code, ErrorCode::SshKeyRefused);
  EXPECT_NE(unknown_host.error().hint.find("known_hosts"), std::string::npos);

  const auto stranger = advertised(host, repository, "stranger", "known");
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::SshKeyRefused) << stranger.error().text();
  EXPECT_NE(stranger.error().hint.find("public key"), std::string::npos);

  const auto missing = advertised(host, host.url(host.file("';touch${IFS}PWN;'")), "key", "known");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::RepositoryMissing) << missing.error().text();
  EXPECT_FALSE(std::filesystem::exists("PWN"));

  const auto refused = advertised(host, repository, "key", "known", AddressPolicy{});
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
