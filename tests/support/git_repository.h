#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/object_id.h"
#include "tests/support/process.h"

namespace gitferry::test {

/// One commit to make. Its time is fixed by a counter of the repository object, so ids repeat from run to
/// run.
struct NewCommit {
  std::string ref = "refs/heads/main";
  std::string message = "A commit";
  std::map<std::string, std::string> files = {};  ///< written over the first parent's tree
  /// Unset: the ref's tip, or none where the ref does not exist. Empty: a root commit.
  std::optional<std::vector<ObjectId>> parents = std::nullopt;
};

/// A real bare repository, driven by the system's git with a sealed environment: no system or user
/// configuration, a fixed author, fixed dates. Failures of git throw, with its message.
class GitRepository {
 public:
  static GitRepository init(const std::string& path, ObjectFormat format = ObjectFormat::Sha1);
  /// An existing repository.
  explicit GitRepository(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Runs `git ARGUMENTS` there; standard output without the newline at its end.
  std::string git(const std::vector<std::string>& arguments, const std::string& input = {}) const;
  /// The same where a failure is expected.
  [[nodiscard]] ProcessOutcome try_git(const std::vector<std::string>& arguments,
                                       const std::string& input = {}) const;

  ObjectId commit(const NewCommit& commit);
  /// Root commits in one go, each on a ref of its own.
  void commit_roots(const std::vector<NewCommit>& commits);
  /// `count` commits in one go, each changing a file of its own name by number.
  ObjectId commit_many(const std::string& ref, int count, const std::string& message = "Commit number");
  /// A commit on `ref` with its tip as the first parent and `others` after it.
  ObjectId merge(const std::string& ref, const std::vector<ObjectId>& others);
  void set_ref(const std::string& ref, const ObjectId& tip) const;
  void delete_ref(const std::string& ref) const;
  /// Copies `ref` and what it needs from another repository, over whatever was there.
  void fetch_from(const GitRepository& other, const std::string& ref) const;
  [[nodiscard]] std::optional<ObjectId> tip(const std::string& ref) const;
  /// Empty where `git fsck --full --strict` is content; otherwise what it said.
  [[nodiscard]] std::string fsck() const;
  void set_config(const std::string& key, const std::string& value) const;
  /// Installs an executable hook; `body` is shell, below the `#!` line.
  void set_hook(const std::string& name, const std::string& body) const;

 private:
  void import(const std::string& stream) const;
  std::string commit_header(const std::string& ref, const std::string& message);
  std::string commit_stream(const NewCommit& commit, const std::vector<ObjectId>& parents);

  std::string path_;
  int commits_made_ = 0;
};

/// The sealed environment, for tests that start git (or a program that does) themselves.
std::vector<std::string> sealed_git_environment();

}  // namespace gitferry::test
