#pragma once

#include <string_view>

namespace gitferry {

/// The places at which a test may kill the process, in the order of a push's way. Their names are in
/// crash_point_names.h.
enum class CrashPoint {
  // A delivery.
  DeliveryVerified,
  DeliveryRouted,
  DeliveryInserted,
  LanesMarked,
  BeforeCommit,
  AfterCommit,
  SecondGroupWaiting,  ///< others wait for the next commit, and nobody was told of this one
  BeforeReply,
  AfterReply,  ///< subject: the first 12 bytes of the answer, `HTTP/1.1 202`
  // A lane and its run.
  LaneTaken,
  RunsBegun,
  LaneRequested,  ///< subject: the lane's internal ref
  BeforeDoneSeq,
  DoneSeqWritten,  ///< and not committed
  AfterDoneSeq,
  BackoffWritten,  ///< and not committed
  // The tips and the plan.
  SourceListed,
  TargetListed,
  PlanMade,
  BackupPushed,
  // The relay.
  FetchSent,
  PackPartRead,  ///< the first pass: the pack's first bytes
  PackPartSpooled,
  PushOpened,
  PackPartSent,
  TrailerSent,
  ReportAwaited,
  ReportRead,
  // The mirror.
  MirrorHalfMade,
  MirrorMade,
  MirrorPackPartRead,
  MirrorPackIndexed,
  ManifestWritten,  ///< beside the one in force
  ManifestReplaced,
  MirrorDamageFound,
  MirrorCleared,
  MirrorPackBuilt,
  MirrorPushOpened,
  MirrorPackPartSent,
  MirrorPacksJoined,
  MirrorPackRemoved,  ///< one of the files that are left over
  // The store.
  MigrationStepWritten,  ///< and not committed
  MigrationStepCommitted,
  CrashesCounted,    ///< and not committed, as the next two
  LanesQuarantined,  ///< passed where there are any
  RunsInterrupted,
  StoreTidied,
  IdsAllotted,       ///< and not committed
  DeliveriesPruned,  ///< and not committed
  RunsPruned,        ///< and not committed
  // The bindings.
  OverrideWritten,
  SnapshotSwapped,
  LanesMended,
  ReloadRead,
  ReloadWritten,
  ReloadTaken,
  // The reconcile.
  ReconcileListed,
  ReconcileMarked,
  // Start and stop.
  StoreOpened,
  Listening,
  Started,
  StopBegun,
  WorkersStopped,
  Drained,
};

/// Kills the process where the environment asks for it: GITFERRY_CRASH_AT is `name`, `name:n` for the n-th
/// pass, each with `@subject` for the passes with that subject alone. Nothing at all in a build without the
/// CMake option GITFERRY_CRASH_POINTS, as every release is.
///
/// Threading: from any thread. Errors: a value that names no point ends the process at the first pass.
#ifdef GITFERRY_CRASH_POINTS
void crash_point(CrashPoint point, std::string_view subject = {});
#else
inline void crash_point(CrashPoint /*point*/, std::string_view /*subject*/ = {}) {}
#endif

}  // namespace gitferry
