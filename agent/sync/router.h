#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/model/binding.h"
#include "agent/model/push_event.h"
#include "agent/store/store.h"

namespace gitferry {

/// What became of one ref of a delivery. `reason` is a stable word: `repository_disabled`,
/// `branch_not_bound`, `branch_disabled`, `not_a_source`, `not_a_branch` (a tag is none either, unless tags
/// are synced), `deletion_ignored`; empty where a lane was marked.
struct RefVerdict {
  std::string ref;
  std::string reason;
  bool deleted = false;  ///< by the payload
};

struct Route {
  std::vector<LaneMark> marks;
  std::vector<RefVerdict> refs;
  /// The event does not say what moved, and the binding is of every branch or tag: which lanes to mark shows
  /// only when both hosts are listed.
  bool needs_listing = false;
  /// Why an event that does not say what moved is none of the binding's business; empty if it is.
  std::string unspecific_reason;
  /// Why nothing was marked at all; empty if something was, or will be when the hosts are listed. The refs'
  /// common reason, or `several_reasons`, or `no_changes` where the event names no ref.
  [[nodiscard]] std::string ignored_reason() const;
};

/// Event × binding → lanes to mark. A pure function: no I/O, no state; the same input gives the same marks.
/// `side` is the one whose hook fired: what it has is to reach the other. Marks are sorted by lane, and none
/// comes twice.
Route route(const PushEvent& event, const RepositoryBinding& binding, Side side);

/// Whether the payload's repository is the one at `address`: by any of its URLs, or by its full name,
/// whatever the host.
bool names_repository(const RepositoryIdentity& identity, const RemoteUrl& address);

}  // namespace gitferry
