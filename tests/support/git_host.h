#pragma once

#include <string>
#include <vector>

namespace gitferry::test {

struct GitHostOptions {
  std::string user = {};  ///< empty: no authentication
  std::string password = {};
  bool speaks_v2 = true;
  bool read_only = false;
  bool takes_chunked = true;
  std::string certificate_file = {};  ///< PEM; empty: plain http
  std::string key_file = {};
  std::string client_ca_file = {};  ///< a client certificate of it is demanded; empty: none
  std::string send_timeout = {};    ///< nginx's, of clients that take nothing; empty: its minute
  bool listens_on_ipv6 = false;     ///< on [::1], too, at the same port
};

/// A running git host (nginx, fcgiwrap, `git http-backend`) in a temporary directory, by
/// tests/support/git-host.
///
/// Owns: the processes and the directory; both are gone after the destructor. Aborts the program when the
/// host does not start: no test could say anything then.
class GitHost {
 public:
  explicit GitHost(const GitHostOptions& options = {});
  GitHost(const GitHost&) = delete;
  GitHost& operator=(const GitHost&) = delete;
  ~GitHost();

  /// The address of `name`.git, without user info.
  [[nodiscard]] std::string url(const std::string& name) const { return base_url_ + "/" + name + ".git"; }
  /// The directory of `name`.git.
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/repos/" + name + ".git"; }
  /// Makes an empty bare repository; its directory.
  [[nodiscard]] std::string create(const std::string& name) const;
  /// Lines of nginx's access log so far.
  [[nodiscard]] std::vector<std::string> access_log() const;
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] const std::string& base_url() const { return base_url_; }

 private:
  std::string root_;
  std::string base_url_;
};

}  // namespace gitferry::test
