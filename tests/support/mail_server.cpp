#include "tests/support/mail_server.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/certificate.h"

namespace gitferry::test {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

MailServer::MailServer(Mode mode) {
  std::vector<std::string> words{GITFERRY_MAIL_SERVER, directory_ / "mails", "plain"};
  std::filesystem::create_directory(directory_ / "mails");
  if (mode != Mode::Plain) {
    CertificateRequest request;
    request.name = "localhost";
    const auto pems = make_certificate(request);
    replace_file(certificate_file(), pems.certificate);
    replace_file(directory_ / "key.pem", pems.key);
    words.back() = mode == Mode::StartTls ? "starttls" : "tls";
    words.insert(words.end(), {certificate_file(), directory_ / "key.pem", kUser, kPassword});
  }
  script_ = std::make_unique<ServerScript>(words);
  port_ = static_cast<std::uint16_t>(std::atoi(script_->line().c_str()));
  if (port_ == 0) std::abort();
}

std::vector<KeptMail> MailServer::kept() const {
  std::vector<KeptMail> mails;
  for (int number = 0;; ++number) {
    const auto name = directory_ / ("mails/" + std::to_string(number));
    if (!std::filesystem::exists(name + ".eml")) return mails;
    mails.push_back({content_of(name + ".eml"), content_of(name + ".json")});
  }
}

}  // namespace gitferry::test
