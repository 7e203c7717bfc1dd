#include "agent/base/metrics.h"

namespace gitferry {
namespace {

// What holds ten thousand repositories with a few outcomes each.
constexpr std::size_t kRunSets = 50'000;

// A push usually takes less than a second, and waits for an hour where a host is away.
const std::vector<double> kUntilAnHour{0.05, 0.1, 0.25, 0.5, 1,   2.5, 5,    10,
                                       30,   60,  120,  300, 600, 900, 1800, 3600};
const std::vector<double> kOfARun{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,   2.5,
                                  5,    10,    30,   60,  120,  300, 600, 900};
const std::vector<double> kOfADisk{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                   0.1,    0.25,  0.5,    1,     2.5,  5,     10};

}  // namespace

Metrics::Metrics()
    : deliveries({"gitferry_webhook_deliveries_total",
                  "Webhook deliveries by what became of them",
                  {"provider", "outcome"}}),
      webhook_handling(
          {"gitferry_webhook_handling_seconds",
           "How long a delivery took from its last byte to its answer, with the write to the disk",
           {}},
          kOfADisk),
      http_requests({"gitferry_http_requests_total",
                     "HTTP requests by the route's pattern, also refused ones",
                     {"route", "method", "code"}}),
      connections_refused({"gitferry_http_connections_refused_total",
                           "Connections and requests that were given up before a route saw them",
                           {"reason"}}),
      runs({"gitferry_sync_runs_total",
            "Ended runs of a branch; outcomes synced and noop are successes",
            {"repo", "trigger", "outcome"}},
           kRunSets),
      retries({"gitferry_sync_retries_total",
               "Runs that failed with something that passes, and are to be tried again",
               {"reason"}}),
      push_to_sync({"gitferry_push_to_sync_seconds",
                    "From the delivery of a push until the target confirmed it, retries included",
                    {}},
                   kUntilAnHour),
      queue_delay({"gitferry_sync_queue_delay_seconds",
                   "How long a branch that was first asked for had waited when its run began",
                   {}},
                  kUntilAnHour),
      run_duration({"gitferry_sync_run_duration_seconds", "How long a run took", {}}, kOfARun),
      phase_duration({"gitferry_sync_duration_seconds",
                      "How long the phases of successful runs took that changed the target",
                      {"phase"}},
                     kOfARun, {phase::kListing, phase::kProof, phase::kPush}),
      pack_bytes({"gitferry_sync_pack_bytes_total", "Bytes of packs that were sent to targets", {}}),
      store_commits({"gitferry_store_commits_total", "Transactions that were written to the disk", {}}),
      store_writes({"gitferry_store_writes_total", "Writes, several of which may share a transaction", {}}),
      store_failures(
          {"gitferry_store_failures_total", "Failed reads and writes of the database", {"reason"}}),
      store_write({"gitferry_store_write_seconds", "How long a write took until it was on the disk", {}},
                  kOfADisk) {}

std::array<const Counter*, 9> Metrics::counters() const {
  return {&deliveries, &http_requests, &connections_refused, &runs,          &retries,
          &pack_bytes, &store_commits, &store_writes,        &store_failures};
}

std::string Metrics::text() const {
  std::string text;
  for (const auto* counter : counters()) text += counter->text();
  for (const auto* histogram :
       {&webhook_handling, &push_to_sync, &queue_delay, &run_duration, &phase_duration, &store_write}) {
    text += histogram->text();
  }
  return text;
}

std::vector<std::string_view> Metrics::overflown() const {
  std::vector<std::string_view> names;
  for (const auto* counter : counters()) {
    if (counter->has_overflown()) names.push_back(counter->head().name);
  }
  return names;
}

Metrics& metrics() {
  static Metrics all;
  return all;
}

}  // namespace gitferry
