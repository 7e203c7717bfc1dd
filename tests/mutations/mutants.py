"""The defects that are planted, one at a time, and the tests that have to see each of them.

A mutant says where it strikes (a file, and a text that occurs there once), what stands there instead, and which
tests of which program are to fail by it. An N-number is the one of the catalogue of negative controls."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    what: str  # the defect, as one would tell it
    file: str
    old: str
    new: str
    program: str  # the test program, a CMake target
    tests: str  # a filter of its tests


def mutant(name, what, file, old, new, program, tests):
    return Mutant(name, what, file, old.strip("\n"), new.strip("\n"), program, tests)


MUTANTS = [
    mutant(
        "ack_before_commit",
        "N-01: a write is answered before it is on the disk",
        "agent/store/writer.cpp",
        """
  connection_->commit();
""",
        """
  for (auto& request : group) request.promise.set_value(request.outcome);
  for (auto& request : group) request.promise = {};
  connection_->commit();
""",
        "store_test",
        "PowerCut*:R02*",
    ),
    mutant(
        "sync_normal",
        "N-02: commits are not synced (synchronous=NORMAL)",
        "agent/store/database.cpp",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        "store_test",
        "PowerCut*:R02*",
    ),
    mutant(
        "sync_off",
        "N-03: nothing is ever synced (synchronous=OFF)",
        "agent/store/database.cpp",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=OFF",
        "store_test",
        "PowerCut*:R02*",
    ),
    mutant(
        "no_lane_lock",
        "N-04: a lane that runs is taken once more",
        "agent/sync/lane_turns.cpp",
        "if (must_wait(lane, search) || running_.contains(lane.id)) return Offer::RepositoryRefused;",
        "if (must_wait(lane, search)) return Offer::RepositoryRefused;",
        "sync_test",
        "LaneTurns*:LaneRunner*",
    ),
    mutant(
        "follow_redirect",
        "N-06: a redirect may lead to another host",
        "agent/git/http_transport.cpp",
        "if (to.host != from.host || to.port != from.port) {",
        "if (to.host.empty()) {",
        "git_transport_test",
        "*edirect*",
    ),
    mutant(
        "done_seq_latest",
        "N-07: the end of a run settles what was asked for while it ran",
        "agent/store/lanes.cpp",
        "UPDATE lane SET done_seq = {larger}(done_seq, ?2), attempts = 0, hold_until_ms = ?3,",
        "UPDATE lane SET done_seq = {larger}(requested_seq, ?2), attempts = 0, hold_until_ms = ?3,",
        "store_test",
        "StoreTest*:LanesTest*",
    ),
    mutant(
        "trust_silence",
        "N-08: a push counts as done without the target's word for the ref",
        "agent/git/receive_pack.cpp",
        "} else if (!is_accepted[i] || unpack_reason.empty()) {",
        "} else if (unpack_reason == \"never\") {",
        "git_wire_test",
        "ReceivePack*",
    ),
    mutant(
        "no_boot_scan",
        "N-09: what is pending at a start waits for the next push",
        "agent/sync/lane_runner.cpp",
        "  std::unique_ptr<Engine> engine;\n  while (!is_stopping()) {",
        "  std::unique_ptr<Engine> engine;\n  wait_for_work(0);\n  while (!is_stopping()) {",
        "sync_test",
        "LaneRunner*:SyncService*",
    ),
    mutant(
        "no_head_deadline",
        "N-10: a request may take as long as it likes",
        "api/reception.cpp",
        "connection.deadline = arrival.at + options_.request_time;",
        "connection.deadline = arrival.at + std::chrono::hours(1);",
        "api_test",
        "*Reception*:*H22*:*H23*:*H24*:*Slow*",
    ),
    mutant(
        "no_body_limit",
        "N-11: a body may be longer than its route admits",
        "api/reception.cpp",
        "if (connection.content_length > admission.body_limit) {",
        "if (connection.content_length > admission.body_limit * 1000) {",
        "api_test",
        "*Limits*:*Reception*:*H0*",
    ),
    mutant(
        "check_at_bind_only",
        "N-12: the address that is connected to is not checked",
        "agent/git/http_transfer.cpp",
        "if (!transfer.request_.proxy && !transfer.session_.options().addresses.allows(*ip)) {",
        "if (!transfer.request_.proxy && ip->text().empty()) {",
        "git_transport_test",
        "*Address*:*Policy*:*S0*:HttpTransport*",
    ),
    mutant(
        "no_retry_after",
        "N-14: a host's Retry-After is not obeyed",
        "agent/sync/retry.h",
        "return std::clamp(retry_after, std::chrono::seconds{0}, kRetryAfterCap);",
        "return std::clamp(retry_after, std::chrono::seconds{0}, std::chrono::seconds{0});",
        "sync_test",
        "Retry*:LaneRunner*",
    ),
    mutant(
        "no_jitter",
        "N-14: lanes that failed together come back together",
        "agent/sync/retry.h",
        "static_cast<std::int64_t>(static_cast<double>(limit.count()) * fraction)",
        "static_cast<std::int64_t>(static_cast<double>(limit.count()) * (0.5 + fraction * 0))",
        "sync_test",
        "Retry*",
    ),
    mutant(
        "empty_is_delete",
        "N-15: a source without any branch has all of them deleted on the other side",
        "agent/git/relay_link.cpp",
        "if (!*has_branches) return Reason{deletion_by_empty_source(what)};",
        "",
        "relay_test",
        "*RelayDeletion*",
    ),
    mutant(
        "delete_without_limit",
        "any number of refs is deleted in one transfer",
        "agent/git/ref_batch.cpp",
        "if (request_.may_delete_many || deletions.size() <= deletion_limit(target_refs)) return;",
        "if (deletions.size() <= target_refs) return;",
        "relay_test",
        "*RelayDeletion*",
    ),
    mutant(
        "no_crash_count",
        "N-16: a lane that crashes the agent runs again for ever",
        "agent/store/lanes.cpp",
        "quarantined = CASE WHEN crash_count + 1 >= ?1 THEN 1 ELSE 0 END",
        "quarantined = 0",
        "store_test",
        "StoreTest*:LanesTest*",
    ),
    mutant(
        "no_mirror_heal",
        "N-17: a damaged mirror is not made anew",
        "agent/git/mirror.cpp",
        "mirror.error().code == ErrorCode::LocalRepositoryDamaged && !run.has_renewed;",
        "mirror.error().code == ErrorCode::LocalRepositoryDamaged && run.has_renewed;",
        "mirror_test",
        "Mirror*",
    ),
    mutant(
        "swallow_full",
        "N-18: a commit that failed is told as done",
        "agent/store/writer.cpp",
        "    request.outcome = fail(committed.error());",
        "    if (request.outcome) continue;\n    request.outcome = fail(committed.error());",
        "store_test",
        "*NthCall*:R03*",
    ),
    mutant(
        "no_reconcile",
        "N-19: nothing is compared by itself",
        "agent/sync/reconcile_schedule.cpp",
        "if (options_.interval.count() == 0) return std::nullopt;\n  // The first sweep",
        "if (options_.interval.count() >= 0) return std::nullopt;\n  // The first sweep",
        "sync_test",
        "Reconcile*",
    ),
    mutant(
        "short_backlog",
        "N-21: few may wait to be accepted",
        "api/http_server.cpp",
        "    ::listen(svr_sock_.load(), kBacklog);\n",
        "",
        "api_test",
        "*H31*",
    ),
    mutant(
        "reload_clears",
        "N-22: a reload forgets what is pending",
        "agent/sync/sync_service.cpp",
        "    mark_mended(*before, *snapshot);\n",
        "    mark_mended(*before, *snapshot);\n"
        "    for (const auto& lane : parts_.store.lanes().value())\n"
        "      static_cast<void>(parts_.store.drop_lane_request(lane.id, lane.requested_seq, {}));\n",
        "sync_test",
        "SyncService*:MendedLanes*:Reconciler*",
    ),
    mutant(
        "forget_to_fold",
        "a push that comes while a lane is pending asks for no run",
        "agent/store/lanes.cpp",
        "      requested_seq = requested_seq + 1,\n",
        "      requested_seq = CASE WHEN requested_seq > done_seq THEN requested_seq ELSE requested_seq + 1 END,\n",
        "sync_test",
        "LaneRunner*",
    ),
    mutant(
        "no_compare_and_swap",
        "a rewrite replaces what came to the target meanwhile",
        "agent/git/ref_batch.cpp",
        "  } else if (item.seen->tip != report.target_tip_before) {\n    report.error = target_moved(what(item));\n    item.is_alone = true;\n  } else {\n    report.plan = Plan::Rewrite;",
        "  } else {\n    report.plan = Plan::Rewrite;",
        "relay_test",
        "*RelayFault*",
    ),
    mutant(
        "follow_is_force",
        "the policy follow replaces what gitferry did not put there",
        "agent/model/run_report.h",
        "return policy == Policy::Force || (policy == Policy::Follow && put_tip == target_tip);",
        "return policy == Policy::Force || (policy == Policy::Follow && (put_tip || target_tip == target_tip));",
        "relay_test",
        "*RelayPolicy*:*Follow*",
    ),
    mutant(
        "no_pack_checksum",
        "a damaged pack is passed on to its end",
        "agent/git/held_pack.cpp",
        "  if (!checksum.is(end)) return fail(wrong_pack_checksum());\n",
        "",
        "git_wire_test",
        "HeldPack*",
    ),
    mutant(
        "no_backup",
        "what a rewrite replaces is kept nowhere",
        "agent/git/ref_batch.cpp",
        "  if (!request_.keep_backup) return;\n",
        "  return;\n",
        "relay_test",
        "*RelayPolicy*:*RelayBatch*",
    ),
    mutant(
        "no_breaker",
        "a host that does not answer is asked for each of its lanes",
        "agent/sync/host_breakers.cpp",
        "return in_a_row.are(kFailuresInARow) || of_last.are(kFailuresOfLast);",
        "return in_a_row.are(kFailuresInARow * 1000) || of_last.are(kFailuresOfLast * 1000);",
        "sync_test",
        "R32*",
    ),
    mutant(
        "replay_counts",
        "a delivery that is sent again marks its lanes again",
        "agent/store/deliveries.cpp",
        "const bool is_duplicate = kinship.duplicate_of.has_value();",
        "const bool is_duplicate = false;",
        "store_test",
        "Deliveries*",
    ),
]
