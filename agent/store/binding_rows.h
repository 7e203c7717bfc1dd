#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/binding.h"

namespace gitferry {

/// What the API changed of one repository binding. An unset field is the file's.
struct RepositoryOverride {
  enum class Kind {
    Change,   ///< fields of an entry of the file; means nothing while the file lacks it
    Bound,    ///< a whole binding made through the API; all fields but the tokens are set
    Unbound,  ///< hides the file's entry; no field is set
  };
  std::string name;
  Kind kind = Kind::Change;
  std::optional<bool> enabled;
  std::optional<std::string> internal;  ///< address without user info; encrypted in the database
  std::optional<std::string> external;
  std::optional<Granularity> granularity;
  std::optional<BindingDirection> direction;
  std::optional<SideToken> internal_token;  ///< encrypted in the database
  std::optional<SideToken> external_token;
  std::int64_t created_at_ms = 0;  ///< of a Bound one
};

/// The same for one branch binding. Branch names are short.
struct BranchOverride {
  enum class Kind { Change, Bound, Unbound };
  std::string repository;
  std::string internal;
  std::string external;
  Kind kind = Kind::Change;
  std::optional<bool> enabled;
  std::int64_t created_at_ms = 0;
};

struct BranchKey {
  std::string repository;
  std::string internal;
  std::string external;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
  auto operator<=>(const BranchKey&) const = default;
};

/// All overrides there are; both lists in the order of their keys.
struct OverrideRows {
  std::vector<RepositoryOverride> repositories;
  std::vector<BranchOverride> branches;
};

/// Who changed what. Never holds a secret: whoever writes the texts sees to that.
struct AuditEntry {
  std::string actor;   ///< name of the token; empty for a reload
  std::string via;     ///< `api`, `command_line`, `reload`
  std::string action;  ///< stable word: `bind_repository`, `unbind_branch`, `reload`, …
  std::string repository;
  std::string branch;  ///< names of the pair, as `internal -> external`; empty: the repository
  std::string before;  ///< JSON object, empty: there was nothing
  std::string after;   ///< JSON object, empty: there is nothing any more
  std::string request_id;
};

struct AuditRow {
  std::int64_t id = 0;
  std::int64_t at_ms = 0;
  AuditEntry entry;
};

/// A fingerprint of both addresses of a repository, for seeing that they changed while nobody ran.
struct KnownAddresses {
  std::string repository;
  std::string fingerprint;  ///< empty: none, for it is gone
};

/// One change of the overrides: all of it or nothing is written, in this order.
struct OverrideChange {
  std::vector<std::string> drop_repositories;  ///< their overrides, those of their branches, their tokens
  std::vector<BranchKey> drop_branches;
  std::vector<RepositoryOverride> put_repositories;  ///< replaces what is there under that name
  std::vector<BranchOverride> put_branches;
  /// Repositories whose addresses are others now, or that are gone: what their lanes know of tips and
  /// outcomes is forgotten. Pending marks stay.
  std::vector<std::string> forget_lanes_of;
  std::vector<AuditEntry> audit;
  /// Between which addresses the lanes of some repositories run from now on.
  std::vector<KnownAddresses> addresses = {};
};

/// What ids are wanted for.
struct BindingNames {
  std::vector<std::string> repositories;
  std::vector<BranchKey> branches;
};
struct BindingId {
  std::int64_t id = 0;
  std::int64_t created_at_ms = 0;  ///< when it was allotted
  std::string addresses;           ///< of a repository: the fingerprint that was noted last; empty: none
};
/// In the order of the names.
struct BindingIds {
  std::vector<BindingId> repositories;
  std::vector<BindingId> branches;
};

struct AuditFilter {
  std::string repository;  ///< empty: all
};

}  // namespace gitferry
