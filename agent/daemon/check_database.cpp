#include <cstdio>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/process.h"
#include "agent/store/database_check.h"
#include "agent/store/migrations.h"

namespace gitferry::daemon {
namespace {

int explain_faults(const std::string& path, const DatabaseReport& report) {
  for (const auto& fault : report.faults) std::printf("fault: %s\n", fault.c_str());
  std::fprintf(
      stderr,
      "gitferry: the database '%s' is damaged; stop the agent, keep the file for inspection and restore a "
      "backup\n",
      path.c_str());
  return kFailed;
}

void print_counts(const std::string& path, const DatabaseReport& report) {
  if (report.schema_version == kSchemaVersion) {
    std::printf("ok: %s: %lld lanes (%lld pending), %lld deliveries, %lld runs\n", path.c_str(),
                static_cast<long long>(report.lanes), static_cast<long long>(report.pending_lanes),
                static_cast<long long>(report.deliveries), static_cast<long long>(report.runs));
    return;
  }
  std::printf("ok: %s: schema %lld of an older gitferry; the next serve brings it to %lld\n", path.c_str(),
              static_cast<long long>(report.schema_version), static_cast<long long>(kSchemaVersion));
}

}  // namespace

int check_database_command(const CheckDatabaseOptions& options) {
  harden_process();
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const auto& path = config->database_path;
  const auto report = check_database(path);
  if (!report) return explain(report.error());
  if (!report->faults.empty()) return explain_faults(path, *report);
  print_counts(path, *report);
  if (options.backup_path.empty()) return kDone;
  if (const auto written = back_up_database(path, options.backup_path); !written)
    return explain(written.error());
  std::printf("backup: %s\n", options.backup_path.c_str());
  return kDone;
}

}  // namespace gitferry::daemon
