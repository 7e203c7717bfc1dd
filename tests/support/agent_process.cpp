#include "tests/support/agent_process.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <json/reader.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"

namespace gitferry::test {
namespace {

constexpr std::string_view kToken = "S3CR3T-management-token-of-the-end-to-end-tests";

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const auto& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// `more_environment`, as `NAME=value`, comes on top of the test's own.
pid_t spawn(const std::vector<std::string>& argv, const std::string& output,
            const std::vector<std::string>& more_environment = {}) {
  const auto arguments = pointers_to(argv);
  auto environment = pointers_to(more_environment);
  environment.pop_back();
  for (char** inherited = environ; *inherited != nullptr; ++inherited) environment.push_back(*inherited);
  environment.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execve(arguments[0], arguments.data(), environment.data());
  ::_exit(127);
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return code_of(status);
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace

Json::Value json_of(const HttpAnswer& answer) {
  Json::Value value;
  std::istringstream text(answer.body);
  std::string errors;
  if (!Json::parseFromStream(Json::CharReaderBuilder(), text, &value, &errors)) return {};
  return value;
}

HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target,
                const std::string& body, const std::map<std::string, std::string>& headers) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", method, target, port);
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  if (method != "GET") request += fmt::format("Content-Length: {}\r\n", body.size());
  request += "\r\n" + body;
  for (std::string_view rest = request; !rest.empty();) {
    const auto sent = ::send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::string answer;
  std::array<char, 16384> buffer{};
  for (ssize_t got = 0; (got = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (!answer.starts_with("HTTP/1.1 ")) return {};
  const auto end = answer.find("\r\n\r\n");
  return {std::atoi(answer.c_str() + 9), end == std::string::npos ? "" : answer.substr(end + 4)};
}

void write_agent_config(const std::filesystem::path& directory, const std::string& yaml,
                        const std::string& server) {
  write_private(directory / "token", kToken);
  const std::string head = fmt::format(
      "version: 1\n"
      "server: {1}\n"
      "storage: {{url: \"sqlite:{0}/data/gitferry.db\"}}\n"
      "auth: {{tokens: [{{name: e2e, role: admin, token_file: {0}/token}}]}}\n",
      directory.string(), server);
  write_private(directory / "gitferry.yaml", head + yaml);
}

AgentProcess::AgentProcess(std::filesystem::path directory, const std::vector<std::string>& more_environment)
    : directory_(std::move(directory)) {
  start(more_environment);
}

AgentProcess::~AgentProcess() {
  if (pid_ > 0) {
    kill(SIGKILL);
    wait();
  }
}

void AgentProcess::start(const std::vector<std::string>& more_environment) {
  std::filesystem::remove(directory_ / "log");
  port_ = 0;
  end_.reset();
  pid_ = spawn({GITFERRY_BINARY, "serve", "--config", (directory_ / "gitferry.yaml").string()},
               (directory_ / "log").string(), more_environment);
}

bool AgentProcess::wait_until_ready() {
  return wait_until_listening() &&
         eventually([&] { return has_ended() || http(port_, "GET", "/readyz").status == 200; }) && !end_;
}

bool AgentProcess::wait_until_listening() {
  const bool ready = eventually([&] {
    if (has_ended()) return true;
    const std::string text = log();
    constexpr std::string_view mark = "\"listen\":\"127.0.0.1:";
    const auto found = text.find(mark);
    if (found == std::string::npos) return false;
    port_ = static_cast<std::uint16_t>(std::atoi(text.c_str() + found + mark.size()));
    return true;
  });
  return ready && !end_;
}

bool AgentProcess::has_ended() {
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    end_ = code_of(status);
  }
  return end_.has_value();
}

void AgentProcess::kill(int signal) const {
  // -1 would be everybody.
  if (pid_ > 0) ::kill(pid_, signal);
}

int AgentProcess::wait() {
  if (!end_) end_ = wait_for(pid_);
  pid_ = -1;
  return *end_;
}

std::string AgentProcess::log() const {
  return content_of(directory_ / "log");
}

HttpAnswer AgentProcess::api(const std::string& method, const std::string& target,
                             const std::string& body) const {
  return http(port_, method, target, body,
              {{"Authorization", "Bearer " + std::string(kToken)},
               {"Content-Type", "application/json"},
               {"Accept-Language", "en"}});
}

CommandResult run_gitferry(const std::vector<std::string>& arguments) {
  const auto output = std::filesystem::temp_directory_path() /
                      fmt::format("gitferry-output-{}-{}", ::getpid(),
                                  std::chrono::steady_clock::now().time_since_epoch().count());
  std::vector<std::string> argv{GITFERRY_BINARY};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  CommandResult result;
  result.exit_code = wait_for(spawn(argv, output.string()));
  result.output = content_of(output);
  std::filesystem::remove(output);
  return result;
}

}  // namespace gitferry::test
