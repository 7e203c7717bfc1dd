#include "agent/sync/progress_meter.h"

#include <algorithm>
#include <cmath>

namespace gitferry {
namespace {

double per_second(std::uint64_t before, std::uint64_t now, double seconds) {
  return seconds > 0 && now > before ? static_cast<double>(now - before) / seconds : 0;
}

/// What is left of all that will be sent, of which only the objects are counted: the bytes of those that have
/// come tell how large the others are.
double bytes_to_send(const ProgressView& view) {
  const auto share = static_cast<double>(view.objects_total) / static_cast<double>(view.objects_done);
  return std::max(0.0,
                  static_cast<double>(view.bytes_received) * share - static_cast<double>(view.bytes_sent));
}

std::optional<std::chrono::seconds> remaining_of(const ProgressView& view, double objects_a_second,
                                                 double sent_a_second) {
  if (view.objects_total == 0 || view.objects_done == 0) return std::nullopt;
  const auto to_come =
      static_cast<double>(view.objects_total - std::min(view.objects_done, view.objects_total));
  const auto to_send = view.phase == TransferPhase::Sending ? bytes_to_send(view) : 0.0;
  if ((to_come > 0 && objects_a_second <= 0) || (to_send > 0 && sent_a_second <= 0)) return std::nullopt;
  const auto seconds =
      std::max(to_come > 0 ? to_come / objects_a_second : 0.0, to_send > 0 ? to_send / sent_a_second : 0.0);
  // Beyond that the estimate says nothing, and could overflow.
  constexpr double longest = 100.0 * 86'400;
  return std::chrono::seconds(std::lround(std::min(seconds, longest)));
}

}  // namespace

ProgressMeter::ProgressMeter(const TransferProgress& progress, std::uint32_t refs_in_transfer,
                             MonotonicTime now)
    : progress_(&progress), refs_in_transfer_(refs_in_transfer), begun_(now), samples_{read(now)} {}

ProgressMeter::Sample ProgressMeter::read(MonotonicTime now) const {
  return {now, progress_->objects_done, progress_->bytes_received, progress_->bytes_sent};
}

void ProgressMeter::sample(MonotonicTime now) {
  const auto next = read(now);
  const auto& last = samples_.back();
  // The engine began anew: what was before is no measure of it.
  if (next.objects_done < last.objects_done || next.bytes_received < last.bytes_received ||
      next.bytes_sent < last.bytes_sent) {
    samples_.clear();
  }
  samples_.push_back(next);
  while (samples_.size() > 1 && samples_[1].at <= now - kWindow) samples_.pop_front();
}

ProgressView ProgressMeter::view(MonotonicTime now) const {
  const auto current = read(now);
  const auto& oldest = samples_.front();
  const auto seconds = std::chrono::duration<double>(now - oldest.at).count();
  const auto received = per_second(oldest.bytes_received, current.bytes_received, seconds);
  const auto sent = per_second(oldest.bytes_sent, current.bytes_sent, seconds);
  ProgressView view;
  view.phase = progress_->phase;
  view.objects_done = current.objects_done;
  view.objects_total = progress_->objects_total;
  view.bytes_received = current.bytes_received;
  view.bytes_sent = current.bytes_sent;
  view.bytes_per_second = static_cast<std::uint64_t>(std::max(received, sent));
  view.refs_in_transfer = refs_in_transfer_;
  view.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun_);
  view.remaining = remaining_of(view, per_second(oldest.objects_done, current.objects_done, seconds), sent);
  return view;
}

}  // namespace gitferry
