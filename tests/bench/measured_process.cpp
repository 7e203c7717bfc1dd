#include "tests/bench/measured_process.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gitferry::bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu(const rusage& usage) {
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double status_mib(const std::string& key, const std::string& process = "self") {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

struct Pipe {
  std::array<int, 2> fds{-1, -1};
  Pipe() {
    if (::pipe(fds.data()) != 0) std::abort();
  }
};

Cost run_with_pipes(const std::vector<std::string>& argv, std::string_view input, std::string* output) {
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Pipe in;
  Pipe out;
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in.fds[0], STDIN_FILENO);
    if (output != nullptr) ::dup2(out.fds[1], STDOUT_FILENO);
    for (const int fd : {in.fds[0], in.fds[1], out.fds[0], out.fds[1]}) ::close(fd);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in.fds[0]);
  ::close(out.fds[1]);
  while (!input.empty()) {
    const auto written = ::write(in.fds[1], input.data(), input.size());
    if (written <= 0) break;
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(in.fds[1]);
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; output != nullptr && (got = ::read(out.fds[0], buffer.data(), buffer.size())) > 0;) {
    output->append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(out.fds[0]);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fmt::print(stderr, "failed ({}): {}\n", status, fmt::join(argv, " "));
    std::exit(1);
  }
  return {wall.count(), cpu(usage)};
}

}  // namespace

Cost run(const std::vector<std::string>& argv, std::string_view input) {
  return run_with_pipes(argv, input, nullptr);
}

std::string output_of(const std::vector<std::string>& argv) {
  std::string output;
  run_with_pipes(argv, {}, &output);
  while (output.ends_with('\n')) output.pop_back();
  return output;
}

double own_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return cpu(usage);
}

double ended_children_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return cpu(usage);
}

double cpu_s(pid_t process) {
  // proc(5): after the name in brackets, which may hold anything, words 12 to 15 are utime, stime, cutime and
  // cstime.
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream words(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  double ticks = 0;
  for (int i = 0; i < 4; ++i) {
    double of_one = 0;
    words >> of_one;
    ticks += of_one;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double running_children_cpu_s() {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) sum += cpu_s(child);
  }
  return sum;
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

double peak_memory_mib() {
  return status_mib("VmHWM");
}

double resident_memory_mib() {
  return status_mib("VmRSS");
}

void reset_peak_memory(pid_t process) {
  std::ofstream("/proc/" + std::to_string(process) + "/clear_refs") << "5";
}

double peak_memory_mib(pid_t process) {
  return status_mib("VmHWM", std::to_string(process));
}

double resident_memory_mib(pid_t process) {
  return status_mib("VmRSS", std::to_string(process));
}

}  // namespace gitferry::bench
