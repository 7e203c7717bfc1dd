#include "tests/support/reverse_proxy.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/agent_process.h"

namespace gitferry::test {
namespace {

constexpr const char* kConfiguration = R"({user}
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  keepalive_timeout 0;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /proxy-is-ready {{ return 204; }}
    location / {{
      proxy_pass http://127.0.0.1:{server};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
)";

}  // namespace

ReverseProxy::ReverseProxy(std::uint16_t server_port) {
  std::random_device random;
  // Below the range that the kernel takes ports for outgoing connections from.
  std::uniform_int_distribution<int> ports(20'000, 31'999);
  for (int tries = 0; tries < 20 && port_ == 0; ++tries) {
    const auto port = static_cast<std::uint16_t>(ports(random));
    if (start(port, server_port)) port_ = port;
  }
}

ReverseProxy::~ReverseProxy() {
  stop();
}

bool ReverseProxy::start(std::uint16_t port, std::uint16_t server_port) {
  const auto root = directory_.path().string();
  const auto configuration = root + "/nginx.conf";
  std::ofstream(configuration) << fmt::format(kConfiguration, fmt::arg("dir", root), fmt::arg("port", port),
                                              fmt::arg("server", server_port),
                                              fmt::arg("user", ::getuid() == 0 ? "user root;" : ""));
  const auto errors = root + "/error.log";
  pid_ = ::fork();
  if (pid_ == 0) {
    const int log = ::open((root + "/output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execlp("nginx", "nginx", "-p", root.c_str(), "-c", configuration.c_str(), "-e", errors.c_str(),
             nullptr);
    ::_exit(127);
  }
  bool has_ended = false;
  const bool is_up = eventually([&] {
    has_ended = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
    return has_ended || http(port, "GET", "/proxy-is-ready").status == 204;
  });
  if (has_ended) pid_ = -1;
  if (!is_up) stop();
  return is_up && !has_ended;
}

void ReverseProxy::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace gitferry::test
