#include "api/metrics_text.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "agent/base/metric.h"
#include "agent/base/metrics.h"
#include "agent/base/process_usage.h"
#include "agent/base/supervision.h"

namespace gitferry::api {
namespace {

// Of hosts that answer. Few teams have ten.
constexpr std::size_t kHostsNamed = 200;

using Samples = std::vector<MetricSample>;

double number(bool flag) {
  return flag ? 1 : 0;
}
double number(std::int64_t value) {
  return static_cast<double>(value);
}
double seconds(std::int64_t epoch_ms) {
  return number(epoch_ms) / 1000;
}

std::string gauge(const MetricHead& head, const Samples& samples) {
  return metric_text(MetricKind::Gauge, head, samples);
}
std::string gauge(std::string_view name, std::string_view help, double value) {
  return gauge({name, help, {}}, {{{}, value}});
}

std::string about_branches(const BranchCensus& census) {
  Samples standings;
  for (std::size_t i = 0; i < kStandings; ++i)
    standings.push_back({{std::string(name_of(static_cast<Standing>(i)))}, number(census.standings.at(i))});
  Samples in_sync;
  Samples last_success;
  for (const auto& branch : census.branches) {
    in_sync.push_back({{branch.repository, branch.branch}, number(branch.is_in_sync)});
    if (branch.last_success_at_ms > 0)
      last_success.push_back({{branch.repository, branch.branch}, seconds(branch.last_success_at_ms)});
  }
  Samples out_of_sync;
  for (const auto& repository : census.repositories)
    out_of_sync.push_back({{repository.name}, number(repository.out_of_sync)});
  return gauge({"gitferry_branches", "Bound branches by how they stand", {"state"}}, standings) +
         gauge({"gitferry_branch_in_sync",
                "Whether the last run left both sides equal and nothing is asked for since; of branches that "
                "are enabled and were ever to be synced",
                {"repo", "branch"}},
               in_sync) +
         gauge({"gitferry_branch_last_success_timestamp_seconds",
                "When a run last left both sides equal; a branch without pushes has no runs",
                {"repo", "branch"}},
               last_success) +
         gauge(
             {"gitferry_repository_branches_out_of_sync",
              "Enabled branches of a repository that are not in sync, also those without series of their own",
              {"repo"}},
             out_of_sync) +
         gauge("gitferry_branch_series_left_out",
               "Branches without series of their own, because there are too many", number(census.left_out));
}

std::string about_queue(const BranchCensus& census) {
  const auto running = metrics().running.now();
  return gauge({"gitferry_sync_queue_depth",
                "Branches that are to be synced: due, running, waiting for their next attempt, set aside",
                {"state"}},
               {{{"due"}, number(std::max<std::int64_t>(census.due - running, 0))},
                {{"running"}, number(running)},
                {{"backing_off"}, number(census.backing_off)},
                {{"quarantined"}, number(census.quarantined)}});
}

std::string about_hosts(ApiContext& context) {
  const auto bindings = context.sync.snapshot();
  std::map<std::string, bool> resting;
  for (auto& host : context.sync.resting_hosts()) resting.emplace(std::move(host), true);
  for (const auto& [name, binding] : bindings->repositories) {
    if (resting.size() >= kHostsNamed) break;
    resting.emplace(binding.internal.host_key(), false);
    resting.emplace(binding.external.host_key(), false);
  }
  Samples samples;
  for (const auto& [host, is_resting] : resting) samples.push_back({{host}, number(is_resting)});
  return gauge({"gitferry_host_breaker_open",
                "Whether a git host does not answer and is left alone for that",
                {"host"}},
               samples);
}

std::string about_store(ApiContext& context, bool is_available) {
  auto text =
      gauge("gitferry_store_available", "Whether the database could be read just now", number(is_available));
  const auto usage = context.store.usage();
  if (!usage) return text;
  text += gauge("gitferry_store_database_bytes", "Size of the database", number(usage->database_bytes));
  // Of a database on another machine nothing is known of its disk.
  if (usage->free_bytes < 0) return text;
  return text + gauge("gitferry_store_wal_bytes", "Size of its write-ahead log", number(usage->wal_bytes)) +
         gauge("gitferry_store_free_bytes", "What is left of its file system", number(usage->free_bytes));
}

std::string about_configuration(ApiContext& context, const BindingSnapshot& bindings) {
  const auto state = context.configuration();
  std::int64_t enabled = 0;
  for (const auto& [name, binding] : bindings.repositories) enabled += binding.enabled ? 1 : 0;
  const auto all = static_cast<std::int64_t>(bindings.repositories.size());
  return gauge("gitferry_config_last_reload_successful",
               "Whether the latest configuration is in force; where not, the one before is",
               number(state.refused_at_ms == 0)) +
         gauge("gitferry_config_last_reload_success_timestamp_seconds",
               "When the configuration in force was taken up", seconds(state.loaded_at_ms)) +
         gauge({"gitferry_repositories", "Bound repositories", {"state"}},
               {{{"enabled"}, number(enabled)}, {{"disabled"}, number(all - enabled)}});
}

std::string about_agent(ApiContext& context) {
  const auto state = context.sync.reconcile_state();
  return gauge({"gitferry_build_info", "The version that runs", {"version"}}, {{{GITFERRY_VERSION}, 1}}) +
         gauge("gitferry_threads_stuck", "Threads that do not go on; see the log",
               static_cast<double>(late_threads().size())) +
         gauge("gitferry_reconcile_behind",
               "Whether repositories wait for their comparison for longer than the interval",
               number(state == ReconcileState::Behind)) +
         gauge("gitferry_metrics_overflown",
               "Metrics that have no room for new label values; these count in the series without any",
               static_cast<double>(metrics().overflown().size()));
}

/// By the names that all programs have for these.
std::string about_process() {
  const auto usage = process_usage();
  if (!usage) return {};
  return metric_text(MetricKind::Counter, {"process_cpu_seconds_total", "Processor time of all threads", {}},
                     {{{}, usage->cpu_seconds}}) +
         gauge("process_start_time_seconds", "When the process began", usage->started_at_seconds) +
         gauge("process_resident_memory_bytes", "Memory in use", number(usage->resident_bytes)) +
         gauge("process_virtual_memory_bytes", "Address space in use", number(usage->virtual_bytes)) +
         gauge("process_threads", "Threads", number(usage->threads)) +
         gauge("process_open_fds", "Open descriptors", number(usage->open_descriptors)) +
         gauge("process_max_fds", "How many may be open", number(usage->descriptor_limit));
}

}  // namespace

std::string metrics_text(ApiContext& context, const BranchCensus* census) {
  auto text = about_agent(context) + about_configuration(context, *context.sync.snapshot()) +
              about_store(context, census != nullptr) + about_hosts(context) + about_process() +
              metrics().text();
  if (census != nullptr) text += about_queue(*census) + about_branches(*census);
  return text;
}

}  // namespace gitferry::api
