#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gitferry::test {

/// The part of a git host's web API that is about webhooks of repositories and organisations, with a memory,
/// as the host's own documents have it: paths, authentication, paging, names and types of fields, what a
/// change does to what it does not name, and what refusals look like. It answers with fields that gitferry
/// does not know as well.
///
/// Sources: GitHub's description of its REST API (2022-11-28), GitLab's doc/api/project_webhooks.md and
/// group_webhooks.md, the swagger documents of Gitea, Forgejo and Gitee, and gogs.io/api-reference.
///
/// Threading: all calls from the test's thread; the server has its own.
class HostingApi {
 public:
  /// A hook as the host keeps it.
  struct Hook {
    int id = 0;
    std::string url;
    std::string secret;                    ///< GitLab: the secret token; Gitee: the password
    std::string signing_token;             ///< GitLab
    std::set<std::string> events{"push"};  ///< in GitHub's words; GitLab and Gitee: `push`, `tag_push`, …
    bool active = true;
    std::string content_type = "json";
    bool verifies_tls = true;
    std::string branch_filter;
    std::string authorization;                ///< Gitea and Forgejo
    std::string template_text;                ///< GitLab
    std::string alert_status = "executable";  ///< GitLab
    int encryption_type = 0;                  ///< Gitee: 1 is `sign`
    std::string type;                         ///< Gitea's family
    // The latest delivery.
    int status = 0;  ///< 0: there was none; -1: nobody answered
    std::string delivered_at;
  };

  /// What the next requests get instead of their answer.
  struct Fault {
    int status = 200;  ///< 0: no answer until the server ends
    std::string body;
    std::map<std::string, std::string> headers = {};
    std::string method = {};  ///< only these; empty: all
    int times = 1;
  };

  enum class Power {
    Full,
    None,    ///< of a token without the scope
    Hidden,  ///< of a user who may not see the repository
  };

  /// `kind`: github, gitlab, gitea, forgejo, gogs or gitee.
  explicit HostingApi(std::string kind);
  ~HostingApi();
  HostingApi(const HostingApi&) = delete;
  HostingApi& operator=(const HostingApi&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Of the API: `http://127.0.0.1:1234/api/v4`.
  [[nodiscard]] std::string url() const;
  /// Of a repository there, which need not exist.
  [[nodiscard]] std::string repository_url(const std::string& project) const;

  void add_project(const std::string& project);
  /// An organisation or group, also one below another; its hooks are those of the project of organisation().
  void add_organisation(const std::string& name) { add_project(organisation(name)); }
  static std::string organisation(const std::string& name) { return "organisation " + name; }
  /// As somebody sets it up by hand; its id.
  int add_hook(const std::string& project, Hook hook);
  [[nodiscard]] std::vector<Hook> hooks(const std::string& project) const;
  void change_hook(const std::string& project, int id, const std::function<void(Hook&)>& change);

  void set_power(Power power);
  /// At most so many hooks on a page, whatever is asked for.
  void set_largest_page(int size);
  void fail(Fault fault);
  /// Method and target of each request so far, and their bodies.
  [[nodiscard]] std::vector<std::string> requests() const;
  [[nodiscard]] std::vector<std::string> bodies() const;
  [[nodiscard]] int writes() const;  ///< requests that were no GET

  /// A push: each hook of the project and of the organisations that it is below which is to tell of it does
  /// so, signed with its secret, at its address. How many did.
  struct Push {
    std::string repository_url;  ///< as the payload names it
    std::string ref;             ///< full
    std::string before;
    std::string after;
  };
  int push(const std::string& project, const Push& push);

  static constexpr const char* kToken = "S3CR3T-token-of-the-web-api";

 private:
  struct Impl;
  int tell(const std::string& whose, const std::string& project, const Push& push);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gitferry::test
