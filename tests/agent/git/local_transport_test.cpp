#include "agent/git/local_transport.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/git/service_exit.h"
#include "tests/agent/git/transport_fixture.h"

namespace gitferry::test {
namespace {

struct Opened {
  std::unique_ptr<Connection> connection;
  ByteReader* reader = nullptr;
};

Opened open(const std::string& path, GitService service, int version) {
  LocalTransport transport;
  Opened opened;
  opened.connection = std::move(*transport.connect(remote_of(path), service, version, patient()));
  opened.reader = *opened.connection->advertisement();
  return opened;
}

TEST(LocalTransport, AdvertisesInBothProtocols) {
  const TemporaryDirectory directory;
  const auto bare = directory.path() + "/a.git";
  make_repository(bare);
  auto v2 = open(bare, GitService::UploadPack, 2);
  EXPECT_TRUE(read_until(*v2.reader, "0000").value().starts_with("000eversion 2\n"));
  auto v0 = open(bare, GitService::UploadPack, 0);
  EXPECT_NE(read_until(*v0.reader, "refs/heads/main").value().find(tip_of(bare)), std::string::npos);
  auto push = open(bare, GitService::ReceivePack, 2);
  EXPECT_NE(read_until(*push.reader, "0000").value().find("report-status"), std::string::npos);
}

TEST(LocalTransport, AsksOnTheSameStreamAgain) {
  const TemporaryDirectory directory;
  const auto bare = directory.path() + "/a.git";
  make_repository(bare);
  auto opened = open(bare, GitService::UploadPack, 2);
  ASSERT_TRUE(read_until(*opened.reader, "object-info"));
  EXPECT_FALSE(opened.connection->is_stateless());
  for (int round = 0; round < 2; ++round) {
    auto exchange = opened.connection->request(std::nullopt);
    ASSERT_TRUE(exchange);
    ASSERT_TRUE(
        (*exchange)->write(pkt("command=ls-refs\n") + "0001" + pkt("ref-prefix refs/heads/") + "0000"));
    ASSERT_TRUE((*exchange)->finish_request());
    EXPECT_NE(read_until(**exchange, "refs/heads/main").value().find(tip_of(bare)), std::string::npos);
  }
}

TEST(LocalTransport, ExplainsAMissingRepository) {
  for (const auto service : {GitService::UploadPack, GitService::ReceivePack}) {
    auto opened = open("/nonexistent/x.git", service, 0);
    const auto read = read_all(*opened.reader);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::RepositoryMissing);
  }
}

TEST(LocalTransport, ExplainsARepositoryOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  const TemporaryDirectory directory;
  const auto bare = directory.path() + "/a.git";
  make_repository(bare);
  shell("chown -R 12345 '" + bare + "'");
  auto opened = open(bare, GitService::UploadPack, 0);
  const auto read = read_all(*opened.reader);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::AccessDenied);
  EXPECT_NE(read.error().hint.find("owner"), std::string::npos);
}

TEST(LocalTransport, WritingToAChildThatLeftGivesTheReason) {
  LocalTransport transport;
  auto connection = transport.connect(remote_of("/nonexistent/x.git"), GitService::ReceivePack, 0, patient());
  ASSERT_TRUE(connection);
  auto exchange = (*connection)->request(std::nullopt);
  ASSERT_TRUE(exchange);
  Status written;
  while (written) written = (*exchange)->write("x");
  EXPECT_EQ(written.error().code, ErrorCode::RepositoryMissing);
}

TEST(LocalTransport, AReportOfAServiceThatEndedInMidPackCanStillBeRead) {
  const TemporaryDirectory directory;
  const auto bare = directory.path() + "/a.git";
  make_repository(bare);
  shell("git -C '" + bare + "' config receive.unpackLimit 1");
  auto opened = open(bare, GitService::ReceivePack, 0);
  ASSERT_TRUE(read_until(*opened.reader, "0000"));
  auto exchange = opened.connection->request(std::nullopt);
  ASSERT_TRUE(exchange);
  std::string command = std::string(40, '0') + " " + tip_of(bare) + " refs/heads/copy";
  command += '\0';
  command += " report-status";
  auto written = (*exchange)->write(pkt(command) + "0000" + std::string("PACK\0\0\0\2\0\0\0\5", 12));
  const std::string no_object(64 * 1024, '\0');
  while (written) written = (*exchange)->write(no_object);
  EXPECT_EQ(written.error().code, ErrorCode::ConnectionFailed) << written.error().text();
  const auto report = read_all(**exchange);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_NE(report->find("unpack index-pack abnormal exit"), std::string::npos) << *report;
}

/// What a run is told that asks for a repository, where only these directories may be used.
Result<std::string> advertised(const std::string& path, const std::vector<std::string>& directories,
                               GitService service = GitService::UploadPack) {
  LocalTransport transport(LocalDirectories::below(directories).value());
  auto connection = transport.connect(remote_of(path), service, 0, patient());
  if (!connection) return fail(std::move(connection.error()));
  auto reader = (*connection)->advertisement();
  if (!reader) return fail(std::move(reader.error()));
  return read_until(**reader, "0000");
}

TEST(LocalTransport, S08_ServesWhatIsInANamedDirectory) {
  const TemporaryDirectory directory;
  const auto bare = directory.path() + "/in/a.git";
  shell("mkdir -p '" + directory.path() + "/in'");
  make_repository(bare);
  shell("git clone -q '" + bare + "' '" + directory.path() + "/in/checkout' 2>&1");
  shell("cd '" + directory.path() + "' && ln -s in link && ln -s a.git in/b.git");
  const auto in = directory.path() + "/in";
  for (const auto& path :
       {bare, in + "/a", in + "/b.git", in + "/checkout", in + "/checkout/.git", in + "/.//a.git/"}) {
    for (const auto service : {GitService::UploadPack, GitService::ReceivePack}) {
      const auto answer = advertised(path, {"/nowhere", in}, service);
      ASSERT_TRUE(answer) << path << ": " << answer.error().text();
      EXPECT_NE(answer->find(tip_of(bare)), std::string::npos) << path;
    }
  }
  EXPECT_TRUE(advertised(bare, {bare})) << "one repository may be named itself";
  EXPECT_TRUE(advertised(directory.path() + "/link/a.git", {directory.path() + "/link"}))
      << "where a named directory is, is for whoever names it";
}

TEST(LocalTransport, S08_NoLinkLeadsOutOfTheNamedDirectories) {
  const TemporaryDirectory directory;
  const auto root = directory.path();
  shell("mkdir -p '" + root + "/in/checkout' '" + root + "/in/parts' '" + root + "/inside'");
  make_repository(root + "/out.git");
  make_repository(root + "/in/a.git");
  shell("cd '" + root +
        "/in' && ln -s ../out.git linked.git && ln -s .. up && ln -s ../../out.git checkout/.git && " +
        "ln -s /proc/self/root root && cp -a a.git pointing.git && echo 'gitdir: " + root +
        "/out.git' > pointing.git/.git");
  for (const auto& path :
       {root + "/out.git", root + "/in/linked.git", root + "/in/linked", root + "/in/up/out.git",
        root + "/in/checkout", root + "/in/root" + root + "/out.git", root + "/in/pointing.git",
        root + "/inside"}) {
    for (const auto service : {GitService::UploadPack, GitService::ReceivePack}) {
      const auto refused = advertised(path, {root + "/in"}, service);
      ASSERT_FALSE(refused) << path;
      EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused) << path << ": " << refused.error().text();
    }
  }
  EXPECT_FALSE(advertised(root + "/in/a.git", {})) << "an empty list is nowhere";
}

TEST(LocalTransport, S08_InANamedDirectoryAMissingRepositoryIsMissing) {
  const TemporaryDirectory directory;
  shell("mkdir -p '" + directory.path() + "/plain/objects'");
  for (const auto* name : {"/nothing.git", "/plain"}) {
    const auto missing = advertised(directory.path() + name, {directory.path()});
    ASSERT_FALSE(missing) << name;
    EXPECT_EQ(missing.error().code, ErrorCode::RepositoryMissing) << missing.error().text();
  }
}

TEST(ServiceExit, ClassifiesWhatGitSays) {
  struct Case {
    const char* errors;
    ErrorCode code;
  };
  for (const auto& one : {
           Case{"fatal: '/x' does not appear to be a git repository\n", ErrorCode::RepositoryMissing},
           Case{"ERROR: Repository not found.\nfatal: Could not read\n", ErrorCode::RepositoryMissing},
           Case{"error: cannot lock ref: Permission denied\n", ErrorCode::AccessDenied},
           Case{"fatal: detected dubious ownership in repository at '/x'\n", ErrorCode::AccessDenied},
           Case{"", ErrorCode::ConnectionFailed},
           Case{"Segmentation fault\n", ErrorCode::ConnectionFailed},
       }) {
    EXPECT_EQ(explain_service_exit("x", {128, one.errors}).code, one.code) << one.errors;
  }
  EXPECT_EQ(last_line("first\n\x1b[31mlast\n\n"), " [31mlast");
}

}  // namespace
}  // namespace gitferry::test
