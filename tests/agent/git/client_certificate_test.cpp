#include <string>

#include <gtest/gtest.h>

#include "agent/git/http_transport.h"
#include "tests/agent/git/proxy_host.h"
#include "tests/support/git_host.h"

namespace gitferry::test {
namespace {

/// An authority with a certificate for a host at 127.0.0.1 and one for a client, all made for this test.
struct Authority {
  TemporaryDirectory directory;

  Authority() {
    shell("cd '" + directory.path() + R"(' && set -e
      new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
      $new -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem 2>/dev/null
      for who in host client; do
        $new -subj /CN=$who -keyout $who.key -out $who.csr 2>/dev/null
        printf 'subjectAltName=IP:127.0.0.1\n' >$who.ext
        openssl x509 -req -days 2 -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $who.ext -out $who.pem 2>/dev/null
      done
      chmod 600 *.key)");
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory.path() + "/" + name; }
  [[nodiscard]] GitHostOptions host(bool demands_certificate) const {
    GitHostOptions options;
    options.certificate_file = file("host.pem");
    options.key_file = file("host.key");
    if (demands_certificate) options.client_ca_file = file("ca.pem");
    return options;
  }
  [[nodiscard]] Credential client() const {
    Credential credential;
    credential.client_certificate_file = file("client.pem");
    credential.client_key_file = file("client.key");
    return credential;
  }
};

const Authority& ours() {
  static const Authority authority;
  return authority;
}
const Authority& foreign() {
  static const Authority authority;
  return authority;
}
GitHost& demanding() {
  static GitHost shared(ours().host(true));
  return shared;
}

Result<std::string> advertised(const HttpOptions& options, const std::string& url,
                               const std::optional<Credential>& credential) {
  HttpTransport transport(options);
  auto connection = transport.connect(remote_of(url, credential), GitService::UploadPack, 2, patient());
  if (!connection) return fail(connection.error());
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_all(**reader);
}

Result<std::string> asked(const std::optional<Credential>& credential) {
  return advertised({loopback_allowed(), ours().file("ca.pem")}, demanding().url("a"), credential);
}

void expect_refused(const Result<std::string>& read, const std::string& reason) {
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::AuthenticationFailed) << read.error().text();
  EXPECT_NE(read.error().text().find(reason), std::string::npos) << read.error().text();
  EXPECT_FALSE(read.error().hint.empty());
}

TEST(ClientCertificate, OpensAHostThatDemandsOne) {
  make_repository(demanding().path("a"));
  const auto read = asked(ours().client());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->starts_with("000eversion 2\n"));
}

TEST(ClientCertificate, AMissingOrForeignOneIsTold) {
  expect_refused(asked(std::nullopt), "demands a client certificate");
  expect_refused(asked(password("bot", "S3CR3T")), "demands a client certificate");
  expect_refused(asked(foreign().client()), "refused the client certificate");
}

TEST(ClientCertificate, OneWithAnotherKeyOrAPassphraseIsToldAndAsksNobody) {
  auto credential = ours().client();
  credential.client_key_file = foreign().file("client.key");
  expect_refused(asked(credential), "the client certificate or its key could not be used");
  credential.client_key_file = ours().file("locked.key");
  shell("openssl ec -aes128 -passout pass:locked -in '" + ours().file("client.key") + "' -out '" +
        credential.client_key_file + "' 2>/dev/null");
  expect_refused(asked(credential), "the client certificate or its key could not be used");
}

TEST(Https, S26_ThroughAProxyCertificatesAreCheckedAsWithoutOne) {
  make_repository(demanding().path("a"));
  for (const auto kind : {ProxyHost::Kind::Http, ProxyHost::Kind::Socks}) {
    const ProxyHost proxy(kind);
    HttpOptions options{loopback_allowed(), ours().file("ca.pem"),
                        HttpProxy::from({proxy.url(), "", {}, {}}).value()};
    const auto read = advertised(options, demanding().url("a"), ours().client());
    EXPECT_TRUE(read) << read.error().text();
    expect_refused(advertised(options, demanding().url("a"), std::nullopt), "demands a client certificate");
    options.ca_file = foreign().file("ca.pem");
    const auto untrusted = advertised(options, demanding().url("a"), ours().client());
    ASSERT_FALSE(untrusted);
    EXPECT_EQ(untrusted.error().code, ErrorCode::TlsFailed);
    EXPECT_NE(untrusted.error().text().find("the host's certificate was refused"), std::string::npos)
        << untrusted.error().text();
  }
}

TEST(Https, S26_AnUntrustedProxyIsToldFromTheHost) {
  // It speaks TLS with a certificate that the system does not know; nothing is asked of it.
  const GitHost proxy(ours().host(false));
  const auto url = proxy.base_url().substr(0, proxy.base_url().rfind('/'));
  const auto read = advertised({{}, {}, HttpProxy::from({url, "", {}, {}}).value()},
                               "https://git.example.com/x", std::nullopt);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::TlsFailed);
  EXPECT_NE(read.error().text().find("the proxy's certificate was refused"), std::string::npos)
      << read.error().text();
}

TEST(Https, TheCaFileIsBesidesTheSystemsAuthorities) {
  // ca_file replaces libcurl's bundle only: its directory of the system's authorities stays in force.
  const CurlEasy easy(::curl_easy_init());
  const char* directory = nullptr;
  ASSERT_EQ(::curl_easy_getinfo(easy.get(), CURLINFO_CAPATH, &directory), CURLE_OK);
  ASSERT_NE(directory, nullptr);
  EXPECT_TRUE(std::filesystem::is_directory(directory)) << directory;
}

}  // namespace
}  // namespace gitferry::test
