#include "agent/sync/run_metrics.h"

#include <algorithm>
#include <chrono>

#include "agent/base/metrics.h"

namespace gitferry {
namespace {

double seconds(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

double seconds(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

bool has_changed_target(const RunReport& report) {
  return !report.error && report.plan != Plan::Nothing;
}

std::string_view outcome_of(const RunReport& report) {
  if (report.error) return info(report.error->code).name;
  return has_changed_target(report) ? ran::kSynced : ran::kNoop;
}

/// A deletion, which has no pack, pushes as soon as both tips are known.
void observe_phases(const RunReport& report) {
  const auto first_byte = std::max(report.first_byte, report.listing);
  auto& phases = metrics().phase_duration;
  phases.observe(seconds(report.listing), phase::kListing);
  phases.observe(seconds(first_byte - report.listing), phase::kProof);
  phases.observe(seconds(report.total - first_byte), phase::kPush);
}

}  // namespace

void count_begun(const LaneRow& lane, std::int64_t started_at_ms) {
  // A retry waits on purpose.
  if (lane.attempts == 0) metrics().queue_delay.observe(seconds(started_at_ms - lane.marked_at_ms));
}

void count_ended(const LaneRow& lane, const RunEnd& end) {
  const auto& report = end.report;
  metrics().runs.add({lane.key.repository, name_of(lane.trigger), outcome_of(report)});
  metrics().run_duration.observe(seconds(report.total));
  if (report.error && !end.done_seq && end.counts_as_attempt)
    metrics().retries.add({info(report.error->code).name});
  if (!has_changed_target(report)) return;
  observe_phases(report);
  // What found the target equal already, an echo or a second delivery, was on time whatever happened before.
  if (lane.trigger == Trigger::Webhook && lane.delivery_id)
    metrics().push_to_sync.observe(seconds(end.finished_at_ms - lane.marked_at_ms));
}

void count_bytes(const std::vector<RunReport>& reports) {
  double bytes = 0;
  for (const auto& report : reports) {
    bytes += static_cast<double>(report.pack_bytes) / std::max<std::uint32_t>(report.refs_in_transfer, 1);
  }
  if (bytes > 0) metrics().pack_bytes.add({}, bytes);
}

}  // namespace gitferry
