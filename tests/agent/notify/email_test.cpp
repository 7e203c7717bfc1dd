#include "agent/notify/email.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/notify/outgoing.h"
#include "agent/notify/sender.h"
#include "tests/agent/notify/notice_fixture.h"
#include "tests/support/certificate.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mail_server.h"

namespace gitferry {
namespace {

using test::MailServer;
using ::testing::HasSubstr;
using ::testing::Not;

/// A channel to a mail server, with the password in a file.
class Email : public ::testing::Test {
 protected:
  Channel to(const MailServer& server, MailRoute::Security security) {
    auto channel = channel_of(ChannelKind::Email);
    auto& mail = channel.mail;
    mail.host = "localhost";
    mail.port = server.port();
    mail.security = security;
    mail.from = "gitferry@example.org";
    mail.to = {"ops@example.org", "night@example.org"};
    if (security == MailRoute::Security::Plain) return channel;
    mail.username = MailServer::kUser;
    mail.password.file = directory_ / "password";
    test::replace_file(mail.password.file, std::string(MailServer::kPassword) + "\n");
    return channel;
  }
  Status send(const Channel& channel, const std::string& ca_file) {
    OutgoingOptions options;
    options.http.addresses = *AddressPolicy::from({"127.0.0.0/8", "::1/128"});
    options.http.ca_file = ca_file;
    return Sender(options, "https://sync.example/", clock_)
        .send(channel, message_of({failed_notice("发布")}), std::stop_token());
  }

  test::TemporaryDirectory directory_;
  FakeClock clock_;
};

/// The decoded body of a mail.
std::string body_of(const std::string& mail) {
  std::string encoded = mail.substr(mail.find("\r\n\r\n") + 4);
  std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
  return from_base64(encoded).value_or("no base64");
}

TEST_F(Email, GoesThroughStartTlsWithALogin) {
  const MailServer server(MailServer::Mode::StartTls);
  const auto sent = send(to(server, MailRoute::Security::StartTls), server.certificate_file());
  ASSERT_TRUE(sent) << sent.error().text();
  const auto kept = server.kept();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_THAT(kept[0].came_by, HasSubstr(R"("tls": true)"));
  EXPECT_THAT(kept[0].came_by, HasSubstr(R"("login": "mailer")"));
  EXPECT_THAT(kept[0].came_by, HasSubstr(R"("to": ["ops@example.org", "night@example.org"])"));
  EXPECT_THAT(kept[0].mail, HasSubstr("Message-ID: <msg_0123456789abcdef@example.org>\r\n"));
  EXPECT_THAT(kept[0].mail, HasSubstr("Subject: =?UTF-8?B?"));
  EXPECT_THAT(body_of(kept[0].mail), HasSubstr("robot 发布: not synced"));
  EXPECT_THAT(body_of(kept[0].mail), HasSubstr("https://sync.example/?search=%E5%8F%91%E5%B8%83"));
}

TEST_F(Email, GoesThroughTls) {
  const MailServer server(MailServer::Mode::Tls);
  const auto sent = send(to(server, MailRoute::Security::Tls), server.certificate_file());
  ASSERT_TRUE(sent) << sent.error().text();
  ASSERT_EQ(server.kept().size(), 1U);
  EXPECT_THAT(server.kept()[0].came_by, HasSubstr(R"("tls": true)"));
}

TEST_F(Email, GoesPlainWhereItIsToldTo) {
  const MailServer server(MailServer::Mode::Plain);
  const auto sent = send(to(server, MailRoute::Security::Plain), "");
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(server.kept().size(), 1U);
}

TEST_F(Email, IsNotSentUnencryptedToAServerWithoutStartTls) {
  const MailServer server(MailServer::Mode::Plain);
  const auto sent = send(to(server, MailRoute::Security::StartTls), server.certificate_file());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::TlsFailed) << sent.error().text();
  EXPECT_TRUE(server.kept().empty());
}

TEST_F(Email, IsNotSentToAServerWithAnUnknownCertificate) {
  const MailServer server(MailServer::Mode::StartTls);
  const auto sent = send(to(server, MailRoute::Security::StartTls), "");
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::TlsFailed) << sent.error().text();
}

TEST_F(Email, SaysThatALoginWasRefusedAndNotWithWhat) {
  const MailServer server(MailServer::Mode::StartTls);
  auto channel = to(server, MailRoute::Security::StartTls);
  test::replace_file(channel.mail.password.file, "S3CR3T-wrong");
  const auto sent = send(channel, server.certificate_file());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::AuthenticationFailed) << sent.error().text();
  EXPECT_THAT(sent.error().text(), Not(HasSubstr("S3CR3T")));
  EXPECT_TRUE(server.kept().empty());
}

TEST(Mail, HasLinesThatMailServersTake) {
  MailRoute route;
  route.from = "gitferry@example.org";
  route.to = {"ops@example.org"};
  const auto mail =
      mail_of({std::string(300, 'T') + "发布", std::string(9'000, 'x')}, route, "msg_1", 1'790'000'000);
  EXPECT_THAT(mail, HasSubstr("Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"));
  std::size_t begin = 0;
  for (auto end = mail.find("\r\n"); end != std::string::npos; end = mail.find("\r\n", begin)) {
    EXPECT_LE(end - begin, 78U) << mail.substr(begin, end - begin);
    begin = end + 2;
  }
  EXPECT_EQ(begin, mail.size());
}

}  // namespace
}  // namespace gitferry
