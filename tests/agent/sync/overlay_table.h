#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/binding.h"
#include "agent/store/binding_rows.h"

/// What is in force, for every state of the file and every override: the specification of overlay(), and of a
/// registry that is loaded with these files one after the other.
namespace gitferry::overlay_table {

inline RemoteUrl address(const std::string& name) {
  return parse_remote_url("https://" + name + ".example/acme/robot", any_scheme()).value().url;
}
inline std::string text_of(const RemoteUrl& url) {
  return url.host.substr(0, url.host.find('.'));
}
inline std::string text_of(bool enabled) {
  return enabled ? "on" : "off";
}

// ---- repositories: `robot`, with the fields "enabled" and "internal address"

/// nullptr: the file has no such entry.
using FileEntry = std::optional<std::pair<bool, std::string>>;

/// The states of the file, in the order of the table's columns. A reload goes from one to the next, and then
/// to the first again.
inline const std::array<FileEntry, 3> kFiles{FileEntry{{true, "one"}}, FileEntry{{false, "two"}},
                                             FileEntry{}};

struct RepositoryCase {
  std::optional<RepositoryOverride::Kind> override_kind;
  std::optional<bool> enabled;
  std::string internal;
  /// For each of kFiles: enabled, address, origin, and in brackets what the file says otherwise.
  std::array<std::string, 3> in_force;
};

constexpr auto kChange = RepositoryOverride::Kind::Change;
constexpr auto kBound = RepositoryOverride::Kind::Bound;
constexpr auto kUnbound = RepositoryOverride::Kind::Unbound;

inline const std::vector<RepositoryCase> kRepositories{
    // override                   the file says: on one             off two nothing
    {std::nullopt, {}, "", {"on one file", "off two file", "-"}},
    {kChange, false, "", {"off one file+override [on]", "off two file", "-"}},
    {kChange, {}, "three", {"on three file+override [one]", "off three file+override [two]", "-"}},
    {kChange, false, "two", {"off two file+override [on one]", "off two file", "-"}},
    {kChange, true, "one", {"on one file", "on one file+override [off two]", "-"}},
    {kBound,
     true,
     "three",
     {"on three file+override [one]", "on three file+override [off two]", "on three api"}},
    {kBound, true, "one", {"on one file", "on one file+override [off two]", "on one api"}},
    {kBound, false, "two", {"off two file+override [on one]", "off two file", "off two api"}},
    {kUnbound, {}, "", {"unbound", "unbound", "-"}},
};

inline BindingSnapshot file_of(const FileEntry& entry) {
  BindingSnapshot file;
  if (!entry) return file;
  auto& robot = file.repositories["robot"];
  robot.name = "robot";
  robot.enabled = entry->first;
  robot.internal = address(entry->second);
  robot.external = address("out");
  return file;
}

inline OverrideRows rows_of(const RepositoryCase& one) {
  OverrideRows rows;
  if (!one.override_kind) return rows;
  auto& row = rows.repositories.emplace_back();
  row.name = "robot";
  row.kind = *one.override_kind;
  row.enabled = one.enabled;
  if (!one.internal.empty()) row.internal = address(one.internal).str();
  if (row.kind == kBound) {
    row.external = address("out").str();
    row.granularity = Granularity::One;
    row.direction = BindingDirection::ToOuter;
    row.created_at_ms = 7;
  }
  return rows;
}

inline std::string in_force(const BindingSnapshot& bindings) {
  const auto* robot = bindings.find("robot");
  if (robot == nullptr) return bindings.unbound == std::vector<std::string>{"robot"} ? "unbound" : "-";
  std::string text = text_of(robot->enabled) + " " + text_of(robot->internal) + " ";
  text += name_of(robot->origin);
  std::string file;
  if (robot->file.enabled) file = text_of(*robot->file.enabled);
  if (robot->file.internal) file += (file.empty() ? "" : " ") + text_of(*robot->file.internal);
  return file.empty() ? text : text + " [" + file + "]";
}

// ---- branches: `main -> main` of `robot`

enum class Branch { NoRepository, Absent, On, Off };
inline const std::array kBranchFiles{Branch::On, Branch::Off, Branch::Absent, Branch::NoRepository};

struct BranchCase {
  std::optional<RepositoryOverride::Kind> of_repository;
  std::optional<BranchOverride::Kind> override_kind;
  std::optional<bool> enabled;
  std::array<std::string, 4> in_force;  ///< for each of kBranchFiles
};

constexpr auto kBranchChange = BranchOverride::Kind::Change;
constexpr auto kBranchBound = BranchOverride::Kind::Bound;
constexpr auto kBranchUnbound = BranchOverride::Kind::Unbound;

inline const std::vector<BranchCase> kBranches{
    // of the repository, of the branch          the file's branch: on      off         absent     no
    // repository
    {std::nullopt, std::nullopt, {}, {"on file", "off file", "-", "-"}},
    {std::nullopt, kBranchChange, false, {"off file+override [on]", "off file", "-", "-"}},
    {std::nullopt, kBranchChange, true, {"on file", "on file+override [off]", "-", "-"}},
    {std::nullopt, kBranchBound, false, {"off file+override [on]", "off file", "off api", "-"}},
    {std::nullopt, kBranchUnbound, {}, {"-", "-", "-", "-"}},
    {kChange, std::nullopt, {}, {"on file", "off file", "-", "-"}},
    {kChange, kBranchChange, false, {"off file+override [on]", "off file", "-", "-"}},
    {kChange, kBranchBound, false, {"off file+override [on]", "off file", "off api", "-"}},
    {kChange, kBranchUnbound, {}, {"-", "-", "-", "-"}},
    {kBound, std::nullopt, {}, {"on file", "off file", "-", "-"}},
    {kBound, kBranchChange, false, {"off file+override [on]", "off file", "-", "-"}},
    {kBound, kBranchBound, false, {"off file+override [on]", "off file", "off api", "off api"}},
    {kBound, kBranchUnbound, {}, {"-", "-", "-", "-"}},
    {kUnbound, std::nullopt, {}, {"-", "-", "-", "-"}},
    {kUnbound, kBranchChange, false, {"-", "-", "-", "-"}},
    {kUnbound, kBranchBound, false, {"-", "-", "-", "-"}},
    {kUnbound, kBranchUnbound, {}, {"-", "-", "-", "-"}},
};

inline BindingSnapshot file_of(Branch branch) {
  auto file = file_of(branch == Branch::NoRepository ? kFiles[2] : kFiles[0]);
  if (branch == Branch::On || branch == Branch::Off)
    file.repositories["robot"].branches = {{"main", "main", branch == Branch::On}};
  return file;
}

inline OverrideRows rows_of(const BranchCase& one) {
  RepositoryCase repository;
  repository.override_kind = one.of_repository;
  if (one.of_repository == kChange) repository.enabled = false;
  if (one.of_repository == kBound) repository.enabled = true;
  if (one.of_repository == kBound) repository.internal = "three";
  auto rows = rows_of(repository);
  if (one.override_kind)
    rows.branches.push_back({"robot", "main", "main", *one.override_kind, one.enabled, 9});
  return rows;
}

inline std::string branch_in_force(const BindingSnapshot& bindings) {
  const auto* robot = bindings.find("robot");
  if (robot == nullptr || robot->branches.empty()) return "-";
  const auto& main = robot->branches.at(0);
  std::string text = text_of(main.enabled) + " ";
  text += name_of(main.origin);
  return main.file_enabled ? text + " [" + text_of(*main.file_enabled) + "]" : text;
}

}  // namespace gitferry::overlay_table
