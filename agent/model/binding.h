#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/remote_url.h"
#include "agent/model/webhook_source.h"

namespace gitferry {

/// The two ends of a repository binding. Inside the engine there are only source and target.
enum class Side { Internal, External };

/// Which way one run goes. Numbers are those of the API.
enum class Direction { ToOuter = 1, ToInter = 2 };
/// Which ways a binding goes; each run of it goes one way all the same. Numbers are those of the API, and the
/// union of the directions' own. Both: a push on either side goes to the other, by fast-forward alone.
enum class BindingDirection { ToOuter = 1, ToInter = 2, Both = 3 };
enum class Granularity { All = 1, One = 2 };

/// What a run may do to a target that is not an ancestor of the source.
/// Every rewrite is a compare-and-swap on the tip that was seen.
enum class Policy {
  FfOnly,  ///< refuse it
  /// Make it equal to the source only where its tip is exactly what gitferry last put there: then all of its
  /// history came from the source. Refuse it otherwise.
  Follow,
  Force,  ///< make it equal to the source
};

/// What a ref that is gone at the source means for the target.
enum class Deletions {
  Ignore,     ///< nothing
  Propagate,  ///< it is deleted there too, where may_delete() says that nothing is lost; never the default
              ///< branch
};

/// Which tags are synced, each under its own name.
enum class Tags { None, All };

/// Where what is in force comes from.
enum class Origin {
  File,             ///< the configuration file alone
  Api,              ///< bound through the API; the file has no such entry
  FileAndOverride,  ///< an entry of the file that the API changed
};

std::string_view name_of(Side side);
std::string_view name_of(Direction direction);
std::string_view name_of(BindingDirection direction);
std::string_view name_of(Granularity granularity);
std::string_view name_of(Policy policy);
std::string_view name_of(Deletions deletions);
std::string_view name_of(Tags tags);
/// `file`, `api`, `file+override`: words of the API.
std::string_view name_of(Origin origin);
std::optional<Direction> direction_from(std::string_view name);
std::optional<BindingDirection> binding_direction_from(std::string_view name);
std::optional<Granularity> granularity_from(std::string_view name);
std::optional<Policy> policy_from(std::string_view name);
std::optional<Deletions> deletions_from(std::string_view name);
std::optional<Tags> tags_from(std::string_view name);

inline Side source_side(Direction direction) {
  return direction == Direction::ToOuter ? Side::Internal : Side::External;
}
inline Side other(Side side) {
  return side == Side::Internal ? Side::External : Side::Internal;
}
/// The direction that takes what `source` has to the other side.
inline Direction direction_from_side(Side source) {
  return source == Side::Internal ? Direction::ToOuter : Direction::ToInter;
}
inline Direction opposite(Direction direction) {
  return direction == Direction::ToOuter ? Direction::ToInter : Direction::ToOuter;
}

/// Whether runs of a binding go that way by themselves.
inline bool goes(BindingDirection binding, Direction direction) {
  return binding == BindingDirection::Both || static_cast<int>(binding) == static_cast<int>(direction);
}
/// Where nothing says which way: the binding's only one, or to_outer.
inline Direction first_direction(BindingDirection binding) {
  return binding == BindingDirection::ToInter ? Direction::ToInter : Direction::ToOuter;
}

/// One pair of branch names. Names are short (`main`), without `refs/heads/`.
struct BranchBinding {
  std::string internal;
  std::string external;
  bool enabled = true;
  std::optional<Policy> policy = std::nullopt;        ///< unset: the repository's
  std::optional<Deletions> deletions = std::nullopt;  ///< the same
  // What only the registry fills in.
  std::int64_t id = 0;  ///< stable: allotted once per (repository, internal, external)
  std::int64_t created_at_ms = 0;
  Origin origin = Origin::File;
  std::optional<bool> file_enabled = std::nullopt;  ///< what the file says, where an override says otherwise

  [[nodiscard]] const std::string& name(Side side) const {
    return side == Side::Internal ? internal : external;
  }
  bool operator==(const BranchBinding&) const = default;
};

/// What the API was given to show at one side's http(s) address, instead of the configuration's credentials.
struct SideToken {
  std::string username;  ///< what the token goes with; `oauth2` where none was given
  Secret token;
  /// RemoteUrl::origin() of the address it was given for: it is never shown anywhere else.
  std::string given_for;

  /// At http(s) addresses of that origin alone. What was given for https is never shown unencrypted, whoever
  /// changes the address; what was given for http may go to https on the same host and port.
  [[nodiscard]] bool may_be_shown_at(const RemoteUrl& address) const;
};

/// What the file says, where an override says otherwise. Unset: not overridden.
struct FileValues {
  std::optional<bool> enabled;
  std::optional<RemoteUrl> internal;
  std::optional<RemoteUrl> external;
  std::optional<Granularity> granularity;
  std::optional<BindingDirection> direction;
};

/// A repository binding as it is in force. Immutable once it is part of a BindingSnapshot.
struct RepositoryBinding {
  std::string name;
  bool enabled = true;
  RemoteUrl internal;
  RemoteUrl external;
  Granularity granularity = Granularity::One;
  BindingDirection direction = BindingDirection::ToOuter;
  Policy policy = Policy::FfOnly;  ///< of a two-way binding, and of its branches, always FfOnly
  Deletions deletions = Deletions::Ignore;
  Tags tags = Tags::None;
  /// A tip that a rewrite replaces is kept on the target as `refs/gitferry/backup/<branch>/<time>-<id>`.
  bool backup_refs = false;
  std::optional<WebhookSource> internal_webhook;
  std::optional<WebhookSource> external_webhook;
  std::vector<BranchBinding> branches;  ///< empty for Granularity::All
  // What only the registry fills in.
  std::int64_t id = 0;  ///< stable: allotted once per name
  std::int64_t created_at_ms = 0;
  Origin origin = Origin::File;
  FileValues file;
  std::optional<SideToken> internal_token;
  std::optional<SideToken> external_token;
  /// Why the binding cannot be used as it was stored (an address whose scheme is not allowed any more); it is
  /// disabled then. Empty: nothing is wrong.
  std::string problem;

  [[nodiscard]] const RemoteUrl& address(Side side) const {
    return side == Side::Internal ? internal : external;
  }
  /// Which refs are synced, besides bound branches, only their hosts know.
  [[nodiscard]] bool needs_listing() const { return granularity == Granularity::All || tags == Tags::All; }
  [[nodiscard]] bool is_two_way() const { return direction == BindingDirection::Both; }
  /// Whether pushes to that side are to reach the other.
  [[nodiscard]] bool is_source(Side side) const { return goes(direction, direction_from_side(side)); }
  [[nodiscard]] Policy policy_of(const BranchBinding& branch) const { return branch.policy.value_or(policy); }
  [[nodiscard]] Deletions deletions_of(const BranchBinding& branch) const {
    return branch.deletions.value_or(deletions);
  }
  [[nodiscard]] const std::optional<WebhookSource>& webhook(Side side) const {
    return side == Side::Internal ? internal_webhook : external_webhook;
  }
  [[nodiscard]] const std::optional<SideToken>& token(Side side) const {
    return side == Side::Internal ? internal_token : external_token;
  }
};

/// All bindings in force at one moment. Shared as `std::shared_ptr<const BindingSnapshot>`, never changed,
/// swapped whole.
struct BindingSnapshot {
  std::map<std::string, RepositoryBinding, std::less<>> repositories;
  std::vector<std::string> by_age;      ///< all names, by (created_at_ms, id): the order of the API's lists
  std::vector<std::string> unbound;     ///< entries of the file that the API unbound, by name
  std::vector<OrganisationHook> hooks;  ///< of organisations and instances, as the file lists them

  [[nodiscard]] const RepositoryBinding* find(std::string_view name) const {
    const auto found = repositories.find(name);
    return found == repositories.end() ? nullptr : &found->second;
  }
};

using Snapshot = std::shared_ptr<const BindingSnapshot>;

/// 1–128 of `[A-Za-z0-9._-]`, not beginning with '.' or '-', and not `repo` (its path would be ambiguous).
Result<std::string> checked_repository_name(std::string_view name);

/// The unit of work and of mutual exclusion: one ref pair of one repository binding. Refs are full names.
struct LaneKey {
  std::string repository;
  std::string internal_ref;
  std::string external_ref;

  [[nodiscard]] const std::string& ref(Side side) const {
    return side == Side::Internal ? internal_ref : external_ref;
  }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
  auto operator<=>(const LaneKey&) const = default;
};

}  // namespace gitferry
