#include "api/rows.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "agent/model/ref_name.h"
#include "api/envelope.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

/// The 7 digits that the API document calls commit_id.
constexpr std::size_t kShortId = 7;

Json::Value tip(const std::optional<ObjectId>& id) {
  return id ? Json::Value(id->hex()) : Json::Value();
}

Json::Value delivery_lane_json(const DeliveryLane& lane) {
  const bool has_run = lane.run_id.has_value();
  const bool has_ended = has_run && lane.run_state != RunState::Running;
  Json::Value row(Json::objectValue);
  row["lane_id"] = number(lane.lane_id);
  row["internal_ref"] = clean_text(lane.key.internal_ref);
  row["external_ref"] = clean_text(lane.key.external_ref);
  row["run_id"] = number_or_null(lane.run_id);
  row["run_state"] = has_run ? Json::Value(std::string(name_of(lane.run_state))) : Json::Value();
  row["code_status"] = has_ended ? Json::Value(lane.run_code_status) : Json::Value();
  row["error"] = text_or_null(lane.run_error);
  row["plan"] = text_or_null(lane.run_plan);
  return row;
}

/// Where a run's time went, by the words of its progress; what it did not come to is not there.
Json::Value phases_json(const RunRow& run) {
  Json::Value phases(Json::arrayValue);
  std::int64_t begun_us = 0;
  const auto add = [&](TransferPhase phase, std::int64_t until_us) {
    if (until_us < begun_us) return;
    Json::Value row(Json::objectValue);
    row["phase"] = std::string(name_of(phase));
    row["duration_us"] = number(until_us - begun_us);
    phases.append(std::move(row));
    begun_us = until_us;
  };
  if (run.state != RunState::Finished || run.total_us == 0) return phases;
  // What ended before its next step began was all of that one.
  add(TransferPhase::Listing, run.listing_us != 0 ? run.listing_us : run.total_us);
  if (run.first_byte_us == 0) {
    if (run.total_us > begun_us) add(TransferPhase::Proving, run.total_us);
    return phases;
  }
  add(TransferPhase::Proving, run.first_byte_us);
  add(TransferPhase::Sending, run.sent_us != 0 ? run.sent_us : run.total_us);
  if (run.sent_us != 0) add(TransferPhase::Waiting, run.total_us);
  return phases;
}

std::string outcome_of(const RunMark& run) {
  if (run.state != RunState::Finished) return std::string(name_of(run.state));
  if (run.code_status != 0) return "failed";
  return run.plan == name_of(Plan::Nothing) ? "nothing" : "pushed";
}

}  // namespace

Json::Value run_mark_json(const RunMark& run) {
  Json::Value row(Json::objectValue);
  row["id"] = number(run.id);
  row["outcome"] = outcome_of(run);
  return row;
}

Json::Value run_json(const RunRow& run) {
  Json::Value row(Json::objectValue);
  row["id"] = number(run.id);
  row["branch_id"] = id_or_null(run.branch_id);
  row["repo_name"] = run.key.repository;
  row["commit_id"] = text_or_null(run.source_tip.substr(0, kShortId));
  row["sync_direct"] = std::string(name_of(run.direction));
  row["log"] = clean_text(run.text);
  row["created_at"] = china_time(run.started_at_ms);
  row["update_at"] = china_time(run.finished_at_ms != 0 ? run.finished_at_ms : run.started_at_ms);

  row["state"] = std::string(name_of(run.state));
  row["code_status"] = run.code_status;
  row["error"] = text_or_null(run.error);
  row["plan"] = text_or_null(run.plan);
  row["trigger"] = std::string(name_of(run.trigger));
  row["delivery_id"] = number_or_null(run.delivery_id);
  row["lane_id"] = number(run.lane_id);
  row["internal_ref"] = clean_text(run.key.internal_ref);
  row["external_ref"] = clean_text(run.key.external_ref);
  row["source_tip"] = text_or_null(run.source_tip);
  row["target_tip_before"] = text_or_null(run.target_tip_before);
  row["target_tip_after"] = text_or_null(run.target_tip_after);
  row["pack_bytes"] = number(run.pack_bytes);
  row["duration_ms"] = number(run.total_us / 1000);
  row["phases"] = phases_json(run);
  row["started_at"] = time_or_null(run.started_at_ms);
  row["finished_at"] = time_or_null(run.finished_at_ms);
  return row;
}

Json::Value refs_json(const std::string& text) {
  auto refs = stored_json(text);
  return refs.isArray() ? refs : Json::Value(Json::arrayValue);
}

Json::Value delivery_json(const DeliveryRow& delivery) {
  const auto& record = delivery.record;
  Json::Value row(Json::objectValue);
  row["id"] = number(delivery.id);
  row["request_id"] = text_or_null(record.request_id);
  row["repo_name"] = text_or_null(record.repository);
  row["named_repository"] = text_or_null(record.named_repository);
  row["provider"] = clean_text(record.provider);
  row["hook"] = text_or_null(record.hook);
  row["side"] = record.side ? Json::Value(std::string(name_of(*record.side))) : Json::Value();
  row["replay_of"] = number_or_null(record.replay_of);
  row["duplicate_of"] = number_or_null(delivery.duplicate_of);
  row["same_body_as"] = number_or_null(delivery.same_body_as);
  row["event"] = clean_text(record.event);
  row["signed"] = !record.signed_id.empty();
  row["provider_delivery_id"] = text_or_null(record.provider_delivery_id);
  row["source_address"] = text_or_null(record.source_address);
  row["verdict"] = std::string(name_of(record.verdict));
  row["reason"] = text_or_null(record.reason);
  row["refs"] = refs_json(record.refs);
  row["body_sha256"] = text_or_null(record.body_sha256);
  row["body_bytes"] = number(record.body_bytes);
  row["received_at"] = time_or_null(record.received_at_ms);
  row["lanes"] = Json::Value(Json::arrayValue);
  row["lane_ids"] = Json::Value(Json::arrayValue);
  for (const auto& lane : delivery.lanes) {
    row["lanes"].append(delivery_lane_json(lane));
    row["lane_ids"].append(number(lane.lane_id));
  }
  return row;
}

Json::Value lane_json(const LaneRow& lane) {
  const bool ever_ended = lane.last_run_at_ms != 0 || lane.last_code_status != 0;
  // A ref that was deleted on both sides is in sync as well.
  const bool are_both_known =
      !lane.source_tip.empty() || (lane.last_run_at_ms != 0 && lane.last_error.empty());
  const bool tips_equal = are_both_known && lane.source_tip == lane.target_tip;
  Json::Value row(Json::objectValue);
  row["id"] = id_or_null(lane.id);
  row["repo_name"] = lane.key.repository;
  row["branch_id"] = id_or_null(lane.branch_id);
  row["internal_ref"] = clean_text(lane.key.internal_ref);
  row["external_ref"] = clean_text(lane.key.external_ref);
  row["source_tip"] = text_or_null(lane.source_tip);
  row["target_tip"] = text_or_null(lane.target_tip);
  row["ahead"] = lane.ahead ? number(*lane.ahead) : Json::Value();
  row["behind"] = lane.behind ? number(*lane.behind) : Json::Value();
  row["in_sync"] = tips_equal && !lane.is_pending() && lane.last_code_status == 0;
  row["pending"] = lane.is_pending();
  row["quarantined"] = lane.quarantined;
  row["attempts"] = lane.attempts;
  const auto next = std::max(lane.next_attempt_at_ms, lane.hold_until_ms);
  row["next_retry_at"] = lane.is_pending() && lane.attempts > 0 ? time_or_null(next) : Json::Value();
  row["plan"] = text_or_null(lane.last_plan);
  row["code_status"] = ever_ended ? Json::Value(lane.last_code_status) : Json::Value();
  row["error"] = text_or_null(lane.last_error);
  row["reason"] = lane.last_code_status == 0 ? Json::Value() : text_or_null(lane.last_text);
  row["last_run_at"] = time_or_null(lane.last_run_at_ms);
  row["last_success_at"] = time_or_null(lane.last_success_at_ms);
  return row;
}

Json::Value progress_json(const std::optional<ProgressView>& progress) {
  if (!progress) return {};
  const auto count = [](std::uint64_t value) { return number(static_cast<std::int64_t>(value)); };
  const bool is_counted = progress->objects_total != 0;
  Json::Value row(Json::objectValue);
  row["phase"] = std::string(name_of(progress->phase));
  row["objects_done"] = is_counted ? count(progress->objects_done) : Json::Value();
  row["objects_total"] = is_counted ? count(progress->objects_total) : Json::Value();
  row["bytes_received"] = count(progress->bytes_received);
  row["bytes_sent"] = count(progress->bytes_sent);
  row["bytes_per_second"] = count(progress->bytes_per_second);
  row["elapsed_seconds"] = number(progress->elapsed.count() / 1000);
  row["remaining_seconds"] = progress->remaining ? number(progress->remaining->count()) : Json::Value();
  row["refs_in_transfer"] = progress->refs_in_transfer;
  return row;
}

Json::Value status_json(const BranchStatus& branch, const std::optional<ProgressView>& progress,
                        const std::string& waits_for) {
  LaneRow never_marked;
  never_marked.key = branch.key;
  never_marked.branch_id = branch.branch_id;
  auto row = lane_json(branch.lane ? *branch.lane : never_marked);
  row["branch_id"] = id_or_null(branch.branch_id);
  row["internal_branch_name"] = clean_text(branch_or_ref(branch.key.internal_ref));
  row["external_branch_name"] = clean_text(branch_or_ref(branch.key.external_ref));
  row["status"] = std::string(name_of(branch.state));
  row["enabled"] = branch.enabled;
  row["waits_for_host"] = text_or_null(waits_for);
  row["progress"] = progress_json(progress);
  return row;
}

Json::Value audit_json(const AuditRow& change) {
  const auto& entry = change.entry;
  Json::Value row(Json::objectValue);
  row["id"] = number(change.id);
  row["at"] = time_or_null(change.at_ms);
  row["actor"] = text_or_null(entry.actor);
  row["via"] = text_or_null(entry.via);
  row["action"] = text_or_null(entry.action);
  row["repo_name"] = text_or_null(entry.repository);
  row["branch"] = text_or_null(entry.branch);
  row["before"] = stored_json(entry.before);
  row["after"] = stored_json(entry.after);
  row["request_id"] = text_or_null(entry.request_id);
  return row;
}

Json::Value outcome_json(const SyncOutcome& outcome) {
  const auto& report = outcome.report;
  Json::Value row(Json::objectValue);
  row["lane_id"] = id_or_null(outcome.lane_id);
  row["sync_direct"] = std::string(name_of(outcome.direction));
  row["internal_ref"] = clean_text(outcome.key.internal_ref);
  row["external_ref"] = clean_text(outcome.key.external_ref);
  row["finished"] = outcome.finished;
  if (!outcome.finished) {
    row["code_status"] = info(ErrorCode::RunPending).code_status;
    return row;
  }
  row["code_status"] = report.error ? info(report.error->code).code_status : 0;
  row["error"] = report.error ? Json::Value(std::string(info(report.error->code).name)) : Json::Value();
  row["detail"] = report.error ? clean_text(report.error->text()) : Json::Value();
  row["plan"] = std::string(name_of(report.plan));
  row["dry_run"] = report.dry_run;
  row["source_tip"] = tip(report.source_tip);
  row["target_tip_before"] = tip(report.target_tip_before);
  row["target_tip_after"] = tip(report.target_tip_after);
  row["pack_bytes"] = number(static_cast<std::int64_t>(report.pack_bytes));
  row["duration_ms"] = number(report.total.count() / 1000);
  row["remote_text"] = text_or_null(report.remote_text);
  return row;
}

}  // namespace gitferry::api
