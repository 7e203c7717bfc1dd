#include "agent/git/ssh_address.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "agent/git/ssh_transport.h"
#include "tests/agent/git/ssh_fixture.h"

namespace gitferry::test {
namespace {

class SshAddress : public ::testing::Test {
 protected:
  SshAddress() { make_repository(host.file("a.git")); }
  [[nodiscard]] std::string url(const std::string& name) const { return host.url(host.file("a.git"), name); }
  /// `known` with other names for the host.
  void known_as(const std::string& names) const {
    host.write("known", names + " " + host.content("host.pub"));
  }
  [[nodiscard]] std::string with_port(const std::string& name) const {
    return "[" + name + "]:" + std::to_string(host.port());
  }
  [[nodiscard]] std::size_t connections() const {
    const auto log = host.log();
    std::size_t count = 0;
    for (auto at = log.find("Connection from"); at != std::string::npos;
         at = log.find("Connection from", at + 1))
      ++count;
    return count;
  }
  /// What ssh is called with for the host of that name, as far as the address is concerned.
  [[nodiscard]] Result<std::vector<std::string>> pinned(const std::string& name,
                                                        const std::string& config = "/dev/null") const {
    const auto remote = remote_of(url(name), key_credential(host));
    const SshCall call{ssh_options(remote, patient().limits, config), ssh_destination(remote), "it"};
    auto settings = ask_ssh_settings(call.options, call.destination, call.what, patient());
    if (!settings) return fail(settings.error());
    return checked_address_options(call, *settings, loopback_allowed(), patient());
  }

  const SshHost host;
};

TEST_F(SshAddress, S02_SshConnectsToTheAddressThatWasChecked) {
  known_as(with_port("localhost"));
  const auto options = pinned("localhost");
  ASSERT_TRUE(options) << options.error().text();
  EXPECT_EQ(*options, (std::vector<std::string>{"-o", "HostName=127.0.0.1", "-o", "CheckHostIP=no", "-o",
                                                "HostKeyAlias=" + with_port("localhost")}));
  // A name that means nothing any more, as one whose owner made it mean something else.
  auto argv = *options;
  const auto others = ssh_options(remote_of(url("localhost"), key_credential(host)), {}, "/dev/null");
  argv.insert(argv.begin(), "ssh");
  argv.insert(argv.end(), others.begin(), others.end());
  argv.insert(argv.end(), {"--", SshHost::user() + "@nowhere.invalid", "echo here"});
  const auto said = output_of_command(argv, "ssh", patient(), 100);
  ASSERT_TRUE(said) << said.error().text();
  EXPECT_EQ(*said, "here\n");
}

TEST_F(SshAddress, S01_ANameOfARefusedAddressIsNotConnectedTo) {
  const auto before = connections();
  const SshWorker worker(nullptr, "/dev/null", AddressPolicy{});
  for (const auto* name : {"localhost", "127.0.0.1", "2130706433", "0x7f.1"}) {
    const auto answer = worker.ask(url(name), key_credential(host));
    ASSERT_FALSE(answer) << name;
    EXPECT_EQ(answer.error().code, ErrorCode::AddressRefused) << answer.error().text();
  }
  EXPECT_EQ(connections(), before);
}

TEST_F(SshAddress, KnownHostsAreLookedUpByTheName) {
  const SshWorker worker;
  for (const auto& names : {with_port("localhost"), std::string("localhost"), with_port("local*"),
                            std::string("other,local?ost")}) {
    known_as(names);
    const auto answer = worker.ask(url("localhost"), key_credential(host));
    EXPECT_TRUE(answer) << names << ": " << answer.error().text();
    host.keygen({"-q", "-H", "-f", host.file("known")});
    const auto hashed = worker.ask(url("localhost"), key_credential(host));
    EXPECT_TRUE(hashed) << "hashed " << names << ": " << hashed.error().text();
  }
}

TEST_F(SshAddress, AnEntryOfTheAddressOrOfAnotherKeyIsNotEnough) {
  const SshWorker worker;
  known_as(with_port("127.0.0.1"));
  const auto unknown = worker.ask(url("localhost"), key_credential(host));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::SshKeyRefused);
  // That of the port counts, whatever there is for the name alone.
  host.write("known", with_port("localhost") + " " + host.content("stranger.pub") + "localhost " +
                          host.content("host.pub"));
  const auto changed = worker.ask(url("localhost"), key_credential(host));
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().message.find("has changed"), std::string::npos) << changed.error().text();
}

TEST_F(SshAddress, WhatTheConfigurationSaysOfTheNameStaysInForce) {
  const SshWorker worker;
  const auto alias = host.write("alias", "Host localhost\n  HostKeyAlias the-host\n");
  known_as("the-host");
  const auto by_alias = SshWorker(nullptr, alias).ask(url("localhost"), key_credential(host));
  EXPECT_TRUE(by_alias) << by_alias.error().text();
  EXPECT_EQ(pinned("localhost", alias)->front(), "-o");

  const auto match = host.write("match", "Match host localhost\n  IdentityFile " + host.file("key") + "\n");
  known_as(with_port("localhost"));
  EXPECT_TRUE(pinned("localhost", match)->empty());
  auto without_key = key_credential(host);
  without_key.key_file.clear();
  const auto by_match = SshWorker(nullptr, match).ask(url("localhost"), without_key);
  EXPECT_TRUE(by_match) << by_match.error().text();
  const auto refused = SshWorker(nullptr, match, AddressPolicy{}).ask(url("localhost"), key_credential(host));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused);
}

TEST_F(SshAddress, AnAliasIsCheckedWhereItLeads) {
  const auto config =
      host.write("config", "Host corp\n  HostName 127.0.0.1\n  Port " + std::to_string(host.port()) + "\n");
  const auto address = SshHost::user() + "@corp:" + host.file("a.git");
  const auto answer = SshWorker(nullptr, config).ask(address, key_credential(host));
  EXPECT_TRUE(answer) << answer.error().text();
  const auto refused = SshWorker(nullptr, config, AddressPolicy{}).ask(address, key_credential(host));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused);
}

TEST_F(SshAddress, AJumpHostReachesWhatTheOperatorNames) {
  const SshHost jump;
  jump.write("authorized", jump.content("key.pub"));
  const auto config = host.write(
      "config",
      "Host inner\n  HostName 127.0.0.1\n  Port " + std::to_string(host.port()) +
          "\n  ProxyJump jump\nHost 127.0.0.1\n  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port " +
          std::to_string(jump.port()) + "\n  User " + SshHost::user() + "\n  ProxyJump none\n" +
          "  IdentityFile " + jump.file("key") + "\n  UserKnownHostsFile " + jump.file("known") + "\n");
  const TemporaryDirectory base;
  for (const auto& masters : {std::shared_ptr<SshMasters>(), masters_in(base.path())}) {
    const SshWorker worker(masters, config, AddressPolicy{});
    const auto address = SshHost::user() + "@inner:" + host.file("a.git");
    const auto answer = worker.ask(address, key_credential(host));
    EXPECT_TRUE(answer) << answer.error().text() << jump.log();
    // An address that a client wrote is refused on whatever way.
    const auto refused = worker.ask(url("127.0.0.1"), key_credential(host));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused);
  }
  EXPECT_EQ(jump.handshakes(), 2);
}

TEST_F(SshAddress, HostCertificatesAreForTheName) {
  host.make_key("authority");
  host.keygen(
      {"-q", "-s", host.file("authority"), "-I", "host", "-h", "-n", "localhost", host.file("host.pub")});
  SshHost certified({"ed25519", "ed25519",
                     "HostCertificate " + host.file("host-cert.pub") + "\nHostKey " + host.file("host")});
  // One that has nothing to show but the certified key.
  make_repository(certified.file("a.git"));
  const SshWorker worker;
  const auto address = certified.url(certified.file("a.git"), "localhost");
  const auto credential = [&] {
    auto one = key_credential(certified);
    one.known_hosts_file = host.file("authorities");
    return one;
  }();
  for (const auto* names : {"localhost", "local*", "*"}) {
    host.write("authorities", std::string("@cert-authority ") + names + " " + host.content("authority.pub"));
    const auto answer = worker.ask(address, credential);
    EXPECT_TRUE(answer) << names << ": " << answer.error().text();
  }
  const auto other = worker.ask(certified.url(certified.file("a.git"), "127.0.0.1"), credential);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::SshKeyRefused);
  EXPECT_NE(other.error().message.find("not a listed principal"), std::string::npos) << other.error().text();
}

}  // namespace
}  // namespace gitferry::test
