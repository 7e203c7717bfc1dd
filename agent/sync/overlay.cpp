#include "agent/sync/overlay.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace gitferry {
namespace {

using Kind = RepositoryOverride::Kind;

/// Sets `value`, and keeps in `files` what the file says; nullptr where it says nothing.
template <typename Value>
void put(Value& value, const std::optional<Value>& wanted, std::optional<Value>* files) {
  if (!wanted || *wanted == value) return;
  if (files != nullptr) *files = value;
  value = *wanted;
}

/// One repository's fields while they are being put together.
class Merge {
 public:
  Merge(RepositoryBinding& binding, const RepositoryOverride& own, bool has_file,
        const AllowedAddresses& allowed)
      : binding_(binding), own_(own), has_file_(has_file), allowed_(allowed) {}

  void run() {
    auto& file = binding_.file;
    put(binding_.enabled, own_.enabled, files(file.enabled));
    put(binding_.granularity, own_.granularity, files(file.granularity));
    put(binding_.direction, own_.direction, files(file.direction));
    put_address(Side::Internal, binding_.internal, own_.internal, files(file.internal));
    put_address(Side::External, binding_.external, own_.external, files(file.external));
    binding_.internal_token = usable(own_.internal_token, binding_.internal);
    binding_.external_token = usable(own_.external_token, binding_.external);
    if (binding_.problem.empty() && (own_.internal || own_.external) &&
        binding_.internal.identity() == binding_.external.identity()) {
      binding_.problem = "the internal and the external address name the same repository";
    }
    if (!binding_.problem.empty()) binding_.enabled = false;
    if (own_.kind == Kind::Bound) binding_.created_at_ms = own_.created_at_ms;
    binding_.origin = !has_file_ ? Origin::Api : is_changed() ? Origin::FileAndOverride : Origin::File;
  }

 private:
  template <typename Value>
  std::optional<Value>* files(std::optional<Value>& value) const {
    return has_file_ ? &value : nullptr;
  }

  void put_address(Side side, RemoteUrl& url, const std::optional<std::string>& stored,
                   std::optional<RemoteUrl>* file) {
    if (!stored && has_file_) return;
    const std::string_view text = stored ? std::string_view(*stored) : std::string_view{};
    auto parsed = parse_allowed_url(text, allowed_);
    if (!parsed) {
      if (binding_.problem.empty())
        binding_.problem = fmt::format("the stored {} address: {}", name_of(side), parsed.error().text());
      // Shown, but never connected to: the binding is disabled.
      parsed = parse_remote_url(text, any_scheme());
    }
    put(url, std::optional(parsed ? std::move(parsed->url) : RemoteUrl{}), file);
  }

  static std::optional<SideToken> usable(const std::optional<SideToken>& token, const RemoteUrl& address) {
    return token && token->may_be_shown_at(address) ? token : std::nullopt;
  }

  [[nodiscard]] bool is_changed() const {
    const auto& file = binding_.file;
    return file.enabled || file.internal || file.external || file.granularity || file.direction ||
           binding_.internal_token || binding_.external_token;
  }

  RepositoryBinding& binding_;
  const RepositoryOverride& own_;
  const bool has_file_;
  const AllowedAddresses& allowed_;
};

using BranchNames = std::pair<std::string_view, std::string_view>;

/// The file's branch with its override; nullopt where that hides it.
std::optional<BranchBinding> changed(BranchBinding branch, const BranchOverride* change) {
  branch.origin = Origin::File;
  if (change == nullptr) return branch;
  if (change->kind == BranchOverride::Kind::Unbound) return std::nullopt;
  put(branch.enabled, change->enabled, &branch.file_enabled);
  if (branch.file_enabled) branch.origin = Origin::FileAndOverride;
  if (change->kind == BranchOverride::Kind::Bound) branch.created_at_ms = change->created_at_ms;
  return branch;
}

BranchBinding bound(const BranchOverride& row) {
  BranchBinding branch{row.internal, row.external, row.enabled.value_or(true)};
  branch.origin = Origin::Api;
  branch.created_at_ms = row.created_at_ms;
  return branch;
}

std::vector<BranchBinding> overlay_branches(std::vector<BranchBinding> file,
                                            const std::vector<BranchOverride>& rows) {
  std::map<BranchNames, const BranchOverride*> changes;
  for (const auto& row : rows) changes[{row.internal, row.external}] = &row;
  std::vector<BranchBinding> branches;
  branches.reserve(file.size() + changes.size());
  for (auto& branch : file) {
    const auto found = changes.find({branch.internal, branch.external});
    const auto* change = found == changes.end() ? nullptr : found->second;
    if (found != changes.end()) changes.erase(found);
    if (auto merged = changed(std::move(branch), change)) branches.push_back(std::move(*merged));
  }
  const auto files = static_cast<std::ptrdiff_t>(branches.size());
  for (const auto& [names, row] : changes) {
    if (row->kind == BranchOverride::Kind::Bound) branches.push_back(bound(*row));
  }
  std::stable_sort(branches.begin() + files, branches.end(), [](const auto& left, const auto& right) {
    return left.created_at_ms < right.created_at_ms;
  });
  return branches;
}

/// The file's policy was for one direction: it is not to rewrite either side of two.
void allow_fast_forwards_only(RepositoryBinding& binding) {
  binding.policy = Policy::FfOnly;
  for (auto& branch : binding.branches) branch.policy.reset();
}

}  // namespace

OverridesByName by_name(OverrideRows rows) {
  OverridesByName found;
  for (auto& row : rows.repositories) {
    auto& own = found[row.name].own;
    own = std::move(row);
  }
  for (auto& row : rows.branches) {
    auto& branches = found[row.repository].branches;
    branches.push_back(std::move(row));
  }
  return found;
}

std::optional<RepositoryBinding> overlay(const RepositoryBinding* file, const RepositoryOverrides& overrides,
                                         const AllowedAddresses& allowed) {
  const auto& own = overrides.own;
  if (file == nullptr && (!own || own->kind != Kind::Bound)) return std::nullopt;
  if (own && own->kind == Kind::Unbound) return std::nullopt;
  RepositoryBinding binding = file == nullptr ? RepositoryBinding{} : *file;
  if (file == nullptr) binding.name = own->name;
  if (own) Merge(binding, *own, file != nullptr, allowed).run();
  if (binding.is_two_way()) allow_fast_forwards_only(binding);
  if (binding.granularity == Granularity::All) {
    binding.branches.clear();
  } else if (!overrides.branches.empty()) {
    binding.branches = overlay_branches(std::move(binding.branches), overrides.branches);
  }
  return binding;
}

BindingSnapshot overlay(const BindingSnapshot& file, const OverridesByName& overrides,
                        const AllowedAddresses& allowed) {
  static const RepositoryOverrides none;
  BindingSnapshot made;
  made.hooks = file.hooks;
  for (const auto& [name, entry] : file.repositories) {
    const auto found = overrides.find(name);
    auto binding = overlay(&entry, found == overrides.end() ? none : found->second, allowed);
    if (binding)
      made.repositories.emplace(name, std::move(*binding));
    else
      made.unbound.push_back(name);
  }
  for (const auto& [name, rows] : overrides) {
    if (file.find(name) != nullptr) continue;
    if (auto binding = overlay(nullptr, rows, allowed)) made.repositories.emplace(name, std::move(*binding));
  }
  return made;
}

BindingSnapshot overlay(const BindingSnapshot& file, const OverrideRows& overrides,
                        const AllowedAddresses& allowed) {
  return overlay(file, by_name(overrides), allowed);
}

}  // namespace gitferry
