#include "tests/support/child_watch.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"

namespace gitferry::test {
namespace {

namespace fs = std::filesystem;

/// What could be read: a process may end meanwhile.
std::string content_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 16384> some{};
  for (ssize_t count = 0; (count = ::read(file.get(), some.data(), some.size())) > 0;) {
    content.append(some.data(), static_cast<std::size_t>(count));
  }
  return content;
}

std::string program_of(pid_t process) {
  std::error_code ignored;
  return fs::read_symlink("/proc/" + std::to_string(process) + "/exe", ignored).string();
}

pid_t parent_of(pid_t process) {
  const auto stat = content_of("/proc/" + std::to_string(process) + "/stat");
  const auto name_end = stat.rfind(')');
  return name_end == std::string::npos ? 0 : std::atoi(stat.c_str() + name_end + 4);
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> processes;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    if (const int number = std::atoi(entry.path().filename().c_str()); number > 0)
      processes.push_back(number);
  }
  return processes;
}

std::set<pid_t> descendants_of(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  for (const auto process : all_processes()) children.emplace(parent_of(process), process);
  std::set<pid_t> found;
  std::vector<pid_t> next{ancestor};
  while (!next.empty()) {
    const auto [first, last] = children.equal_range(next.back());
    next.pop_back();
    for (auto child = first; child != last; ++child) {
      if (found.insert(child->second).second) next.push_back(child->second);
    }
  }
  return found;
}

}  // namespace

ChildWatch::ChildWatch(pid_t parent)
    : parent_(parent), own_program_(program_of(parent)), thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          look();
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
      }) {}

void ChildWatch::look() {
  for (const auto process : descendants_of(parent_)) {
    // Before it has become the other program, a child shows what its parent has.
    const auto program = program_of(process);
    if (program.empty() || program == own_program_) continue;
    const auto directory = "/proc/" + std::to_string(process);
    auto shown = content_of(directory + "/cmdline") + "\n" + content_of(directory + "/environ") + "\n";
    const std::lock_guard lock(mutex_);
    if (auto& all = seen_[program]; all.find(shown) == std::string::npos) all += shown;
  }
}

std::map<std::string, std::string> ChildWatch::seen() {
  const std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace gitferry::test
