#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/allowed_addresses.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"

namespace gitferry {

/// Who changes bindings, for the audit.
struct Actor {
  std::string name;        ///< of the token
  std::string via;         ///< `api`, `command_line`, `reload`
  std::string request_id;  ///< empty where there is none
};

/// A repository to bind, as it was asked for. Nothing in it is checked yet.
struct RepositoryToBind {
  std::string name;
  bool enabled = true;
  std::string internal;
  std::string external;
  std::optional<Granularity> granularity = Granularity::One;              ///< unset: what was given is none
  std::optional<BindingDirection> direction = BindingDirection::ToOuter;  ///< unset: what was given is none
  Secret internal_token;                                                  ///< empty: none
  Secret external_token;
};

/// Unset: as it is. An empty token takes the stored one away.
struct AddressChange {
  std::optional<std::string> internal;
  std::optional<std::string> external;
  std::optional<Secret> internal_token;
  std::optional<Secret> external_token;
};

/// What of a repository to bind is to be checked already; unset: it is not known yet.
struct RepositoryToCheck {
  std::optional<std::string> name;
  std::optional<std::string> internal;
  std::optional<std::string> external;
  std::optional<Secret> internal_token;
  std::optional<Secret> external_token;
};

/// What is wrong with each of them.
struct RepositoryCheck {
  std::optional<Error> name;
  std::optional<Error> internal;
  std::optional<Error> external;
  RepositoryBinding binding;  ///< with those that are right: never in force
};

/// The bindings: the file's as the base, the overrides of the API on top, and every change of either.
///
/// A change is written with its audit row in one transaction before it is in force; then a new snapshot is
/// made and published. What a change leaves equal to the file is no override any more.
///
/// Owns:      the file's bindings and the snapshot in force.
/// Threading: all calls from any thread; changes run one after the other, so that of two clients that
///            bind one name at once, the second is told that it exists. Readers wait for no change.
/// Blocking:  changes until they are on the disk.
/// Errors:    those of the API document, in its order of checks; InvalidArgument where a value itself
///            is wrong, with a text that names the parameter; those of Store. After an error nothing has
///            changed.
class BindingRegistry {
 public:
  struct Parts {
    Store& store;
    const Clock& clock;
    AllowedAddresses allowed;
    /// Told of every new snapshot but the first, after it is in force, in order. Not called by two threads at
    /// once; it must not change bindings itself.
    std::function<void(const Snapshot&)> publish;
  };

  /// Reads the overrides and puts them on the file's bindings; allots ids. Errors: those of Store.
  static Result<std::unique_ptr<BindingRegistry>> open(Parts parts, BindingSnapshot file);
  virtual ~BindingRegistry() = default;

  [[nodiscard]] virtual Snapshot snapshot() const = 0;

  /// The file's bindings and hooks are others now: both are in force at the same moment. One audit row a
  /// repository whose binding in force changes by it, and one for all hooks of organisations.
  virtual Status reload(BindingSnapshot file, const Actor& actor) = 0;
  /// Another process may have changed the overrides: what the store has now is in force then. Writes nothing
  /// but ids that are missing.
  virtual Status take_up_overrides() = 0;

  /// RepositoryAddressInvalid, GranularityInvalid, DirectionInvalid, RepositoryExists. User info in an
  /// address becomes its token where none is given.
  virtual Result<RepositoryBinding> bind_repository(const RepositoryToBind& wanted, const Actor& actor) = 0;
  /// What bind_repository() would say of the name and of each side, as far as they are given. Changes
  /// nothing.
  [[nodiscard]] virtual RepositoryCheck check_repository(const RepositoryToCheck& given) const = 0;
  /// RepositoryUnknown.
  virtual Status set_repository_enabled(std::string_view repository, bool enabled, const Actor& actor) = 0;
  /// RepositoryUnknown, RepositoryAddressInvalid. A stored token whose address moves to another host, and for
  /// which none is given, is taken away: it was meant for the old host.
  virtual Status change_addresses(std::string_view repository, const AddressChange& change,
                                  const Actor& actor) = 0;
  /// RepositoryUnknown. The branches, overrides and tokens go with it.
  virtual Status unbind_repository(std::string_view repository, const Actor& actor) = 0;
  /// Back to the file; overrides that wait for the file to have the name again go too. RepositoryUnknown
  /// where neither file nor overrides know the name; InvalidArgument for a binding that the file lacks, since
  /// nothing would be left of it.
  virtual Status reset_repository(std::string_view repository, const Actor& actor) = 0;

  /// RepositoryUnknown, BranchOnWholeRepository, BranchExists.
  virtual Result<BranchBinding> bind_branch(std::string_view repository, const BranchBinding& wanted,
                                            const Actor& actor) = 0;
  /// All bindings whose name on the source side of the repository's direction is `branch`. RepositoryUnknown,
  /// BranchUnknown (also for a whole repository). A disabled repository stays disabled.
  virtual Status set_branch_enabled(std::string_view repository, std::string_view branch, bool enabled,
                                    const Actor& actor) = 0;
  /// The same bindings. RepositoryUnknown, NoBranchToUnbind, BranchUnknown.
  virtual Status unbind_branch(std::string_view repository, std::string_view branch, const Actor& actor) = 0;
};

}  // namespace gitferry
