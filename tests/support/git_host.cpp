#include "tests/support/git_host.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace gitferry::test {
namespace {

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// stdout of a command that must succeed.
std::string run(const std::string& command) {
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) std::abort();
  std::array<char, 4096> chunk{};
  while (const auto count = std::fread(chunk.data(), 1, chunk.size(), pipe)) out.append(chunk.data(), count);
  if (::pclose(pipe) != 0) {
    std::cerr << "failed: " << command << "\n" << out << "\n";
    std::abort();
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

GitHost::GitHost(const GitHostOptions& options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "git-host-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  root_ = pattern;
  std::string command = shell_word(GITFERRY_GIT_HOST) + " start --root " + shell_word(root_);
  if (!options.user.empty()) {
    command += " --user " + shell_word(options.user) + " --password " + shell_word(options.password);
  }
  if (!options.speaks_v2) command += " --protocol v0";
  if (options.read_only) command += " --read-only";
  if (!options.takes_chunked) command += " --no-chunked";
  if (!options.certificate_file.empty()) {
    command +=
        " --certificate " + shell_word(options.certificate_file) + " --key " + shell_word(options.key_file);
  }
  if (!options.client_ca_file.empty()) command += " --client-ca " + shell_word(options.client_ca_file);
  if (!options.send_timeout.empty()) command += " --send-timeout " + options.send_timeout;
  if (options.listens_on_ipv6) command += " --ipv6";
  base_url_ = run(command);
}

GitHost::~GitHost() {
  run(shell_word(GITFERRY_GIT_HOST) + " stop --root " + shell_word(root_));
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string GitHost::create(const std::string& name) const {
  run("git init --quiet --bare " + shell_word(path(name)));
  return path(name);
}

std::vector<std::string> GitHost::access_log() const {
  std::vector<std::string> lines;
  std::ifstream file(root_ + "/log/access.log");
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace gitferry::test
