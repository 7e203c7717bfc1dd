#include "api/tls.h"

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include "agent/base/unique_fd.h"
#include "tests/api/tls_client.h"
#include "tests/api/tls_fixture.h"

namespace gitferry::api {
namespace {

using testing::CertificateFiles;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TlsClient;
using Outcome = Channel::Outcome;

/// Two ends of one connection: the server's never blocks, the client's does.
struct Ends {
  Ends() {
    std::array<int, 2> made{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made.data()), 0);
    server.reset(made[0]);
    client.reset(made[1]);
  }
  UniqueFd server;
  UniqueFd client;
};

/// Calls `step` whenever the descriptor is ready for it, until it wants nothing more.
Outcome until_done(int fd, const std::function<Outcome()>& step) {
  for (;;) {
    const auto outcome = step();
    if (outcome == Outcome::Done || outcome == Outcome::Closed) return outcome;
    pollfd polled{fd, static_cast<short>(outcome == Outcome::WantRead ? POLLIN : POLLOUT), 0};
    if (::poll(&polled, 1, 15'000) <= 0) return Outcome::Closed;
  }
}

class TlsChannelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = files.load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    tls = *loaded;
    channel = tls->channel(ends.server.get());
  }
  Outcome open() {
    return until_done(ends.server.get(), [&] { return channel->open(); });
  }
  /// Until `count` bytes are there.
  std::string read(std::size_t count, std::size_t limit = 16'384) {
    std::string all;
    while (all.size() < count) {
      if (until_done(ends.server.get(), [&] { return channel->read(all, limit); }) == Outcome::Closed) break;
    }
    return all;
  }
  Outcome write(std::string_view bytes) {
    return until_done(ends.server.get(), [&] { return channel->write(bytes); });
  }
  Outcome finish() {
    return until_done(ends.server.get(), [&] { return channel->finish(); });
  }
  /// What open() says after these bytes.
  Outcome after(std::string_view bytes) {
    EXPECT_EQ(::send(ends.client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    return channel->open();
  }

  CertificateFiles files;
  std::shared_ptr<ServerTls> tls;
  Ends ends;
  std::unique_ptr<Channel> channel;
};

TEST_F(TlsChannelTest, CarriesBytesBothWaysAndSaysGoodbye) {
  std::string answer;
  bool was_told_goodbye = false;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(), {.trusted_file = files.certificate});
    if (!tls_client.connect()) return;
    tls_client.send("question");
    answer = tls_client.receive();
    was_told_goodbye = tls_client.was_told_goodbye();
  });
  ASSERT_EQ(open(), Outcome::Done);
  EXPECT_EQ(read(8), "question");
  EXPECT_EQ(write("answer"), Outcome::Done);
  EXPECT_EQ(finish(), Outcome::Done);
  client.join();
  EXPECT_EQ(answer, "answer");
  EXPECT_TRUE(was_told_goodbye);
}

TEST_F(TlsChannelTest, LargeAnswersAreWrittenInPiecesWithoutBlocking) {
  const std::string large(8U << 20, 'x');
  std::string answer;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get());
    if (!tls_client.connect()) return;
    tls_client.send("go");
    answer = tls_client.receive();
  });
  ASSERT_EQ(open(), Outcome::Done);
  ASSERT_EQ(read(2), "go");
  EXPECT_EQ(write(large), Outcome::Done);
  EXPECT_EQ(finish(), Outcome::Done);
  client.join();
  EXPECT_EQ(answer.size(), large.size());
}

TEST_F(TlsChannelTest, AReadTakesNoMoreThanItsLimitAndLosesNothing) {
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get());
    if (tls_client.connect()) tls_client.send(std::string(1000, 'a') + "end");
  });
  ASSERT_EQ(open(), Outcome::Done);
  std::string first;
  ASSERT_EQ(until_done(ends.server.get(), [&] { return channel->read(first, 10); }), Outcome::Done);
  EXPECT_EQ(first.size(), 10U);
  EXPECT_EQ(read(993, 7).substr(990), "end");
}

/// Messages of TLS itself, of which nobody above hears, can be sent without end.
TEST_F(TlsChannelTest, S23_ACallEndsThoughMessagesOfTheProtocolComeWithoutEnd) {
  constexpr int kMessages = 200;  // as many as the socket holds
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(), {.oldest = TLS1_3_VERSION});
    if (!tls_client.connect()) return;
    for (int i = 0; i < kMessages; ++i) {
      SSL_key_update(tls_client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
      if (SSL_do_handshake(tls_client.ssl()) != 1) return;
    }
    tls_client.send("question");
  });
  ASSERT_EQ(open(), Outcome::Done);
  client.join();
  int calls = 0;
  std::string received;
  EXPECT_EQ(until_done(ends.server.get(),
                       [&] {
                         ++calls;
                         return channel->read(received, 100);
                       }),
            Outcome::Done);
  EXPECT_EQ(received, "question") << "nothing is lost by that";
  EXPECT_GE(calls, 5);
}

TEST_F(TlsChannelTest, TheGoodbyeOfTheClientIsTheEndOfReadingButItIsStillAnswered) {
  std::string answer;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get());
    if (!tls_client.connect()) return;
    tls_client.send("question");
    SSL_shutdown(tls_client.ssl());
    answer = tls_client.receive();
  });
  ASSERT_EQ(open(), Outcome::Done);
  EXPECT_EQ(read(9), "question");
  EXPECT_EQ(write("answer"), Outcome::Done);
  EXPECT_EQ(finish(), Outcome::Done);
  client.join();
  EXPECT_EQ(answer, "answer");
}

TEST_F(TlsChannelTest, ABrokenConnectionIsClosed) {
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get());
    tls_client.connect();
    ends.client.reset();
  });
  ASSERT_EQ(open(), Outcome::Done);
  client.join();
  EXPECT_EQ(read(1), "");
  std::string_view more = "too late";
  EXPECT_EQ(channel->write(more), Outcome::Closed);
  EXPECT_EQ(finish(), Outcome::Done);
}

struct ProtocolCase {
  int newest;
  const char* version;  ///< null: no handshake
};
class TlsVersions : public TlsChannelTest, public ::testing::WithParamInterface<ProtocolCase> {};

TEST_P(TlsVersions, AreTwoAndThree) {
  std::string version;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(), {.newest = GetParam().newest, .oldest = TLS1_VERSION});
    if (tls_client.connect()) version = SSL_get_version(tls_client.ssl());
    ends.client.reset();
  });
  const auto outcome = open();
  client.join();
  EXPECT_EQ(outcome, GetParam().version == nullptr ? Outcome::Closed : Outcome::Done);
  EXPECT_EQ(version, GetParam().version == nullptr ? "" : GetParam().version);
}

INSTANTIATE_TEST_SUITE_P(Newest, TlsVersions,
                         ::testing::Values(ProtocolCase{TLS1_VERSION, nullptr},
                                           ProtocolCase{TLS1_1_VERSION, nullptr},
                                           ProtocolCase{TLS1_2_VERSION, "TLSv1.2"},
                                           ProtocolCase{TLS1_3_VERSION, "TLSv1.3"}));

TEST_F(TlsChannelTest, CiphersWithoutAFreshKeyOrAuthenticationAreRefused) {
  bool is_connected = false;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(),
                         {.newest = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256"});
    is_connected = tls_client.connect();
  });
  EXPECT_EQ(open(), Outcome::Closed);
  ends.server.reset();
  client.join();
  EXPECT_FALSE(is_connected);
}

TEST_F(TlsChannelTest, RenegotiationIsRefused) {
  bool is_renegotiated = true;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(), {.newest = TLS1_2_VERSION});
    if (!tls_client.connect()) return;
    SSL_renegotiate(tls_client.ssl());
    is_renegotiated =
        SSL_do_handshake(tls_client.ssl()) == 1 && SSL_renegotiate_pending(tls_client.ssl()) == 0;
    ends.client.reset();
  });
  ASSERT_EQ(open(), Outcome::Done);
  EXPECT_EQ(read(1), "");
  ends.server.reset();
  client.join();
  EXPECT_FALSE(is_renegotiated);
}

struct AlpnCase {
  std::string offered;
  std::string chosen;
};
class TlsAlpn : public TlsChannelTest, public ::testing::WithParamInterface<AlpnCase> {};

TEST_P(TlsAlpn, IsHttp11OrNothing) {
  std::string chosen;
  std::jthread client([&] {
    TlsClient tls_client(ends.client.get(), {.protocols = GetParam().offered});
    tls_client.connect();
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(tls_client.ssl(), &name, &size);
    if (size > 0) chosen.assign(reinterpret_cast<const char*>(name), size);
  });
  EXPECT_EQ(open(), Outcome::Done);
  client.join();
  EXPECT_EQ(chosen, GetParam().chosen);
}

INSTANTIATE_TEST_SUITE_P(Offers, TlsAlpn,
                         ::testing::Values(AlpnCase{"\x02h2\x08http/1.1", "http/1.1"}, AlpnCase{"\x02h2", ""},
                                           AlpnCase{"\x08http/1.0", ""}, AlpnCase{"", ""}));

class TlsGarbage : public TlsChannelTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(TlsGarbage, S23_H29_WhatIsNoHelloEndsTheConnectionAtOnce) {
  EXPECT_EQ(after(GetParam()), Outcome::Closed);
  std::string_view answer = "nobody";
  EXPECT_EQ(channel->write(answer), Outcome::Closed);
  EXPECT_EQ(finish(), Outcome::Done);
}

INSTANTIATE_TEST_SUITE_P(
    Bytes, TlsGarbage,
    ::testing::Values("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "G", std::string("\0", 1), "SSH-2.0-OpenSSH\r\n",
                      std::string("\x80\x2e\x01\x00\x02\x00\x15\x00\x00", 9),  // SSL 2
                      std::string("\x15\x03\x01\x00\x02\x02\x28\x00\x00", 9),  // an alert
                      std::string("\x17\x03\x03\x00\x05\x01\x00\x00\x01", 9),  // data
                      std::string("\x16\x03\x01\x00\x03\x01\x00\x00\x01", 9),  // a record too short
                      std::string("\x16\x03\x01\x02\x00\x02\x00\x01\xfc", 9),  // a server's hello
                      std::string("\x16\x04\x01\x02\x00\x01\x00\x01\xfc", 9),  // no such version
                      std::string("\x16\x03\x01\x40\x00\x01\x00\x40\x01", 9),  // a hello of 16 KiB and a byte
                      std::string("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9)));  // a hello of 16 MiB

TEST_F(TlsChannelTest, S23_HalfAHelloWaitsForMore) {
  EXPECT_EQ(channel->open(), Outcome::WantRead);
  EXPECT_EQ(after(std::string("\x16\x03\x01\x02", 4)), Outcome::WantRead);
  EXPECT_EQ(after(std::string("\x00\x01\x00\x01\xfc", 5)), Outcome::WantRead);
  EXPECT_EQ(after(std::string("\x03\x03", 2)), Outcome::WantRead);
}

TEST_F(TlsChannelTest, AHelloThatComesByteByByteIsAHello) {
  // Through a second pair, so that what the client sends can be cut into single bytes.
  Ends outer;
  std::jthread client([&] {
    TlsClient tls_client(outer.client.get(), {.trusted_file = files.certificate});
    if (tls_client.connect()) tls_client.send("question");
  });
  std::jthread there([&] {
    char byte = 0;
    while (::recv(outer.server.get(), &byte, 1, 0) == 1 &&
           ::send(ends.client.get(), &byte, 1, MSG_NOSIGNAL) == 1) {
    }
  });
  std::jthread back([&] {
    char byte = 0;
    while (::recv(ends.client.get(), &byte, 1, 0) == 1 &&
           ::send(outer.server.get(), &byte, 1, MSG_NOSIGNAL) == 1) {
    }
  });
  EXPECT_EQ(open(), Outcome::Done);
  EXPECT_EQ(read(8), "question");
  ::shutdown(ends.server.get(), SHUT_RDWR);
  ::shutdown(outer.server.get(), SHUT_RDWR);
}

TEST_F(TlsChannelTest, AnErrorOfOneConnectionIsNotSeenByAnother) {
  Ends others;
  const auto other = tls->channel(others.server.get());
  std::jthread client([&] {
    TlsClient tls_client(others.client.get());
    if (!tls_client.connect()) return;
    tls_client.send("question");
    tls_client.receive();
  });
  ASSERT_EQ(until_done(others.server.get(), [&] { return other->open(); }), Outcome::Done);
  EXPECT_EQ(after(std::string("\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff", 13)), Outcome::Closed);
  EXPECT_EQ(ERR_peek_error(), 0UL);
  std::string question;
  EXPECT_EQ(until_done(others.server.get(), [&] { return other->read(question, 100); }), Outcome::Done);
  EXPECT_EQ(question, "question");
  EXPECT_EQ(other->finish(), Outcome::Done);
}

TEST_F(TlsChannelTest, FinishingBeforeTheHandshakeOnlyClosesTheSocket) {
  EXPECT_EQ(finish(), Outcome::Done);
  char byte = 0;
  EXPECT_EQ(::recv(ends.client.get(), &byte, 1, 0), 0);
}

// Files.

TEST_F(TlsChannelTest, AReloadIsForNewConnectionsOpenOnesGoOn) {
  std::string first_answer;
  std::jthread first([&] {
    TlsClient tls_client(ends.client.get());
    if (!tls_client.connect()) return;
    tls_client.send("q");
    first_answer = tls_client.receive();
  });
  ASSERT_EQ(open(), Outcome::Done);
  EXPECT_FALSE(tls->has_changed());
  files.replace(test::make_certificate({.name = "renewed.example"}));
  EXPECT_TRUE(tls->has_changed());
  ASSERT_TRUE(tls->reload());
  EXPECT_FALSE(tls->has_changed());

  Ends others;
  const auto other = tls->channel(others.server.get());
  bool is_renewed = false;
  std::jthread second([&] {
    TlsClient tls_client(others.client.get(), {.trusted_file = files.certificate});
    is_renewed = tls_client.connect();
  });
  EXPECT_EQ(until_done(others.server.get(), [&] { return other->open(); }), Outcome::Done);
  second.join();
  EXPECT_TRUE(is_renewed);

  EXPECT_EQ(read(1), "q");
  EXPECT_EQ(write("still here"), Outcome::Done);
  channel->finish();
  first.join();
  EXPECT_EQ(first_answer, "still here");
}

TEST_F(TlsChannelTest, AReloadOfBadFilesKeepsTheOldCertificate) {
  const auto old = files.directory / "old.pem";
  std::filesystem::copy_file(files.certificate, old);
  test::replace_file(files.certificate, test::make_certificate().certificate, 0644);
  EXPECT_TRUE(tls->has_changed());
  const auto reloaded = tls->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error().text(), HasSubstr("do not belong together"));
  EXPECT_FALSE(tls->has_changed()) << "it is complained of once";

  bool is_old = false;
  std::jthread client([&] { is_old = TlsClient(ends.client.get(), {.trusted_file = old}).connect(); });
  EXPECT_EQ(open(), Outcome::Done);
  client.join();
  EXPECT_TRUE(is_old);
}

TEST_F(TlsChannelTest, AMissingFileIsAChangeAndSoIsItsReturn) {
  std::filesystem::rename(files.key, files.key + ".away");
  EXPECT_TRUE(tls->has_changed());
  EXPECT_FALSE(tls->reload());
  EXPECT_FALSE(tls->has_changed());
  std::filesystem::rename(files.key + ".away", files.key);
  EXPECT_TRUE(tls->has_changed());
  EXPECT_TRUE(tls->reload());
}

class TlsFilesTest : public ::testing::Test {
 protected:
  std::string refusal() {
    const auto loaded = files.load();
    if (loaded) return "loaded";
    EXPECT_EQ(loaded.error().code, ErrorCode::ConfigurationInvalid);
    EXPECT_THAT(loaded.error().text(), Not(HasSubstr("BEGIN")));
    return loaded.error().text();
  }
  CertificateFiles files;
};

TEST_F(TlsFilesTest, S26_GoodOnesAreLoaded) {
  EXPECT_EQ(refusal(), "loaded");
}

TEST_F(TlsFilesTest, S26_MissingFilesAreNamed) {
  std::filesystem::remove(files.key);
  EXPECT_EQ(refusal(), "cannot read the key file '" + files.key + "': No such file or directory");
  std::filesystem::remove(files.certificate);
  EXPECT_EQ(refusal(),
            "cannot read the certificate file '" + files.certificate + "': No such file or directory");
}

TEST_F(TlsFilesTest, S26_WhatIsNoFileIsRefusedAndDoesNotHang) {
  std::filesystem::remove(files.certificate);
  std::filesystem::create_directory(files.certificate);
  EXPECT_THAT(refusal(), HasSubstr("is not a regular file"));
  std::filesystem::remove(files.certificate);
  ASSERT_EQ(::mkfifo(files.certificate.c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("is not a regular file"));
}

TEST_F(TlsFilesTest, S26_WhatIsNotPemIsRefused) {
  test::replace_file(files.certificate, "not a certificate\n");
  EXPECT_THAT(refusal(), HasSubstr("holds no PEM certificate"));
  test::replace_file(files.certificate, "");
  EXPECT_THAT(refusal(), HasSubstr("holds no PEM certificate"));
  test::replace_file(files.certificate, test::make_certificate().key);
  EXPECT_THAT(refusal(), HasSubstr("holds no PEM certificate"));
}

TEST_F(TlsFilesTest, S26_ADamagedCertificateIsRefused) {
  auto pem = test::make_certificate().certificate;
  pem.replace(100, 4, "????");
  test::replace_file(files.certificate, pem);
  EXPECT_THAT(refusal(), HasSubstr("holds a certificate that cannot be read"));
}

TEST_F(TlsFilesTest, S26_AKeyThatIsNoneIsRefused) {
  test::replace_file(files.key, "not a key\n");
  EXPECT_THAT(refusal(), HasSubstr("holds no PEM private key"));
}

TEST_F(TlsFilesTest, S26_AnEncryptedKeyIsRefusedAndNobodyIsAsked) {
  test::replace_file(files.key,
                     "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGr\n-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(refusal(), HasSubstr("is encrypted"));
}

TEST_F(TlsFilesTest, S26_AnothersKeyIsRefused) {
  test::replace_file(files.key, test::make_certificate().key);
  EXPECT_THAT(refusal(), HasSubstr("do not belong together"));
}

TEST_F(TlsFilesTest, S34_AKeyThatOthersMayReadIsRefused) {
  for (const auto mode : {0640, 0604, 0644, 0620}) {
    ASSERT_EQ(::chmod(files.key.c_str(), static_cast<mode_t>(mode)), 0);
    EXPECT_THAT(refusal(), HasSubstr("can be read by others; chmod 600")) << mode;
  }
}

TEST_F(TlsFilesTest, S26_AFileOverTheLimitIsRefused) {
  test::replace_file(files.certificate, std::string((1U << 20) + 1, '\n'));
  EXPECT_THAT(refusal(), HasSubstr("is larger than 1 MiB"));
}

TEST_F(TlsFilesTest, S26_AChainOverTheLimitIsRefused) {
  const auto own = test::make_certificate();
  std::string chain = own.certificate;
  for (int i = 0; i < 15; ++i) chain += own.certificate;
  files.replace({chain, own.key});
  EXPECT_EQ(refusal(), "loaded");
  files.replace({chain + own.certificate, own.key});
  EXPECT_THAT(refusal(), HasSubstr("holds more than 16 certificates"));
}

TEST_F(TlsFilesTest, S26_TheOwnCertificateMustComeFirst) {
  const auto own = test::make_certificate();
  const auto issuer = test::make_certificate({.name = "issuer.example"});
  files.replace({issuer.certificate + own.certificate, own.key});
  EXPECT_THAT(refusal(), HasSubstr("the first certificate must be the server's own"));
  files.replace({own.certificate + issuer.certificate, own.key});
  EXPECT_EQ(refusal(), "loaded");
}

TEST_F(TlsFilesTest, S26_AnExpiredCertificateIsServedWithAWarning) {
  using namespace std::chrono_literals;
  files.replace(test::make_certificate({.valid_from = -48h, .valid_to = -24h}));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(refusal(), "loaded");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("the certificate has expired"));
  files.replace(test::make_certificate({.valid_from = 24h, .valid_to = 48h}));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(refusal(), "loaded");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("the certificate is not valid yet"));
}

}  // namespace
}  // namespace gitferry::api
