#include <cstdio>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/process.h"
#include "agent/store/database_check.h"
#include "agent/store/migrations.h"
#include "agent/store/shared_store.h"

namespace gitferry::daemon {
namespace {

int explain_faults(const std::string& path, const DatabaseReport& report, const char* what_to_do) {
  for (const auto& fault : report.faults) std::printf("fault: %s\n", fault.c_str());
  std::fprintf(stderr, "gitferry: the database '%s' is damaged; %s\n", path.c_str(), what_to_do);
  return kFailed;
}

void print_counts(const std::string& path, const DatabaseReport& report, std::int64_t newest) {
  if (report.schema_version == newest) {
    std::printf("ok: %s: %lld lanes (%lld pending), %lld deliveries, %lld runs\n", path.c_str(),
                static_cast<long long>(report.lanes), static_cast<long long>(report.pending_lanes),
                static_cast<long long>(report.deliveries), static_cast<long long>(report.runs));
    return;
  }
  std::printf("ok: %s: schema %lld of an older gitferry; the next serve brings it to %lld\n", path.c_str(),
              static_cast<long long>(report.schema_version), static_cast<long long>(newest));
}

/// PostgreSQL's own structures and backups are its own tools' business, and this says which.
int check_shared_database_command(const config::Config& config, const CheckDatabaseOptions& options) {
  const auto shown = shown_store_url(config.database_url);
  if (!options.backup_path.empty()) {
    return explain({ErrorCode::InvalidArgument,
                    "write a backup: '" + shown + "' is PostgreSQL's, and --backup copies an SQLite file",
                    "use pg_dump --format=custom",
                    {}});
  }
  const auto shared = shared_store_options(config, {});
  if (!shared) return explain(shared.error());
  const auto report = check_shared_database(*shared);
  if (!report) return explain(report.error());
  if (!report->faults.empty()) return explain_faults(shown, *report, "stop the agents and restore a backup");
  print_counts(shown, *report, kSharedSchemaVersion);
  std::printf("not looked at: PostgreSQL's own files; pg_amcheck does that\n");
  return kDone;
}

}  // namespace

int check_database_command(const CheckDatabaseOptions& options) {
  harden_process();
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  if (!config->database_url.empty()) return check_shared_database_command(*config, options);
  const auto& path = config->database_path;
  const auto report = check_database(path);
  if (!report) return explain(report.error());
  if (!report->faults.empty())
    return explain_faults(path, *report, "stop the agent, keep the file for inspection and restore a backup");
  print_counts(path, *report, kSchemaVersion);
  if (options.backup_path.empty()) return kDone;
  if (const auto written = back_up_database(path, options.backup_path); !written)
    return explain(written.error());
  std::printf("backup: %s\n", options.backup_path.c_str());
  return kDone;
}

}  // namespace gitferry::daemon
