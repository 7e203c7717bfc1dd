#include "agent/git/ssh_masters.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/base/unique_fd.h"
#include "tests/agent/git/ssh_fixture.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;

class SshReuse : public ::testing::Test {
 protected:
  SshReuse() { make_repository(host.file("a.git")); }
  [[nodiscard]] std::string url() const { return host.url(host.file("a.git")); }
  /// The socket of the one connection that is kept.
  [[nodiscard]] std::string socket() const {
    for (const auto& file : files_below(base.path())) {
      if (std::filesystem::is_socket(file)) return file;
    }
    return {};
  }
  [[nodiscard]] std::vector<pid_t> masters_running() const { return processes_with(base.path()); }

  const TemporaryDirectory base;
  SshHost host;
};

TEST_F(SshReuse, RunsOfAllWorkersCostOneHandshake) {
  const auto masters = masters_in(base.path());
  const SshWorker one(masters);
  const SshWorker two(masters);
  for (int run = 0; run < 3; ++run) {
    for (const auto* worker : {&one, &two}) {
      const auto answer = worker->ask(url(), key_credential(host));
      ASSERT_TRUE(answer) << answer.error().text() << host.log();
      EXPECT_TRUE(answer->starts_with("000eversion 2\n"));
    }
  }
  EXPECT_EQ(host.handshakes(), 1);
}

TEST_F(SshReuse, WithoutItEachRunHasAConnectionOfItsOwn) {
  const SshWorker worker;
  for (int run = 0; run < 2; ++run) ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  EXPECT_EQ(host.handshakes(), 2);
}

TEST_F(SshReuse, RunsThatStartAtOnceShareOneHandshake) {
  const auto masters = masters_in(base.path());
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        const SshWorker worker(masters);
        if (worker.ask(url(), key_credential(host))) ++answered;
      });
    }
  }
  EXPECT_EQ(answered, 4);
  EXPECT_EQ(host.handshakes(), 1);
}

TEST_F(SshReuse, ARotatedKeyNeverRidesOnTheOldConnection) {
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  host.make_key("next");
  host.write("authorized", host.content("next.pub"));
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  EXPECT_EQ(host.handshakes(), 1);
  std::filesystem::rename(host.file("next"), host.file("key"));
  std::filesystem::rename(host.file("next.pub"), host.file("key.pub"));
  const auto answer = worker.ask(url(), key_credential(host));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(host.handshakes(), 2);
  for (const auto* name : {"", ".pub"}) {
    std::filesystem::copy_file(host.file("stranger") + name, host.file("key") + name,
                               std::filesystem::copy_options::overwrite_existing);
  }
  const auto refused = worker.ask(url(), key_credential(host));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::SshKeyRefused);
}

TEST_F(SshReuse, AnotherCredentialOrOtherKnownHostsAreAnotherConnection) {
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  const auto stranger = worker.ask(url(), key_credential(host, "stranger"));
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::SshKeyRefused);
  // The host is not trusted any more: an open connection to it does not count.
  host.write("known", "");
  const auto untrusted = worker.ask(url(), key_credential(host));
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code, ErrorCode::SshKeyRefused);
}

TEST_F(SshReuse, AHostThatWentDownIsConnectedToAnew) {
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  host.restart();
  const auto answer = worker.ask(url(), key_credential(host));
  ASSERT_TRUE(answer) << answer.error().text() << host.log();
  EXPECT_EQ(host.handshakes(), 2);
}

TEST_F(SshReuse, ASocketThatIsGoneOrDeadCostsNoRun) {
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  const auto path = socket();
  ASSERT_FALSE(path.empty());
  std::filesystem::remove(path);
  EXPECT_TRUE(worker.ask(url(), key_credential(host)));
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(worker.ask(url(), key_credential(host)));
  std::filesystem::remove(path);
  std::ofstream(path) << "no socket";
  EXPECT_TRUE(worker.ask(url(), key_credential(host)));
  EXPECT_EQ(host.handshakes(), 4);
}

TEST_F(SshReuse, NothingIsLeftWhenTheAgentStops) {
  {
    const auto masters = masters_in(base.path());
    const SshWorker worker(masters);
    ASSERT_TRUE(worker.ask(url(), key_credential(host)));
    EXPECT_FALSE(socket().empty());
    EXPECT_EQ(masters_running().size(), 1U);
    struct stat status {};
    ASSERT_EQ(::stat(std::filesystem::path(socket()).parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
  }
  EXPECT_EQ(files_below(base.path()), std::vector<std::string>{});
  EXPECT_EQ(masters_running(), std::vector<pid_t>{});
}

/// The small program of the test below.
TEST(SshReuseProgram, DISABLED_HoldsAConnectionUntilItIsKilled) {
  const auto variable = [](const char* name) {
    return std::string(std::getenv(name));  // NOLINT(concurrency-mt-unsafe): no other thread yet
  };
  const auto masters = masters_in(variable("TEST_BASE"));
  const SshWorker worker(masters);
  Credential credential;
  credential.key_file = variable("TEST_KEY");
  credential.known_hosts_file = variable("TEST_KNOWN");
  ASSERT_TRUE(worker.ask(variable("TEST_URL"), credential));
  std::cout << "it is open" << std::endl;
  ::pause();
}

TEST_F(SshReuse, AKilledAgentLeavesNoConnectionAndItsDirectoryGoesWithTheNext) {
  auto environment = basic_child_environment();
  environment.push_back("TEST_BASE=" + base.path());
  environment.push_back("TEST_KEY=" + host.file("key"));
  environment.push_back("TEST_KNOWN=" + host.file("known"));
  environment.push_back("TEST_URL=" + url());
  auto program = ChildProcess::start(
      {{"/proc/self/exe", "--gtest_also_run_disabled_tests", "--gtest_filter=SshReuseProgram.*"},
       environment,
       "the program"},
      patient());
  ASSERT_TRUE(program);
  std::string said;
  std::array<char, 4096> room{};
  while (said.find("it is open") == std::string::npos) {
    const auto count = (*program)->read(room);
    ASSERT_TRUE(count && *count > 0) << said;
    said.append(room.data(), *count);
  }
  ASSERT_EQ(masters_running().size(), 1U);
  // The agent alone, not its group: only the kernel can tell the other process.
  ::kill((*program)->pid(), SIGKILL);
  EXPECT_TRUE(comes_true([&] { return masters_running().empty(); }));
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  const auto directories = std::distance(std::filesystem::directory_iterator(base.path()), {});
  EXPECT_EQ(directories, 1);
}

TEST_F(SshReuse, ARunWithoutASessionLeftConnectsItself) {
  SshHost narrow({"ed25519", "ed25519", "MaxSessions 1"});
  make_repository(narrow.file("a.git"));
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  const auto remote = remote_of(narrow.url(narrow.file("a.git")), key_credential(narrow));
  auto first = worker.transport->connect(remote, GitService::UploadPack, 2, patient());
  ASSERT_TRUE(first);
  const auto reader = (*first)->advertisement();
  ASSERT_TRUE(reader);
  ASSERT_TRUE(read_until(**reader, "object-info"));
  const auto second = advertised(*worker.transport, remote);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(narrow.handshakes(), 2);
}

TEST_F(SshReuse, AConnectionPastItsTimeTakesNoNewRunAndServesTheOldOne) {
  const auto masters = masters_in(base.path(), milliseconds(1500));
  const SshWorker worker(masters);
  const auto remote = remote_of(url(), key_credential(host));
  auto first = worker.transport->connect(remote, GitService::UploadPack, 2, patient());
  ASSERT_TRUE(first);
  const auto reader = (*first)->advertisement();
  ASSERT_TRUE(reader) << reader.error().text();
  ASSERT_TRUE(read_until(**reader, "object-info"));
  ASSERT_TRUE(comes_true([&] { return worker.ask(url(), key_credential(host)) && host.handshakes() == 2; }));
  auto request = (*first)->request(std::nullopt);
  ASSERT_TRUE(request);
  ASSERT_TRUE((*request)->write("0014command=ls-refs\n00010000"));
  const auto refs = read_until(**request, "refs/heads/main");
  ASSERT_TRUE(refs) << refs.error().text();
  EXPECT_NE(refs->find("refs/heads/main"), std::string::npos);
  request->reset();
  first->reset();
  // The old one ends with its last run; the new one when its own time is over.
  EXPECT_TRUE(comes_true([&] { return masters_running().empty(); }));
}

TEST_F(SshReuse, AConnectionThatBreaksInMidTransferIsATransientError) {
  make_repository(host.file("large.git"), 64 << 20);
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  auto connection =
      worker.transport->connect(remote_of(host.url(host.file("large.git")), key_credential(host)),
                                GitService::UploadPack, 2, patient());
  ASSERT_TRUE(connection);
  const auto reader = (*connection)->advertisement();
  ASSERT_TRUE(reader);
  ASSERT_TRUE(read_until(**reader, "object-info"));
  auto request = (*connection)->request(std::nullopt);
  ASSERT_TRUE(request);
  const auto want = "want " + tip_of(host.file("large.git")) + "\n";
  ASSERT_TRUE((*request)->write(pkt("command=fetch\n") + "0001" + pkt(want) + pkt("done\n") + "0000"));
  ASSERT_TRUE(read_until(**request, "packfile"));
  const auto running = processes_with("ControlMaster=yes");
  for (const auto pid : masters_running()) {
    if (std::find(running.begin(), running.end(), pid) != running.end()) ::kill(pid, SIGKILL);
  }
  const auto rest = read_all(**request);
  ASSERT_FALSE(rest);
  EXPECT_TRUE(rest.error().is_transient()) << rest.error().text();
  const auto again = worker.ask(url(), key_credential(host));
  EXPECT_TRUE(again) << again.error().text();
}

TEST_F(SshReuse, WithoutAPrivateDirectoryConnectionsAreNotKept) {
  for (const auto& directory :
       {base.path() + "/missing", base.path() + std::string(80, 'x'), std::string("/proc")}) {
    const auto masters = masters_in(directory);
    const SshWorker worker(masters);
    const auto before = host.handshakes();
    for (int run = 0; run < 2; ++run) EXPECT_TRUE(worker.ask(url(), key_credential(host)));
    EXPECT_EQ(host.handshakes(), before + 2) << directory;
  }
  const auto open = base.path() + "/open";
  std::filesystem::create_directory(open);
  std::filesystem::permissions(open, std::filesystem::perms::all);
  EXPECT_FALSE(PrivateSocketDirectory::make(open)) << "others could put theirs in its place";
}

TEST_F(SshReuse, ADirectoryThatIsNotPrivateAnyMoreIsLeft) {
  const auto masters = masters_in(base.path());
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  const auto directory = std::filesystem::path(socket()).parent_path();
  std::filesystem::permissions(directory, std::filesystem::perms::all);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  EXPECT_EQ(host.handshakes(), 2);
}

TEST_F(SshReuse, TheIdlestConnectionGivesWayAtTheLimit) {
  SshHost other;
  make_repository(other.file("a.git"));
  const auto masters = masters_in(base.path(), std::chrono::hours(1), 1);
  const SshWorker worker(masters);
  ASSERT_TRUE(worker.ask(url(), key_credential(host)));
  ASSERT_TRUE(worker.ask(other.url(other.file("a.git")), key_credential(other)));
  EXPECT_EQ(masters->size_for_test(), 1U);
  EXPECT_EQ(masters_running().size(), 1U);
  ASSERT_TRUE(worker.ask(other.url(other.file("a.git")), key_credential(other)));
  EXPECT_EQ(other.handshakes(), 1);
}

TEST_F(SshReuse, SharingInTheUsersOwnConfigurationChangesNothing) {
  const auto config = host.write("config", "Host *\n  ControlMaster auto\n  ControlPath " + base.path() +
                                               "/theirs\n  ControlPersist 10m\n");
  const auto masters = masters_in(base.path());
  for (const auto& shared : {masters, std::shared_ptr<SshMasters>()}) {
    const SshWorker worker(shared, config);
    const auto before = host.handshakes();
    for (int run = 0; run < 2; ++run) ASSERT_TRUE(worker.ask(url(), key_credential(host)));
    EXPECT_EQ(host.handshakes(), before + (shared ? 1 : 2));
    EXPECT_FALSE(std::filesystem::exists(base.path() + "/theirs"));
  }
}

}  // namespace
}  // namespace gitferry::test
