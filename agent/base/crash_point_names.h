#pragma once

#include <array>
#include <string_view>

#include "agent/base/crash_point.h"

namespace gitferry {

struct CrashPointName {
  CrashPoint point;
  std::string_view name;
};

/// Every crash point, in the order of the enumeration. In a header of its own, so that a build without crash
/// points has none of the names.
inline constexpr std::array kCrashPoints{
    CrashPointName{CrashPoint::DeliveryVerified, "delivery_verified"},
    CrashPointName{CrashPoint::DeliveryRouted, "delivery_routed"},
    CrashPointName{CrashPoint::DeliveryInserted, "delivery_inserted"},
    CrashPointName{CrashPoint::LanesMarked, "lanes_marked"},
    CrashPointName{CrashPoint::BeforeCommit, "before_commit"},
    CrashPointName{CrashPoint::AfterCommit, "after_commit"},
    CrashPointName{CrashPoint::SecondGroupWaiting, "second_group_waiting"},
    CrashPointName{CrashPoint::BeforeReply, "before_reply"},
    CrashPointName{CrashPoint::AfterReply, "after_reply"},
    CrashPointName{CrashPoint::LaneTaken, "lane_taken"},
    CrashPointName{CrashPoint::RunsBegun, "runs_begun"},
    CrashPointName{CrashPoint::LaneRequested, "lane_requested"},
    CrashPointName{CrashPoint::BeforeDoneSeq, "before_done_seq"},
    CrashPointName{CrashPoint::DoneSeqWritten, "done_seq_written"},
    CrashPointName{CrashPoint::AfterDoneSeq, "after_done_seq"},
    CrashPointName{CrashPoint::BackoffWritten, "backoff_written"},
    CrashPointName{CrashPoint::SourceListed, "source_listed"},
    CrashPointName{CrashPoint::TargetListed, "target_listed"},
    CrashPointName{CrashPoint::PlanMade, "plan_made"},
    CrashPointName{CrashPoint::BackupPushed, "backup_pushed"},
    CrashPointName{CrashPoint::FetchSent, "fetch_sent"},
    CrashPointName{CrashPoint::PackPartRead, "pack_part_read"},
    CrashPointName{CrashPoint::PackPartSpooled, "pack_part_spooled"},
    CrashPointName{CrashPoint::PushOpened, "push_opened"},
    CrashPointName{CrashPoint::PackPartSent, "pack_part_sent"},
    CrashPointName{CrashPoint::TrailerSent, "trailer_sent"},
    CrashPointName{CrashPoint::ReportAwaited, "report_awaited"},
    CrashPointName{CrashPoint::ReportRead, "report_read"},
    CrashPointName{CrashPoint::MirrorHalfMade, "mirror_half_made"},
    CrashPointName{CrashPoint::MirrorMade, "mirror_made"},
    CrashPointName{CrashPoint::MirrorPackPartRead, "mirror_pack_part_read"},
    CrashPointName{CrashPoint::MirrorPackIndexed, "mirror_pack_indexed"},
    CrashPointName{CrashPoint::ManifestWritten, "manifest_written"},
    CrashPointName{CrashPoint::ManifestReplaced, "manifest_replaced"},
    CrashPointName{CrashPoint::MirrorDamageFound, "mirror_damage_found"},
    CrashPointName{CrashPoint::MirrorCleared, "mirror_cleared"},
    CrashPointName{CrashPoint::MirrorPackBuilt, "mirror_pack_built"},
    CrashPointName{CrashPoint::MirrorPushOpened, "mirror_push_opened"},
    CrashPointName{CrashPoint::MirrorPackPartSent, "mirror_pack_part_sent"},
    CrashPointName{CrashPoint::MirrorPacksJoined, "mirror_packs_joined"},
    CrashPointName{CrashPoint::MirrorPackRemoved, "mirror_pack_removed"},
    CrashPointName{CrashPoint::MigrationStepWritten, "migration_step_written"},
    CrashPointName{CrashPoint::MigrationStepCommitted, "migration_step_committed"},
    CrashPointName{CrashPoint::CrashesCounted, "crashes_counted"},
    CrashPointName{CrashPoint::LanesQuarantined, "lanes_quarantined"},
    CrashPointName{CrashPoint::RunsInterrupted, "runs_interrupted"},
    CrashPointName{CrashPoint::StoreTidied, "store_tidied"},
    CrashPointName{CrashPoint::IdsAllotted, "ids_allotted"},
    CrashPointName{CrashPoint::DeliveriesPruned, "deliveries_pruned"},
    CrashPointName{CrashPoint::RunsPruned, "runs_pruned"},
    CrashPointName{CrashPoint::OverrideWritten, "override_written"},
    CrashPointName{CrashPoint::SnapshotSwapped, "snapshot_swapped"},
    CrashPointName{CrashPoint::LanesMended, "lanes_mended"},
    CrashPointName{CrashPoint::ReloadRead, "reload_read"},
    CrashPointName{CrashPoint::ReloadWritten, "reload_written"},
    CrashPointName{CrashPoint::ReloadTaken, "reload_taken"},
    CrashPointName{CrashPoint::ReconcileListed, "reconcile_listed"},
    CrashPointName{CrashPoint::ReconcileMarked, "reconcile_marked"},
    CrashPointName{CrashPoint::StoreOpened, "store_opened"},
    CrashPointName{CrashPoint::Listening, "listening"},
    CrashPointName{CrashPoint::Started, "started"},
    CrashPointName{CrashPoint::StopBegun, "stop_begun"},
    CrashPointName{CrashPoint::WorkersStopped, "workers_stopped"},
    CrashPointName{CrashPoint::Drained, "drained"},
};

}  // namespace gitferry
