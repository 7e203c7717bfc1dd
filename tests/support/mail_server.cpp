#include "tests/support/mail_server.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/certificate.h"

namespace gitferry::test {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
};

std::string line_of(int fd) {
  std::string line;
  char byte = 0;
  while (::read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
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
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Pipe input;
  Pipe output;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) std::abort();
  ::posix_spawn_file_actions_destroy(&actions);
  output.write = UniqueFd();
  input_ = std::move(input.write);
  port_ = static_cast<std::uint16_t>(std::atoi(line_of(output.read.get()).c_str()));
  if (port_ == 0) std::abort();
}

MailServer::~MailServer() {
  input_ = UniqueFd();
  ::waitpid(pid_, nullptr, 0);
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
