#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/git/child_process.h"
#include "agent/git/http_transport.h"
#include "agent/git/web_client.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/git_host.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

const std::string kAdvertisement = pkt("version 2\n") + "0000";

/// `openssl s_server` with a certificate that nobody signed but itself, for one name or address.
class TlsHost {
 public:
  explicit TlsHost(const std::string& subject_name, const std::string& options = {}) {
    const auto pages = directory_.path() + "/x.git/info";
    std::filesystem::create_directories(pages);
    std::ofstream(pages + "/refs?service=git-upload-pack") << http_answer(
        "200 OK", "Content-Type: application/x-git-upload-pack-advertisement\r\n", kAdvertisement);
    shell(
        "cd '" + directory_.path() +
        "' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
        "-addext 'subjectAltName=" +
        subject_name + "' -keyout key.pem -out cert.pem 2>/dev/null");
    start(options);
  }
  [[nodiscard]] std::string url(const std::string& host = "127.0.0.1") const {
    return "https://" + host + ":" + port_ + "/x.git";
  }
  [[nodiscard]] std::string certificate() const { return directory_.path() + "/cert.pem"; }

 private:
  class Output final : public ByteReader {
   public:
    explicit Output(ChildProcess& child) : child_(child) {}
    Result<std::size_t> read(std::span<char> out) override { return child_.read(out); }

   private:
    ChildProcess& child_;
  };

  void start(const std::string& options) {
    // In the mode -HTTP it serves files of its working directory that hold whole answers.
    auto child = ChildProcess::start(
        {{"sh", "-c",
          "cd \"$1\" && exec openssl s_server -accept 0 -HTTP -cert cert.pem -key key.pem " + options, "sh",
          directory_.path()},
         basic_child_environment(),
         "the TLS host"},
        patient());
    ASSERT_TRUE(child);
    child_ = std::move(*child);
    Output output(*child_);
    const auto said = read_until(output, "ACCEPT ");
    ASSERT_TRUE(said) << said.error().text();
    auto line = said->substr(said->find("ACCEPT "));
    if (line.find('\n') == std::string::npos) line += read_until(output, "\n").value_or("");
    port_ = line.substr(line.rfind(':') + 1);
    port_ = port_.substr(0, port_.find('\n'));
  }

  TemporaryDirectory directory_;
  std::string port_;
  std::unique_ptr<ChildProcess> child_;
};

Result<std::string> advertised(const std::string& url, const std::string& ca_file) {
  HttpTransport transport({loopback_allowed(), ca_file});
  auto connection = transport.connect(remote_of(url, password("bot", "S3CR3T-canary")),
                                      GitService::UploadPack, 2, patient());
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_all(**reader);
}

void expect_tls_failure(const Result<std::string>& read, const std::string& reason) {
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::TlsFailed) << read.error().text();
  EXPECT_NE(read.error().text().find(reason), std::string::npos) << read.error().text();
  EXPECT_FALSE(read.error().hint.empty());
  EXPECT_EQ(read.error().text().find("S3CR3T"), std::string::npos);
}

TEST(Https, S26_ACertificateOfAnUnknownAuthorityIsRefusedUnlessTheCaFileHoldsIt) {
  const TlsHost host("IP:127.0.0.1");
  expect_tls_failure(advertised(host.url(), ""), "self-signed certificate");
  const auto read = advertised(host.url(), host.certificate());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, kAdvertisement);
}

TEST(Https, S26_ACertificateForAnotherNameOrAddressIsRefused) {
  for (const auto* subject : {"DNS:git.example.com", "IP:127.0.0.2"}) {
    const TlsHost host(subject);
    expect_tls_failure(advertised(host.url(), host.certificate()), "not for this host's name");
  }
}

TEST(Https, S26_ACertificateOfAnotherAuthorityIsRefused) {
  const TlsHost host("IP:127.0.0.1");
  const TlsHost other("IP:127.0.0.1");
  expect_tls_failure(advertised(host.url(), other.certificate()), "certificate");
}

TEST(Https, ACertificateThatIsDemandedInTheHandshakeIsTold) {
  const TlsHost host("IP:127.0.0.1", "-tls1_3 -Verify 1 -verify_return_error");
  const auto read = advertised(host.url(), host.certificate());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::AuthenticationFailed) << read.error().text();
  EXPECT_NE(read.error().text().find("demands a client certificate"), std::string::npos)
      << read.error().text();
}

TEST(Https, ACaFileThatCannotBeReadIsNamed) {
  const TlsHost host("IP:127.0.0.1");
  expect_tls_failure(advertised(host.url(), "/nonexistent/ca.pem"), "ca_file");
}

TEST(Https, S26_WebApisAreAskedUnderTheSameRules) {
  const auto asked = [](const std::string& url, const std::string& ca_file) -> Result<std::string> {
    WebClient web({loopback_allowed(), ca_file}, {});
    WebRequest request{
        .what = "ask the web API", .method = "GET", .url = url + "/info/refs?service=git-upload-pack"};
    request.secret_header = Secret("Authorization: Bearer S3CR3T-canary");
    auto reply = web.send(request);
    if (!reply) return fail(reply.error());
    return reply->body;
  };
  const TlsHost host("IP:127.0.0.1");
  const TlsHost other("IP:127.0.0.2");
  EXPECT_EQ(asked(host.url(), host.certificate()), kAdvertisement);
  expect_tls_failure(asked(host.url(), ""), "self-signed certificate");
  expect_tls_failure(asked(host.url(), other.certificate()), "certificate");
  expect_tls_failure(asked(other.url(), other.certificate()), "not for this host's name");
}

TEST(Https, APortThatSpeaksPlainHttpIsToldSo) {
  const GitHost plain;
  const auto address = plain.url("x").substr(std::string("http").size());
  expect_tls_failure(advertised("https" + address, ""), "check what the host's port speaks");
}

}  // namespace
}  // namespace gitferry::test
