#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/value.h>

#include "tests/e2e/two_hosts.h"

namespace gitferry::test {

/// A running agent between two hosts, asked through its management API.
class ApiWorld : public ::testing::Test {
 protected:
  /// Writes the configuration with `rest` at its end, and starts the agent.
  void start(const std::string& rest = {}) {
    ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
    if (!rest.empty()) append(rest);
  }
  void restart() {
    hosts.agent().kill(SIGTERM);
    ASSERT_EQ(hosts.agent().wait(), 0) << hosts.agent().log();
    hosts.agent().start();
    ASSERT_TRUE(hosts.agent().wait_until_ready()) << hosts.agent().log();
  }

  Json::Value api(const std::string& method, const std::string& path, const std::string& body = {}) {
    const auto answer = hosts.agent().api(method, "/cerobot/sync" + path, body);
    answers += answer.body + "\n";
    return json_of(answer);
  }
  /// The envelope's code; -1 where there is no envelope.
  int code(const std::string& method, const std::string& path, const std::string& body = {}) {
    const auto answer = api(method, path, body);
    return answer.isMember("code_status") ? answer["code_status"].asInt() : -1;
  }

  int bind(const std::string& name, const std::string& internal, const std::string& external,
           const std::string& more = {}, int granularity = 2) {
    return code("POST", "/repo",
                fmt::format(R"({{"repo_name": "{}", "enable": true, "internal_repo_address": "{}",
                                 "external_repo_address": "{}", "sync_granularity": {}, "sync_direction": 1{}}})",
                            name, internal, external, granularity, more));
  }
  int bind_branch(const std::string& repository, const std::string& internal, const std::string& external) {
    return code(
        "POST", "/" + repository + "/branch",
        fmt::format(R"({{"enable": true, "internal_branch_name": "{}", "external_branch_name": "{}"}})",
                    internal, external));
  }
  /// The row of a repository in the list; null where it is not bound.
  Json::Value repository(const std::string& name) {
    const auto rows = api("GET", "/repo?repo_name=" + name)["data"];
    return rows.size() == 1 ? rows[0] : Json::Value();
  }
  std::vector<std::string> branches_of(const std::string& name) {
    std::vector<std::string> pairs;
    const auto answer = api("GET", "/" + name + "/branch?page_size=100&create_sort=true");
    for (const auto& row : answer["data"])
      pairs.push_back(row["internal_branch_name"].asString() + "->" + row["external_branch_name"].asString());
    return pairs;
  }

  /// An empty repository of that name on the host.
  static GitRepository make(const GitHost& host, const std::string& name) {
    return GitRepository::init(host.path(name));
  }
  static ObjectId commit(GitRepository& repository, const std::string& branch,
                         const std::string& file = "a") {
    NewCommit made;
    made.ref = "refs/heads/" + branch;
    made.files = {{file, branch}};
    return repository.commit(made);
  }
  /// Everything that a sync could leave there.
  static std::string state_of(const GitRepository& repository) {
    return repository.git({"for-each-ref"}) + "\n" + repository.git({"count-objects", "-v"});
  }

  [[nodiscard]] std::string config() const { return content_of(hosts.config_path()); }
  void write_config(const std::string& text) const {
    std::ofstream(hosts.config_path(), std::ios::binary) << text;
  }
  void append(const std::string& text) const { write_config(config() + text); }
  /// SIGHUP, and until the log says what became of it.
  void reload() {
    const auto count = [&] {
      const auto log = hosts.agent().log();
      return occurrences(log, "configuration reloaded") +
             occurrences(log, "the configuration stays as it was");
    };
    const auto before = count();
    hosts.agent().kill(SIGHUP);
    ASSERT_TRUE(eventually([&] { return count() > before; })) << hosts.agent().log();
  }

  static std::size_t occurrences(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
    return count;
  }
  static std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TwoHosts hosts;
  std::string answers;  ///< all of the API so far
};

}  // namespace gitferry::test
