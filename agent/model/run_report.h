#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/error.h"
#include "agent/model/binding.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// What a run decided from the two tips.
enum class Plan {
  Undecided,    ///< it failed before both tips were known
  Nothing,      ///< both refs are equal
  Create,       ///< the target has no such ref
  FastForward,  ///< the target's tip is an ancestor of the source's
  Rewrite,      ///< it is not, and the policy lets the run replace it
  Delete,       ///< the source has no such ref any more, and the deletion is to be propagated
  Refuse,       ///< the policy does not allow what would be needed
};

constexpr std::string_view name_of(Plan plan) {
  switch (plan) {
    case Plan::Undecided:
      return "undecided";
    case Plan::Nothing:
      return "nothing";
    case Plan::Create:
      return "create";
    case Plan::FastForward:
      return "fast_forward";
    case Plan::Rewrite:
      return "rewrite";
    case Plan::Delete:
      return "delete";
    case Plan::Refuse:
      return "refuse";
  }
  return "undecided";
}

/// Which engine a report is of.
enum class EngineKind { Relay, Mirror };

constexpr std::string_view name_of(EngineKind engine) {
  return engine == EngineKind::Mirror ? "mirror" : "relay";
}

/// How far two histories went apart.
struct Divergence {
  std::uint64_t ahead = 0;   ///< commits that only the source's branch has
  std::uint64_t behind = 0;  ///< commits that only the target's branch has

  bool operator==(const Divergence&) const = default;
};

/// What one run of one lane did: filled in as far as it came, also where it failed.
struct RunReport {
  Plan plan = Plan::Undecided;
  std::optional<ObjectId> source_tip;
  std::optional<ObjectId> target_tip_before;  ///< unset where the target has no such ref or was not reached
  /// What the target's ref is after the run, by the target's own answer. Unset where that is not known.
  std::optional<ObjectId> target_tip_after;
  bool dry_run = false;
  std::uint64_t new_commits = 0;            ///< seen in the pack until the proof was complete: a lower bound
  std::uint64_t pack_bytes = 0;             ///< sent to the target, for all refs of the transfer together
  std::uint32_t refs_in_transfer = 1;       ///< that shared the listings, the pack and the push
  std::uint64_t spooled_bytes = 0;          ///< written to disk on the way
  std::chrono::microseconds listing{0};     ///< until both tips were known
  std::chrono::microseconds first_byte{0};  ///< from the start to the first byte of the push request
  std::chrono::microseconds sent{0};        ///< until all of the pack was at the target
  std::chrono::microseconds total{0};
  EngineKind engine = EngineKind::Relay;  ///< that made this report
  /// The relay could not tell whether this is a fast-forward, or not within its limits: with all objects at
  /// hand it can be told.
  bool relay_undecided = false;
  bool mirror_renewed = false;           ///< the mirror was damaged, and was deleted and fetched anew
  std::optional<Divergence> divergence;  ///< of a plan that is no fast-forward; unset: not counted
  std::string backup_ref;                ///< where the target keeps the tip that was replaced; empty: nowhere
  std::string remote_text;               ///< what the target's hooks said: cleaned, bounded
  std::optional<Error> error;            ///< unset: success (a plan of Nothing is a success)
};

/// The tip that the run put on the target, as the target itself confirmed: what Policy::Follow goes by. Unset
/// for a run that failed, whatever it may have done, and for one that found both sides equal: somebody else
/// may have put that there.
inline std::optional<ObjectId> tip_put_by(const RunReport& report) {
  const bool has_pushed =
      report.plan == Plan::Create || report.plan == Plan::FastForward || report.plan == Plan::Rewrite;
  if (report.error || report.dry_run || !has_pushed) return std::nullopt;
  return report.target_tip_after;
}

/// Whether a ref that the source lacks may be deleted at the target, whose tip is `target_tip`. Like a
/// rewrite it must lose nobody's commits: only what both sides had, or what gitferry put there itself. By
/// force also what came since; but nowhere that both sides were not known to be in step, where the source may
/// never have had the ref.
inline bool may_delete(Policy policy, const std::optional<ObjectId>& put_tip,
                       const std::optional<ObjectId>& common_tip, const ObjectId& target_tip) {
  const bool was_in_step = put_tip || common_tip;
  return (policy == Policy::Force && was_in_step) || put_tip == target_tip || common_tip == target_tip;
}

/// How many refs one transfer may delete of a target that has `target_refs` branches and tags: at most 5, and
/// at most a fifth of them; one is always allowed. More than that is rather an accident at the source than
/// somebody's wish.
constexpr std::size_t deletion_limit(std::size_t target_refs) {
  return std::max<std::size_t>(1, std::min<std::size_t>(5, target_refs / 5));
}

/// Whether `policy` lets a run replace `target_tip` by what does not contain it. `put_tip`: what gitferry
/// last put on that ref; unset: not known.
inline bool may_replace(Policy policy, const std::optional<ObjectId>& put_tip, const ObjectId& target_tip) {
  return policy == Policy::Force || (policy == Policy::Follow && put_tip == target_tip);
}

}  // namespace gitferry
