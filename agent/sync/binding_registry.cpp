#include "agent/sync/binding_registry.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/sync/address_input.h"
#include "agent/sync/binding_audit.h"
#include "agent/sync/binding_book.h"
#include "agent/sync/override_edits.h"

namespace gitferry {
namespace {

constexpr std::size_t kNameShown = 128;

std::string in_quotes(std::string_view name) {
  return fmt::format("'{}'", shortened(name, kNameShown));
}

tl::unexpected<Error> unknown_repository(std::string_view attempted, std::string_view name) {
  return fail(ErrorCode::RepositoryUnknown,
              fmt::format("{} {}: no repository of that name is bound", attempted, in_quotes(name)));
}

Error repository_exists(std::string_view name) {
  return {ErrorCode::RepositoryExists,
          fmt::format("bind the repository {}: a repository of that name is bound already", in_quotes(name)),
          "unbind it first, or choose another name",
          {}};
}

tl::unexpected<Error> unknown_branch(std::string_view attempted, std::string_view branch,
                                     const RepositoryBinding& binding) {
  const auto sides =
      binding.is_two_way()
          ? std::string("either side")
          : fmt::format("the {} side", name_of(source_side(first_direction(binding.direction))));
  return fail(ErrorCode::BranchUnknown,
              fmt::format("{} {} of {}: no branch is bound under that name on {}", attempted,
                          in_quotes(branch), in_quotes(binding.name), sides));
}

/// The error of a part, saying what was attempted.
tl::unexpected<Error> within(const std::string& attempted, Error error) {
  error.message = attempted + ": " + error.message;
  return fail(std::move(error));
}

AuditEntry branch_entry_of(const Actor& actor, std::string_view action, std::string_view repository,
                           const BranchBinding& branch) {
  auto entry = entry_of(actor, action, repository);
  entry.branch = pair_text(branch);
  return entry;
}

/// Whether a token is to go that is stored, but not in force: its address moved away by the file.
bool drops_hidden_token(const std::optional<Secret>& given, const std::optional<SideToken>& stored) {
  return given && given->empty() && stored.has_value();
}

/// All branch pairs whose name on a source side is `branch`; of a two-way binding on the internal one, and
/// only where there is none, on the external one.
std::vector<BranchBinding> branches_named(const RepositoryBinding& binding, std::string_view branch) {
  std::vector<BranchBinding> found;
  for (const auto side : {Side::Internal, Side::External}) {
    if (!found.empty() || !binding.is_source(side)) continue;
    std::copy_if(binding.branches.begin(), binding.branches.end(), std::back_inserter(found),
                 [&](const BranchBinding& bound) { return bound.name(side) == branch; });
  }
  return found;
}

const BranchBinding* find_pair(const RepositoryBinding& binding, const BranchBinding& wanted) {
  const auto found =
      std::find_if(binding.branches.begin(), binding.branches.end(), [&](const BranchBinding& bound) {
        return bound.internal == wanted.internal && bound.external == wanted.external;
      });
  return found == binding.branches.end() ? nullptr : &*found;
}

Result<std::string> named_branch(std::string_view parameter, std::string_view name) {
  auto checked = checked_branch(name);
  if (!checked) return within(std::string(parameter), checked.error());
  return checked;
}

SideInputs inputs_of(const AddressChange& change) {
  return {{change.internal, change.internal_token}, {change.external, change.external_token}};
}

SideInputs inputs_of(const RepositoryToBind& wanted) {
  const auto given = [](const Secret& token) { return token.empty() ? std::nullopt : std::optional(token); };
  return {{wanted.internal, given(wanted.internal_token)}, {wanted.external, given(wanted.external_token)}};
}

class Registry final : public BindingRegistry {
 public:
  Registry(Parts parts, std::unique_ptr<BindingBook> book)
      : parts_(std::move(parts)), book_(std::move(book)) {}

  [[nodiscard]] Snapshot snapshot() const override { return book_->snapshot(); }
  Status reload(BindingSnapshot file, const Actor& actor) override;
  Status take_up_overrides() override;
  Result<RepositoryBinding> bind_repository(const RepositoryToBind& wanted, const Actor& actor) override;
  [[nodiscard]] RepositoryCheck check_repository(const RepositoryToCheck& given) const override;
  Status set_repository_enabled(std::string_view repository, bool enabled, const Actor& actor) override;
  Status change_addresses(std::string_view repository, const AddressChange& change,
                          const Actor& actor) override;
  Status unbind_repository(std::string_view repository, const Actor& actor) override;
  Status reset_repository(std::string_view repository, const Actor& actor) override;
  Result<BranchBinding> bind_branch(std::string_view repository, const BranchBinding& wanted,
                                    const Actor& actor) override;
  Status set_branch_enabled(std::string_view repository, std::string_view branch, bool enabled,
                            const Actor& actor) override;
  Status unbind_branch(std::string_view repository, std::string_view branch, const Actor& actor) override;

 private:
  [[nodiscard]] std::optional<Error> take_side(RepositoryBinding& binding, Side side,
                                               const SideInput& input) const;

  Parts parts_;
  /// One change at a time, from its checks until it is published: held while the store writes, which no
  /// reader of the snapshot waits for.
  std::mutex changes_;
  std::unique_ptr<BindingBook> book_;  ///< changed by changes_
};

Status Registry::reload(BindingSnapshot file, const Actor& actor) {
  const std::scoped_lock one_at_a_time(changes_);
  return book_->replace_file(std::move(file), actor);
}

Status Registry::take_up_overrides() {
  const std::scoped_lock one_at_a_time(changes_);
  return book_->read_overrides_again();
}

Result<RepositoryBinding> Registry::bind_repository(const RepositoryToBind& wanted, const Actor& actor) {
  const auto name = checked_repository_name(wanted.name);
  if (!name) return within("bind a repository: repo_name", name.error());
  const auto attempted = "bind the repository " + in_quotes(*name);
  auto sides = changed_sides(std::nullopt, inputs_of(wanted), parts_.allowed);
  if (!sides) return within(attempted, sides.error());
  if (!wanted.granularity) {
    return fail(ErrorCode::GranularityInvalid,
                attempted + ": sync_granularity is neither 1 (all) nor 2 (one)",
                "1 syncs every branch, 2 the branches that are bound");
  }
  if (!wanted.direction) {
    return fail(ErrorCode::DirectionInvalid,
                attempted + ": sync_direction is none of 1 (to_outer), 2 (to_inter) and 3 (both)",
                "1 syncs from internal to external, 2 from external to internal, 3 whichever was pushed to");
  }

  const std::scoped_lock one_at_a_time(changes_);
  if (snapshot()->find(*name) != nullptr) return fail(repository_exists(*name));
  RepositoryOverride row;
  row.name = *name;
  row.enabled = wanted.enabled;
  row.internal = sides->internal.url.str();
  row.external = sides->external.url.str();
  row.granularity = wanted.granularity;
  row.direction = wanted.direction;
  row.internal_token = std::move(sides->internal.token);
  row.external_token = std::move(sides->external.token);
  row.created_at_ms = to_epoch_ms(parts_.clock.now());
  auto done = book_->apply(*name, bound_repository(std::move(row), book_->file(*name)),
                           entry_of(actor, "bind_repository", *name));
  if (!done) return within(attempted, done.error());
  return *snapshot()->find(*name);
}

/// Puts the side into the binding, where nothing is wrong with it.
std::optional<Error> Registry::take_side(RepositoryBinding& binding, Side side,
                                         const SideInput& input) const {
  auto state = new_side(side, input, parts_.allowed);
  if (!state) return std::move(state.error());
  const bool is_internal = side == Side::Internal;
  (is_internal ? binding.internal : binding.external) = std::move(state->url);
  (is_internal ? binding.internal_token : binding.external_token) = std::move(state->token);
  return std::nullopt;
}

RepositoryCheck Registry::check_repository(const RepositoryToCheck& given) const {
  RepositoryCheck check;
  if (given.name) {
    const auto name = checked_repository_name(*given.name);
    if (!name) {
      check.name = name.error();
    } else {
      if (snapshot()->find(*name) != nullptr) check.name = repository_exists(*name);
      check.binding.name = *name;
    }
  }
  const SideInputs inputs{{given.internal, given.internal_token}, {given.external, given.external_token}};
  if (given.internal) check.internal = take_side(check.binding, Side::Internal, inputs.internal);
  if (given.external) check.external = take_side(check.binding, Side::External, inputs.external);
  if (!given.internal || !given.external || check.internal || check.external) return check;
  if (const auto differ = check_sides_differ(check.binding.internal, check.binding.external); !differ)
    check.external = differ.error();
  return check;
}

Status Registry::set_repository_enabled(std::string_view repository, bool enabled, const Actor& actor) {
  const std::string_view attempted = enabled ? "enable the repository" : "disable the repository";
  const std::scoped_lock one_at_a_time(changes_);
  if (snapshot()->find(repository) == nullptr) return unknown_repository(attempted, repository);
  const auto* file = book_->file(repository);
  auto overrides = book_->overrides_of(repository);
  const bool before = is_wanted_enabled(overrides, file);
  if (before == enabled) return {};
  set_enabled(overrides, repository, file, enabled);
  auto entry = entry_of(actor, "set_repository_enabled", repository);
  entry.before = enable_text(before);
  entry.after = enable_text(enabled);
  return book_->apply(repository, std::move(overrides), std::vector{std::move(entry)});
}

Status Registry::change_addresses(std::string_view repository, const AddressChange& change,
                                  const Actor& actor) {
  constexpr std::string_view attempted = "change the addresses of";
  const std::scoped_lock one_at_a_time(changes_);
  const auto now = snapshot();
  const auto* binding = now->find(repository);
  if (binding == nullptr) return unknown_repository(attempted, repository);
  const auto before = sides_of(*binding);
  const auto after = changed_sides(before, inputs_of(change), parts_.allowed);
  if (!after) return within(fmt::format("{} {}", attempted, in_quotes(repository)), after.error());
  const auto* file = book_->file(repository);
  auto overrides = book_->overrides_of(repository);
  const auto stored = overrides.own.value_or(RepositoryOverride{});
  const bool internal_stays = same_side(before.internal, after->internal) &&
                              !drops_hidden_token(change.internal_token, stored.internal_token);
  const bool external_stays = same_side(before.external, after->external) &&
                              !drops_hidden_token(change.external_token, stored.external_token);
  if (internal_stays && external_stays) return {};
  if (!internal_stays) set_side(overrides, repository, file, Side::Internal, after->internal);
  if (!external_stays) set_side(overrides, repository, file, Side::External, after->external);
  return book_->apply(repository, std::move(overrides), entry_of(actor, "change_addresses", repository));
}

Status Registry::unbind_repository(std::string_view repository, const Actor& actor) {
  const std::scoped_lock one_at_a_time(changes_);
  if (snapshot()->find(repository) == nullptr) return unknown_repository("unbind the repository", repository);
  return book_->apply(repository, unbound_repository(repository, book_->file(repository)),
                      entry_of(actor, "unbind_repository", repository));
}

Status Registry::reset_repository(std::string_view repository, const Actor& actor) {
  constexpr std::string_view attempted = "drop the overrides of";
  const std::scoped_lock one_at_a_time(changes_);
  const auto* file = book_->file(repository);
  const auto overrides = book_->overrides_of(repository);
  if (file == nullptr && overrides.empty()) return unknown_repository(attempted, repository);
  if (overrides.empty()) return {};
  if (file == nullptr && snapshot()->find(repository) != nullptr) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("{} {}: the configuration file has no such repository, so nothing would be left",
                            attempted, in_quotes(repository)),
                "unbind it if it is to go");
  }
  return book_->apply(repository, RepositoryOverrides{}, entry_of(actor, "reset_repository", repository));
}

Result<BranchBinding> Registry::bind_branch(std::string_view repository, const BranchBinding& wanted,
                                            const Actor& actor) {
  constexpr std::string_view attempted = "bind a branch of";
  const auto what = fmt::format("{} {}", attempted, in_quotes(repository));
  for (const auto& [parameter, name] :
       {std::pair("internal_branch_name", &wanted.internal), {"external_branch_name", &wanted.external}}) {
    const auto checked = named_branch(parameter, *name);
    if (!checked) return within(what, checked.error());
  }
  const std::scoped_lock one_at_a_time(changes_);
  const auto now = snapshot();
  const auto* binding = now->find(repository);
  if (binding == nullptr) return unknown_repository(attempted, repository);
  if (binding->granularity == Granularity::All) {
    return fail(ErrorCode::BranchOnWholeRepository, what + ": all its branches are synced already",
                "bind the repository with granularity one to choose branches");
  }
  if (find_pair(*binding, wanted) != nullptr) {
    return fail(ErrorCode::BranchExists,
                fmt::format("{}: {} is bound already", what, in_quotes(pair_text(wanted))));
  }
  auto overrides = book_->overrides_of(repository);
  BranchOverride row;
  row.repository = repository;
  row.internal = wanted.internal;
  row.external = wanted.external;
  row.kind = BranchOverride::Kind::Bound;
  row.enabled = wanted.enabled;
  row.created_at_ms = to_epoch_ms(parts_.clock.now());
  put_branch(overrides, std::move(row));
  auto entry = branch_entry_of(actor, "bind_branch", repository, wanted);
  entry.after = enable_text(wanted.enabled);
  if (auto done = book_->apply(repository, std::move(overrides), std::vector{std::move(entry)}); !done)
    return within(what, done.error());
  return *find_pair(*snapshot()->find(repository), wanted);
}

Status Registry::set_branch_enabled(std::string_view repository, std::string_view branch, bool enabled,
                                    const Actor& actor) {
  const std::string_view attempted = enabled ? "enable the branch" : "disable the branch";
  const std::scoped_lock one_at_a_time(changes_);
  const auto now = snapshot();
  const auto* binding = now->find(repository);
  if (binding == nullptr) return unknown_repository("change a branch of", repository);
  const auto named = branches_named(*binding, branch);
  if (named.empty()) return unknown_branch(attempted, branch, *binding);
  auto overrides = book_->overrides_of(repository);
  std::vector<AuditEntry> audit;
  for (const auto& bound : named) {
    if (bound.enabled == enabled) continue;
    gitferry::set_branch_enabled(overrides, {binding->name, bound.internal, bound.external},
                                 book_->file(repository), enabled);
    auto& entry = audit.emplace_back(branch_entry_of(actor, "set_branch_enabled", binding->name, bound));
    entry.before = enable_text(bound.enabled);
    entry.after = enable_text(enabled);
  }
  if (audit.empty()) return {};
  return book_->apply(repository, std::move(overrides), std::move(audit));
}

Status Registry::unbind_branch(std::string_view repository, std::string_view branch, const Actor& actor) {
  const std::scoped_lock one_at_a_time(changes_);
  const auto now = snapshot();
  const auto* binding = now->find(repository);
  if (binding == nullptr) return unknown_repository("unbind a branch of", repository);
  if (binding->granularity == Granularity::All) {
    return fail(ErrorCode::NoBranchToUnbind,
                fmt::format("unbind the branch {} of {}: the repository is synced as a whole",
                            in_quotes(branch), in_quotes(repository)),
                "unbind the repository, and bind it with granularity one to choose branches");
  }
  const auto named = branches_named(*binding, branch);
  if (named.empty()) return unknown_branch("unbind the branch", branch, *binding);
  auto overrides = book_->overrides_of(repository);
  std::vector<AuditEntry> audit;
  for (const auto& bound : named) {
    gitferry::unbind_branch(overrides, {binding->name, bound.internal, bound.external},
                            book_->file(repository));
    auto& entry = audit.emplace_back(branch_entry_of(actor, "unbind_branch", binding->name, bound));
    entry.before = enable_text(bound.enabled);
  }
  return book_->apply(repository, std::move(overrides), std::move(audit));
}

}  // namespace

Result<std::unique_ptr<BindingRegistry>> BindingRegistry::open(Parts parts, BindingSnapshot file) {
  auto book = BindingBook::open({parts.store, parts.allowed, std::move(parts.publish)}, std::move(file));
  if (!book) return fail(std::move(book.error()));
  return std::make_unique<Registry>(std::move(parts), std::move(*book));
}

}  // namespace gitferry
