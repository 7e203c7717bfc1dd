#include "agent/daemon/progress_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/core.h>

namespace gitferry::daemon {
namespace {

std::string duration_text(std::int64_t seconds) {
  constexpr std::int64_t a_minute = 60;
  constexpr std::int64_t an_hour = 3'600;
  if (seconds < 2 * a_minute) return fmt::format("{} s", seconds);
  if (seconds < 2 * an_hour) return fmt::format("{} min", (seconds + a_minute / 2) / a_minute);
  return fmt::format("{} h", (seconds + an_hour / 2) / an_hour);
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  constexpr double a_step = 1024.0;
  constexpr std::array<std::string_view, 4> units{"KiB", "MiB", "GiB", "TiB"};
  auto count = static_cast<double>(bytes);
  if (count < a_step) return fmt::format("{} B", bytes);
  std::size_t unit = 0;
  for (count /= a_step; count >= a_step && unit + 1 < units.size(); ++unit) count /= a_step;
  return fmt::format("{:.1f} {}", count, units.at(unit));
}

std::string progress_text(const api::ProgressLine& progress) {
  auto text = progress.phase;
  if (progress.objects_total > 0) {
    // Rounded down: it is not done before it is.
    const auto done = std::min(progress.objects_done, progress.objects_total);
    text += fmt::format(" {} % ({} of {} objects)", done * 100 / progress.objects_total, done,
                        progress.objects_total);
  }
  const auto moved = std::max(progress.bytes_received, progress.bytes_sent);
  if (moved > 0) text += ", " + size_text(moved);
  if (progress.bytes_per_second > 0) text += ", " + size_text(progress.bytes_per_second) + "/s";
  if (progress.remaining_seconds) text += ", " + duration_text(*progress.remaining_seconds) + " left";
  if (moved == 0) text += " for " + duration_text(progress.elapsed_seconds);
  if (progress.refs_in_transfer > 1) {
    text += fmt::format(", with {} other branch{}", progress.refs_in_transfer - 1,
                        progress.refs_in_transfer == 2 ? "" : "es");
  }
  return text;
}

api::ProgressLine progress_line(const ProgressView& view) {
  const auto count = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  api::ProgressLine line{std::string(name_of(view.phase)),
                         count(view.objects_done),
                         count(view.objects_total),
                         count(view.bytes_received),
                         count(view.bytes_sent),
                         count(view.bytes_per_second),
                         view.elapsed.count() / 1000,
                         std::nullopt,
                         view.refs_in_transfer};
  if (view.remaining) line.remaining_seconds = view.remaining->count();
  return line;
}

}  // namespace gitferry::daemon
