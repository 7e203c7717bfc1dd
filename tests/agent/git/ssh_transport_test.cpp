#include "agent/git/ssh_transport.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "agent/git/child_process.h"
#include "agent/git/ssh_failure.h"
#include "tests/agent/git/ssh_fixture.h"
#include "tests/support/scripted_server.h"
#include "tests/support/ssh_host.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;

TEST(SshArguments, S06_QuoteThePathAsGitDoes) {
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

TEST(SshArguments, S39_AreWhatTheHostAndItsCredentialNeed) {
  TransferLimits limits;
  limits.connect = milliseconds(2500);
  Credential credential;
  credential.key_file = "/keys/id";
  credential.known_hosts_file = "/keys/known";
  const auto remote = remote_of("ssh://git@host:2222/acme/x.git", credential);
  const std::vector<std::string> expected{"-T",
                                          "-a",
                                          "-x",
                                          "-o",
                                          "BatchMode=yes",
                                          "-o",
                                          "StrictHostKeyChecking=yes",
                                          "-o",
                                          "UpdateHostKeys=no",
                                          "-o",
                                          "PermitLocalCommand=no",
                                          "-o",
                                          "RemoteCommand=none",
                                          "-o",
                                          "ClearAllForwardings=yes",
                                          "-o",
                                          "LogLevel=INFO",
                                          "-o",
                                          "SendEnv=GIT_PROTOCOL",
                                          "-o",
                                          "ConnectTimeout=3",
                                          "-o",
                                          "ServerAliveInterval=10",
                                          "-o",
                                          "ServerAliveCountMax=2",
                                          "-i",
                                          "/keys/id",
                                          "-o",
                                          "IdentitiesOnly=yes",
                                          "-o",
                                          "UserKnownHostsFile=\"/keys/known\"",
                                          "-o",
                                          "GlobalKnownHostsFile=/dev/null",
                                          "-p",
                                          "2222"};
  EXPECT_EQ(ssh_options(remote, limits, ""), expected);
  EXPECT_EQ(ssh_destination(remote), "git@host");
  EXPECT_EQ(ssh_command(remote, GitService::UploadPack), "git-upload-pack '/acme/x.git'");
  EXPECT_EQ(ssh_command(remote_of("git@host:acme/x.git"), GitService::ReceivePack),
            "git-receive-pack 'acme/x.git'");
  EXPECT_EQ(ssh_command(remote_of("ssh://host/~bob/x"), GitService::UploadPack), "git-upload-pack '~bob/x'");
}

TEST(SshExit, ClassifiesWhatSshSays) {
  struct Case {
    const char* errors;
    ErrorCode code;
  };
  SshPlace place;
  place.what = "x";
  for (const auto& one : {
           Case{"git@host: Permission denied (publickey).\n", ErrorCode::SshKeyRefused},
           Case{"No ED25519 host key is known for host\nHost key verification failed.\n",
                ErrorCode::SshKeyRefused},
           Case{"ssh: Could not resolve hostname x: Name or service not known\n", ErrorCode::HostUnresolved},
           Case{"ssh: connect to host x port 22: Connection timed out\n", ErrorCode::Timeout},
           Case{"Connection to x port 22 timed out\n", ErrorCode::Timeout},
           Case{"ssh: connect to host x port 22: Connection refused\n", ErrorCode::ConnectionFailed},
           Case{"fatal: '/x' does not appear to be a git repository\n", ErrorCode::RepositoryMissing},
           Case{"ERROR: The project you were looking for could not be found\n", ErrorCode::RepositoryMissing},
           Case{"ERROR: Repository not found.\n", ErrorCode::RepositoryMissing},
           Case{"error: Permission denied to deploy key\n", ErrorCode::AccessDenied},
           Case{"mux_client_request_session: read from master failed: Broken pipe\n",
                ErrorCode::ConnectionFailed},
           Case{"", ErrorCode::ConnectionFailed},
       }) {
    EXPECT_EQ(explain_ssh_exit(place, {255, one.errors}).code, one.code) << one.errors;
  }
}

TEST(SshHost, AnswersOrIsRefusedWithTheReason) {
  const SshHost host;
  make_repository(host.file("a.git"));
  const auto repository = host.url(host.file("a.git"));
  const SshWorker worker;
  const auto good = worker.ask(repository, key_credential(host));
  ASSERT_TRUE(good) << good.error().text() << host.log();
  EXPECT_TRUE(good->starts_with("000eversion 2\n")) << *good;

  const auto missing = worker.ask(host.url(host.file("';touch${IFS}PWN;'")), key_credential(host));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::RepositoryMissing) << missing.error().text();
  EXPECT_FALSE(std::filesystem::exists("PWN"));

  const auto refused = SshWorker(nullptr, "/dev/null", AddressPolicy{}).ask(repository, key_credential(host));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused);
}

TEST(SshFault, S24_SilenceAfterTheBannerEndsAtTheStallLimit) {
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

TEST(SshFault, ASharedConnectionToASilentHostEndsWithinItsLimits) {
  const TemporaryDirectory base;
  ScriptedServer server({{"", true}});
  SshTransport transport({loopback_allowed(), "/dev/null", masters_in(base.path())});
  auto waiting = waiting_with(milliseconds(200));
  waiting.limits.connect = milliseconds(100);
  const auto answer = advertised(
      transport, remote_of("ssh://git@127.0.0.1:" + std::to_string(server.port()) + "/x"), waiting);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Timeout) << answer.error().text();
  EXPECT_TRUE(comes_true([&] { return processes_with(base.path()).empty(); }));
}

TEST(SshFault, AStopEndsTheWaitForASharedConnection) {
  const TemporaryDirectory base;
  ScriptedServer server({{"", true}});
  SshTransport transport({loopback_allowed(), "/dev/null", masters_in(base.path())});
  std::stop_source stop;
  std::jthread stopper([&] {
    EXPECT_TRUE(comes_true([&] { return !processes_with(base.path()).empty(); }));
    stop.request_stop();
  });
  const auto answer =
      advertised(transport, remote_of("ssh://git@127.0.0.1:" + std::to_string(server.port()) + "/x"),
                 waiting_with(std::chrono::seconds(30), stop.get_token()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Cancelled) << answer.error().text();
}

}  // namespace
}  // namespace gitferry::test
