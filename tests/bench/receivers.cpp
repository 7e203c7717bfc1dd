#include "tests/bench/receivers.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/secret.h"

namespace gitferry::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kDifferentRequests = 1000;
constexpr const char* kSecret = "a-secret-of-the-benchmark-alone";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A push as GitHub announces it, cut down to what every sender has; `number` makes each one different.
std::string push_body(std::uint16_t host, int number) {
  return fmt::format(
      R"({{"ref":"refs/heads/main","before":"{0:040x}","after":"{1:040x}","repository":{{"full_name":"acme/robot",)"
      R"("clone_url":"http://127.0.0.1:{2}/acme/robot.git"}},"pusher":{{"name":"somebody"}},"commits":[)"
      R"({{"id":"{1:040x}","message":"{3:600}","added":["a"],"removed":[],"modified":["b"]}}]}})",
      number + 1, number + 2, host, "what was done");
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

std::uint16_t free_port() {
  const SilentHost taken;  // given back at once
  return taken.port();
}

std::string hook_of(OtherReceiver::Rule rule) {
  const auto signature = fmt::format(R"({{"match":{{"type":"payload-hmac-sha256","secret":"{}","parameter":)"
                                     R"({{"source":"header","name":"X-Hub-Signature-256"}}}}}})",
                                     kSecret);
  const std::string never =
      R"({"match":{"type":"value","value":"no such ref","parameter":{"source":"payload","name":"ref"}}})";
  return fmt::format(R"([{{"id":"robot","execute-command":"/bin/true","trigger-rule":{}}}])",
                     rule == OtherReceiver::Rule::Starts
                         ? signature
                         : fmt::format(R"({{"and":[{},{}]}})", signature, never));
}

std::int64_t number_from(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW)
    give_up(sqlite3_errmsg(database));
  const auto number = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

}  // namespace

void give_up(const std::string& reason) {
  fmt::print(stderr, "could not measure: {}\n", reason);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): whatever else runs is of no use any more
}

UniqueFd connection_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

SilentHost::SilentHost() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_.get(), 64) != 0 ||
      ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    give_up("no port for the silent host");
  port_ = ntohs(address.sin_port);
}

std::string signed_request(const std::string& target, const std::string& body, int number) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
      "X-GitHub-Event: push\r\nX-GitHub-Delivery: {:08x}-0000-4000-8000-000000000000\r\n"
      "X-Hub-Signature-256: sha256={}\r\nContent-Length: {}\r\n\r\n{}",
      target, number, to_hex(hmac_sha256(Secret(kSecret), body)), body.size(), body);
}

std::vector<std::string> requests_to(const std::string& target, std::uint16_t host) {
  std::vector<std::string> requests;
  for (int i = 0; i < kDifferentRequests; ++i)
    requests.push_back(signed_request(target, push_body(host, i), i));
  return requests;
}

Agent::Agent(std::filesystem::path directory, const SilentHost& host) : directory_(std::move(directory)) {
  write_private(directory_ / "hook", kSecret);
  test::write_agent_config(
      directory_,
      fmt::format("sync: {{sync_dir: {0}/spool, reconcile_interval: off}}\n"
                  "network: {{allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}}\n"
                  "repos:\n"
                  "  - name: robot\n"
                  "    internal: http://127.0.0.1:{1}/acme/robot.git\n"
                  "    external: http://127.0.0.1:{1}/mirror/robot.git\n"
                  "    webhook: {{internal: {{provider: github, secret_file: {0}/hook}}}}\n"
                  "    branches: [{{internal: main, external: main}}]\n",
                  directory_.string(), host.port()),
      "{listen: \"127.0.0.1:0\", limits: {connections: 1024, connections_per_address: 1024, "
      "requests: {per_second: 0}, deliveries: {per_second: 0}}}");
  process_ = std::make_unique<test::AgentProcess>(directory_);
  if (!process_->wait_until_ready()) give_up("the agent did not start:\n" + process_->log());
}

Agent::Stored Agent::stored() const {
  sqlite3* database = nullptr;
  const auto path = directory_ / "data" / "gitferry.db";
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_busy_timeout(database, 10'000);
  // Old deliveries go after a while, so they are not counted.
  const Stored stored{number_from(database, "SELECT coalesce(max(id), 0) FROM delivery"),
                      number_from(database, "SELECT coalesce(sum(requested_seq), 0) FROM lane")};
  sqlite3_close(database);
  return stored;
}

void Agent::kill() {
  process_->kill(SIGKILL);
  process_->wait();
}

OtherReceiver::OtherReceiver(const std::filesystem::path& directory, Rule rule) {
  if (::access("/usr/bin/webhook", X_OK) != 0) return;
  const auto number = free_port();
  const auto hooks = (directory / fmt::format("hooks-{}.json", number)).string();
  write_private(hooks, hook_of(rule));
  pid_ = ::fork();
  if (pid_ == 0) {
    ::execl("/usr/bin/webhook", "webhook", "-hooks", hooks.c_str(), "-ip", "127.0.0.1", "-port",
            std::to_string(number).c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  for (int i = 0; i < 500 && !connection_to(number); ++i) std::this_thread::sleep_for(10ms);
  port_ = number;
}

OtherReceiver::~OtherReceiver() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace gitferry::bench
