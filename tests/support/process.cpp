#include "tests/support/process.h"

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace gitferry::test {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

File temporary_file(const std::string& content = {}) {
  File file(std::tmpfile());
  if (!file || std::fwrite(content.data(), 1, content.size(), file.get()) != content.size()) {
    throw std::runtime_error("cannot write a temporary file");
  }
  std::rewind(file.get());
  return file;
}

std::string content_of(std::FILE* file) {
  std::string content;
  std::array<char, 65536> buffer{};
  std::rewind(file);
  while (const auto count = std::fread(buffer.data(), 1, buffer.size(), file))
    content.append(buffer.data(), count);
  return content;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

ProcessOutcome run_process(const ProcessRequest& request) {
  const auto input = temporary_file(request.input);
  const auto output = temporary_file();
  const auto errors = temporary_file();
  const auto argv = pointers(request.argv);
  const auto environment = pointers(request.environment);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    if (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0) ::_exit(126);
    ::dup2(::fileno(input.get()), STDIN_FILENO);
    ::dup2(::fileno(output.get()), STDOUT_FILENO);
    ::dup2(::fileno(errors.get()), STDERR_FILENO);
    ::execvpe(argv[0], argv.data(), environment.data());
    ::_exit(127);
  }
  int state = 0;
  if (::waitpid(child, &state, 0) != child) throw std::runtime_error("waitpid failed");
  const int status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return {status, content_of(output.get()), content_of(errors.get())};
}

}  // namespace gitferry::test
