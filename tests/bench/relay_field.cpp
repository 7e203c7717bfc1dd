#include "tests/bench/relay_field.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/git/relay.h"
#include "agent/git/transports.h"

namespace gitferry::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMain = "refs/heads/main";

/// A fast-import stream (git-fast-import(1)) of one commit: three files, spread over directories, so that
/// trees and blobs come in realistic proportion.
std::string commit_stream(const std::string& ref, int number, const std::string& parent) {
  const auto message =
      fmt::format("Change {}\n\nA few words about why change {} was made.\n", number, number);
  auto stream = fmt::format("commit {}\ncommitter Bench <bench@example.org> {} +0000\ndata {}\n{}", ref,
                            1'600'000'000 + number * 60, message.size(), message);
  if (!parent.empty()) stream += fmt::format("from {}\n", parent);
  for (int part = 0; part < 3; ++part) {
    std::string content;
    for (int line = 0; line < 40; ++line)
      content += fmt::format("line {} of {} {}\n", line, number * (part + 1), line * number % 97);
    stream += fmt::format("M 100644 inline src/{}/{}/file{}.txt\ndata {}\n{}\n", (number * 7 + part) % 23,
                          number % 41, (number + part) % 11, content.size(), content);
  }
  return stream;
}

std::string history(int first, int count, const std::string& parent) {
  std::string stream;
  for (int i = first; i < first + count; ++i) stream += commit_stream(kMain, i, i == first ? parent : "");
  return stream + "done\n";
}

std::string branch_name(int number) {
  return fmt::format("refs/heads/topic/{:05}", number);
}

std::string git_host(const std::vector<std::string>& words) {
  std::vector<std::string> argv{GITFERRY_GIT_HOST};
  argv.insert(argv.end(), words.begin(), words.end());
  return output_of(argv);
}

void make_bare(const fs::path& path) {
  fs::remove_all(path);
  run({"git", "init", "-q", "--bare", "-b", "main", path.string()});
}

int& value_of(std::vector<std::pair<std::string, int>>& entries, const std::string& name) {
  const auto found = std::ranges::find(entries, name, &std::pair<std::string, int>::first);
  return found != entries.end() ? found->second : entries.emplace_back(name, 0).second;
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

}  // namespace

std::string_view name_of(Way way) {
  return way == Way::Http ? "http" : way == Way::Ssh ? "ssh" : "local";
}

RelayField::RelayField(Way way)
    : way_(way), root_(fs::temp_directory_path() / fmt::format("gf-bench-{}-{}", ::getpid(), name_of(way))) {
  fs::remove_all(root_);
  for (const auto* directory : {"a/repos", "b/repos", "cache", "spool"})
    fs::create_directories(root_ / directory);
  if (way == Way::Http) {
    source_base_ = git_host({"start", "--root", (root_ / "a").string()});
    target_base_ = git_host({"start", "--root", (root_ / "b").string()});
  } else if (way == Way::Ssh) {
    ssh_ = std::make_unique<test::SshHost>();
    // As long as the configuration's default keeps one.
    masters_ = std::make_shared<SshMasters>(SshMasters::Options{std::chrono::hours(1), ""});
    const auto command = fmt::format(
        "ssh -F /dev/null -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o "
        "UserKnownHostsFile={}",
        ssh_->file("key"), ssh_->file("known"));
    ::setenv("GIT_SSH_COMMAND", command.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): before any thread
  }
}

RelayField::~RelayField() {
  if (way_ == Way::Http) {
    git_host({"stop", "--root", (root_ / "a").string()});
    git_host({"stop", "--root", (root_ / "b").string()});
  }
  fs::remove_all(root_);
}

std::string RelayField::source_path(const std::string& name) const {
  return (root_ / "a" / "repos" / (name + ".git")).string();
}

std::string RelayField::target_path(const std::string& contender, const std::string& name) const {
  return (root_ / "b" / "repos" / fmt::format("{}-{}.git", contender, name)).string();
}

std::string RelayField::cache_path(const std::string& name) const {
  return (root_ / "cache" / (name + ".git")).string();
}

std::string RelayField::url(std::string_view base, const std::string& path, const std::string& name) const {
  if (way_ == Way::Http) return fmt::format("{}/{}.git", base, name);
  return way_ == Way::Ssh ? ssh_->url(path) : path;
}

std::string RelayField::source_url(const std::string& name) const {
  return url(source_base_, source_path(name), name);
}

std::string RelayField::target_url(const std::string& contender, const std::string& name) const {
  return url(target_base_, target_path(contender, name), contender + "-" + name);
}

Remote RelayField::remote(const std::string& url) const {
  Remote remote{parse_remote_url(url, any_scheme())->url, std::nullopt};
  if (way_ == Way::Ssh) {
    Credential credential;
    credential.key_file = ssh_->file("key");
    credential.known_hosts_file = ssh_->file("known");
    remote.credential = credential;
  }
  return remote;
}

void RelayField::make_source(const std::string& name, int commits, int branches) {
  const auto path = source_path(name);
  make_bare(path);
  run({"git", "-C", path, "fast-import", "--quiet", "--done"}, history(0, commits, ""));
  std::string refs;
  const auto tips = output_of({"git", "-C", path, "rev-list", "--max-count=50", kMain});
  for (int i = 0; i < branches; ++i) {
    const auto width = tips.find('\n') + 1;
    const auto at = static_cast<std::size_t>(i % static_cast<int>((tips.size() + 1) / width)) * width;
    refs += fmt::format("create {} {}\n", branch_name(i), tips.substr(at, width - 1));
  }
  if (branches > 0) run({"git", "-C", path, "update-ref", "--stdin"}, refs);
  run({"git", "-C", path, "pack-refs", "--all"});
  run({"git", "-C", path, "repack", "-adq"});
  value_of(commits_, name) = commits;
  value_of(branches_, name) = branches;
  make_targets(name);
}

void RelayField::commit(const std::string& name, int count) {
  auto& commits = value_of(commits_, name);
  run({"git", "-C", source_path(name), "fast-import", "--quiet", "--done", "--force"},
      history(commits, count, "refs/heads/main^0"));
  commits += count;
}

void RelayField::commit_on_branches(const std::string& name) {
  auto& commits = value_of(commits_, name);
  std::string stream;
  for (int i = 0; i < value_of(branches_, name); ++i)
    stream += commit_stream(branch_name(i), commits++, branch_name(i) + "^0");
  run({"git", "-C", source_path(name), "fast-import", "--quiet", "--done", "--force"}, stream + "done\n");
}

std::size_t RelayField::objects(const std::string& name) const {
  const auto all = output_of(
      {"git", "-C", source_path(name), "rev-list", "--objects", "--all", "--count", "--use-bitmap-index"});
  return std::stoul(all);
}

void RelayField::make_targets(const std::string& name) {
  for (const auto* contender : {"ferry", "git", "pipe"}) make_bare(target_path(contender, name));
  make_bare(cache_path(name));
}

std::unique_ptr<Engine> RelayField::make_engine() const {
  TransportOptions options;
  options.addresses = AddressPolicy::from({"127.0.0.0/8"}).value();
  options.ssh_config_file = "/dev/null";
  options.ssh_masters = masters_;
  return std::make_unique<RelayEngine>(make_transport(options), TransferLimits{}, (root_ / "spool").string(),
                                       clock_);
}

RunReport RelayField::transfer(Engine& engine, const std::string& name,
                               const std::vector<std::string>& refs) const {
  SyncRequest request{remote(source_url(name)), remote(target_url("ferry", name)), {}};
  for (const auto& ref : refs) request.refs.push_back({ref, ref});
  const auto reports = engine.sync(request, {});
  for (const auto& report : reports) {
    if (report.error) give_up("the relay failed: " + report.error->text());
  }
  return reports.front();
}

namespace {

/// A kept ssh connection is a child that goes on, and does the work of encrypting.
double cpu_so_far() {
  return own_cpu_s() + ended_children_cpu_s() + running_children_cpu_s();
}

}  // namespace

Cost RelayField::ferry(Engine& engine, const std::string& name, const std::vector<std::string>& refs) {
  const double cpu = cpu_so_far();
  const auto begin = std::chrono::steady_clock::now();
  last_ = transfer(engine, name, refs);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  return {wall.count(), cpu_so_far() - cpu};
}

Cost RelayField::git(const std::string& name, const std::vector<std::string>& refs) const {
  std::vector<std::string> fetch{"git", "-C", cache_path(name), "fetch", "-q", "--no-tags", source_url(name)};
  std::vector<std::string> push{"git", "-C", cache_path(name), "push", "-q", target_url("git", name)};
  for (const auto& ref : refs) {
    fetch.push_back(fmt::format("+{}:{}", ref, ref));
    push.push_back(fmt::format("{}:{}", ref, ref));
  }
  const auto fetched = run(fetch);
  const auto pushed = run(push);
  return {fetched.wall_s + pushed.wall_s, fetched.cpu_s + pushed.cpu_s};
}

Cost RelayField::one_pipe(const std::string& name) const {
  const auto source = source_path(name);
  const auto target = target_path("pipe", name);
  const auto new_tip = output_of({"git", "-C", source, "rev-parse", kMain});
  const auto old_tip = output_of({"git", "-C", target, "for-each-ref", "--format=%(objectname)", kMain});
  const std::string null(new_tip.size(), '0');
  const auto command =
      fmt::format("{} {} {}\n report-status\n", old_tip.empty() ? null : old_tip, new_tip, kMain);
  // The NUL that the protocol wants behind the name is the newline there: a shell keeps no NUL.
  const auto script = fmt::format(
      "{{ printf '%s' \"$1\" | tr '\\n' '\\0'; printf 0000; printf '%s\\n' \"$2\" $3 | git -C \"$4\" "
      "pack-objects "
      "--revs --stdout --thin --delta-base-offset -q; }} | git receive-pack --stateless-rpc \"$5\" "
      ">/dev/null");
  auto line = command.substr(0, command.size() - 1);
  line = fmt::format("{:04x}{}", line.size() + 4, line);
  return run({"sh", "-c", script, "sh", line, new_tip, old_tip.empty() ? "" : "^" + old_tip, source, target});
}

Cost RelayField::ls_remote_twice(const std::string& name) const {
  const auto first = run({"git", "ls-remote", "-q", source_url(name), "refs/heads/nothing"});
  const auto second = run({"git", "ls-remote", "-q", target_url("git", name), "refs/heads/nothing"});
  return {first.wall_s + second.wall_s, first.cpu_s + second.cpu_s};
}

void RelayField::check_equal(const std::string& name, const std::vector<std::string>& contenders) const {
  const auto tip = output_of({"git", "-C", source_path(name), "rev-parse", kMain});
  for (const auto& contender : contenders) {
    if (output_of({"git", "-C", target_path(contender, name), "rev-parse", kMain}) != tip)
      give_up(fmt::format("{}'s target of '{}' is not where the source is", contender, name));
  }
}

std::size_t RelayField::spool_files() const {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(root_ / "spool"), fs::directory_iterator{}));
}

}  // namespace gitferry::bench
