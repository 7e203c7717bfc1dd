#include "tests/support/git_repository.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry::test {
namespace {

constexpr int kFirstCommitTime = 1'700'000'000;

std::string counted(const std::string& bytes) {
  return fmt::format("data {}\n{}\n", bytes.size(), bytes);
}

std::string without_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// A test's repository is gone before the next power cut, and too small to be tidied up.
constexpr std::string_view kQuickConfig =
    "[core]\n\tfsync = none\n[receive]\n\tautogc = false\n[gc]\n\tauto = 0\n";

}  // namespace

std::vector<std::string> sealed_git_environment() {
  const char* path =
      std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  return {std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"),
          "HOME=/nonexistent",
          "LC_ALL=C",
          "GIT_CONFIG_NOSYSTEM=1",
          "GIT_CONFIG_GLOBAL=/dev/null",
          "GIT_TERMINAL_PROMPT=0",
          "GIT_AUTHOR_NAME=Ada Author",
          "GIT_AUTHOR_EMAIL=ada@example.org",
          "GIT_COMMITTER_NAME=Cyd Committer",
          "GIT_COMMITTER_EMAIL=cyd@example.org",
          "GIT_AUTHOR_DATE=1700000000 +0000",
          "GIT_COMMITTER_DATE=1700000000 +0000"};
}

GitRepository GitRepository::init(const std::string& path, ObjectFormat format) {
  std::filesystem::create_directories(path);
  GitRepository repository(path);
  repository.git({"init", "--quiet", "--bare", "--template=", "--initial-branch=main",
                  fmt::format("--object-format={}", name_of(format)), "--", path});
  std::ofstream(path + "/config", std::ios::app) << kQuickConfig;
  return repository;
}

ProcessOutcome GitRepository::try_git(const std::vector<std::string>& arguments,
                                      const std::string& input) const {
  std::vector<std::string> argv{"git", "--git-dir=" + path_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_process({argv, input, path_, sealed_git_environment()});
}

std::string GitRepository::git(const std::vector<std::string>& arguments, const std::string& input) const {
  auto outcome = try_git(arguments, input);
  if (outcome.status != 0) {
    throw std::runtime_error(fmt::format("git {} in {} ended with {}: {}", fmt::join(arguments, " "), path_,
                                         outcome.status, outcome.errors));
  }
  return without_newline(std::move(outcome.output));
}

std::string GitRepository::commit_header(const std::string& ref, const std::string& message) {
  const auto time = kFirstCommitTime + 60 * commits_made_++;
  return fmt::format(
      "commit {}\nauthor Ada Author <ada@example.org> {} +0000\n"
      "committer Cyd Committer <cyd@example.org> {} +0000\n{}",
      ref, time, time, counted(message));
}

void GitRepository::import(const std::string& stream) const {
  git({"fast-import", "--quiet", "--force", "--done"}, stream + "done\n");
}

ObjectId GitRepository::commit(const NewCommit& commit) {
  auto parents = commit.parents.value_or(std::vector<ObjectId>{});
  if (!commit.parents) {
    if (const auto current = tip(commit.ref)) parents.push_back(*current);
  }
  import(commit_stream(commit, parents));
  return tip(commit.ref).value();
}

void GitRepository::commit_roots(const std::vector<NewCommit>& commits) {
  std::string stream;
  for (const auto& commit : commits) stream += commit_stream(commit, {});
  import(stream);
}

std::string GitRepository::commit_stream(const NewCommit& commit, const std::vector<ObjectId>& parents) {
  // Without a `from`, an existing ref needs a reset first to become a root commit.
  std::string stream = parents.empty() ? fmt::format("reset {}\n", commit.ref) : std::string();
  stream += commit_header(commit.ref, commit.message);
  for (std::size_t i = 0; i < parents.size(); ++i) {
    stream += fmt::format("{} {}\n", i == 0 ? "from" : "merge", parents[i].hex());
  }
  for (const auto& [name, content] : commit.files)
    stream += fmt::format("M 100644 inline {}\n{}", name, counted(content));
  return stream + "\n";
}

ObjectId GitRepository::commit_many(const std::string& ref, int count, const std::string& message) {
  std::string stream;
  const auto current = tip(ref);
  for (int i = 0; i < count; ++i) {
    stream += commit_header(ref, fmt::format("{} {}", message, commits_made_));
    if (i == 0 && current) stream += fmt::format("from {}\n", current->hex());
    stream += fmt::format("M 100644 inline dir{}/file{}.txt\n{}\n", i % 7, i % 50,
                          counted(fmt::format("line {}\nof {}\n", commits_made_, message)));
  }
  import(stream);
  return tip(ref).value();
}

ObjectId GitRepository::merge(const std::string& ref, const std::vector<ObjectId>& others) {
  std::vector<ObjectId> parents{tip(ref).value()};
  parents.insert(parents.end(), others.begin(), others.end());
  return commit({ref, "A merge", {{"merged.txt", fmt::format("{}\n", commits_made_)}}, parents});
}

void GitRepository::set_ref(const std::string& ref, const ObjectId& tip) const {
  git({"update-ref", "--", ref, tip.hex()});
}

void GitRepository::delete_ref(const std::string& ref) const {
  git({"update-ref", "-d", "--", ref});
}

void GitRepository::fetch_from(const GitRepository& other, const std::string& ref) const {
  git({"fetch", "--quiet", "--no-tags", "--", other.path(), fmt::format("+{}:{}", ref, ref)});
}

std::optional<ObjectId> GitRepository::tip(const std::string& ref) const {
  // Mostly it stands in a file of its own, and needs no process to be read.
  if (ref.starts_with("refs/")) {
    std::string line;
    std::getline(std::ifstream(path_ + "/" + ref), line);
    if (auto loose = ObjectId::from_hex(line)) return loose;
  }
  const auto outcome = try_git({"rev-parse", "--verify", "--quiet", ref});
  return outcome.status == 0 ? ObjectId::from_hex(without_newline(outcome.output)) : std::nullopt;
}

std::string GitRepository::fsck() const {
  const auto outcome = try_git({"fsck", "--full", "--strict", "--no-dangling"});
  std::string complaints = outcome.status == 0 ? std::string() : fmt::format("status {}\n", outcome.status);
  const auto said = outcome.output + outcome.errors;
  for (const auto line : split(said, '\n')) {
    // A repository whose default branch does not exist yet is whole all the same.
    if (!line.empty() && !line.starts_with("notice: ")) complaints += fmt::format("{}\n", line);
  }
  return complaints;
}

void GitRepository::set_config(const std::string& key, const std::string& value) const {
  git({"config", key, value});
}

void GitRepository::set_hook(const std::string& name, const std::string& body) const {
  const auto file = std::filesystem::path(path_) / "hooks" / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << "#!/bin/sh\n" << body << "\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
}

}  // namespace gitferry::test
