#pragma once

#include <array>
#include <string>
#include <string_view>

#include "agent/base/metric.h"

namespace gitferry {

/// Everything that the layers count: the one list of it. What is known without counting (how branches stand,
/// the database's size) is not here: it is looked up when somebody reads `/metrics` (api/metrics_routes).
///
/// One for the process, as the log is.
struct Metrics {
  Counter deliveries;
  Histogram webhook_handling;
  Counter http_requests;
  Counter connections_refused;

  Counter runs;
  Counter retries;
  Histogram push_to_sync;
  Histogram queue_delay;
  Histogram run_duration;
  Histogram phase_duration;
  Counter pack_bytes;
  Level running;  ///< lanes; shown as a state of the queue

  Counter store_commits;
  Counter store_writes;
  Counter store_failures;
  Histogram store_write;

  Metrics();
  /// All of the counters and histograms.
  [[nodiscard]] std::string text() const;
  /// Names of those that ran out of room for new label values.
  [[nodiscard]] std::vector<std::string_view> overflown() const;

 private:
  [[nodiscard]] std::array<const Counter*, 9> counters() const;
};

Metrics& metrics();

/// Values of the label `phase` of Metrics::phase_duration; their times make up that of the run.
namespace phase {
constexpr std::string_view kListing = "listing";  ///< until both tips are known
constexpr std::string_view kProof = "proof";      ///< until the push to the target opens
constexpr std::string_view kPush = "push";        ///< until the target has confirmed it
}  // namespace phase

/// Values of the label `outcome` of Metrics::deliveries, besides the verdicts' names: of deliveries of which
/// nothing is recorded.
namespace unrecorded {
constexpr std::string_view kUnauthenticated = "unauthenticated";  ///< wrong signature, unknown binding
constexpr std::string_view kUnreadable = "unreadable";            ///< refused for its head
constexpr std::string_view kRateLimited = "rate_limited";
constexpr std::string_view kUnavailable = "unavailable";  ///< could not be stored: the host sends it again
constexpr std::string_view kPing = "ping";                ///< a test without a proof
}  // namespace unrecorded

/// Values of the label `outcome` of Metrics::runs, besides ErrorInfo::name of what it failed with.
namespace ran {
constexpr std::string_view kSynced = "synced";  ///< the target was changed
constexpr std::string_view kNoop = "noop";      ///< both sides were equal: a success, too
}  // namespace ran

}  // namespace gitferry
