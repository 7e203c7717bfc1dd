#include "tests/support/server_script.h"

#include <array>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gitferry::test {
namespace {

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

}  // namespace

ServerScript::ServerScript(std::vector<std::string> argv) {
  std::vector<char*> words;
  for (auto& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  Pipe input;
  Pipe output;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  if (::posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ) != 0) std::abort();
  ::posix_spawn_file_actions_destroy(&actions);
  input_ = std::move(input.write);
  output_ = std::move(output.read);
}

ServerScript::~ServerScript() {
  input_ = UniqueFd();
  ::waitpid(pid_, nullptr, 0);
}

std::string ServerScript::line() {
  std::string line;
  char byte = 0;
  while (::read(output_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

void ServerScript::tell(std::string_view word) {
  if (::write(input_.get(), word.data(), word.size()) != static_cast<ssize_t>(word.size())) std::abort();
}

}  // namespace gitferry::test
