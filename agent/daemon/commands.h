#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "agent/daemon/log_settings.h"
#include "agent/daemon/server_client.h"
#include "agent/model/binding.h"
#include "config/config.h"
#include "config/loader.h"

namespace gitferry::daemon {

/// The commands, one source file each. All return an exit code of command_line.h.

struct ServeOptions {
  std::string config_path;
  LogSettings log;
};
/// Runs the agent until a signal ends it.
int serve(const ServeOptions& options);

/// Says what is wrong with a configuration, or how much it binds.
int check_config(const std::string& config_path);

struct ImportOptions {
  std::string dump_path;          ///< of mysqldump; `-`: standard input
  std::string secrets_directory;  ///< where tokens go, each to a file of its own; empty: they are left out
};
/// Prints a configuration of what the original service's database had bound. kFailed, with the configuration
/// all the same, where something of it had to be left out; stderr says what.
int import_command(const ImportOptions& options);

struct CheckDatabaseOptions {
  std::string config_path;
  std::string backup_path;  ///< empty: no backup
};
/// Looks through the configured database, also while an agent works on it, and writes a copy of a sound one.
int check_database_command(const CheckDatabaseOptions& options);

struct PrintConfigOptions {
  std::string config_path;
  bool json = false;
};
int print_config(const PrintConfigOptions& options);

struct HealthCheckOptions {
  std::string config_path;
  std::string url;    ///< empty: the configured listener
  bool live = false;  ///< whether it goes on at all, instead of whether it is ready
};
/// Asks the running agent how it is, for containers: kDone or kFailed, and the reason on stderr. A
/// configuration that is wrong, as a running agent may have refused, fails nothing: then the default listener
/// is asked, or the environment's.
int health_check(const HealthCheckOptions& options);

struct StatusCommandOptions {
  ServerOptions server;
  std::string repository;  ///< empty: all
  bool json = false;
};
/// How every branch stands, by the running agent's account.
int status_command(const StatusCommandOptions& options);

struct DeliveriesCommandOptions {
  ServerOptions server;
  std::string repository;  ///< empty: all
  std::string verdict;     ///< empty: all
  std::int64_t limit = 20;
  bool json = false;
};
/// The webhooks that the running agent took, newest first.
int deliveries_command(const DeliveriesCommandOptions& options);

struct LogLevelCommandOptions {
  ServerOptions server;
  std::string level;  ///< empty: say which one it is
};
/// Sets, or says, the lowest level that the running agent writes to its log.
int log_level_command(const LogLevelCommandOptions& options);

struct SyncCommandOptions {
  ServerOptions server;
  std::string repository;
  std::string branch;  ///< on the source side; empty: every enabled one
  std::optional<Direction> direction;
  std::int64_t wait_s = 60;  ///< for an agent's runs; without one, they are run to their end
  bool dry_run = false;
  bool force = false;
  bool json = false;
};
/// Has the running agent sync now. Where none listens at the configured address, and no other was named, it
/// is done here, and stderr says so.
int sync_command(const SyncCommandOptions& options);

/// One shot, without an agent: asks both hosts and transfers what is missing.
int sync_once(const SyncCommandOptions& options, config::Config config);

struct SendWebhookOptions {
  std::string config_path;
  std::string provider;
  std::string hook;            ///< of an organisation, by its name; empty: the one of a binding's side
  std::string repository;      ///< a binding's name; empty where `hook` and `full_name` say all
  std::string side;            ///< of `repository`: which was pushed to
  std::string full_name;       ///< what the payload calls the repository; empty: as the side's address has it
  std::string repository_url;  ///< the same, its address
  std::vector<std::string> refs;  ///< branches, or tags as `refs/tags/...`
  std::string url;                ///< of the agent; empty: the configured listener
  std::string before;             ///< hex; empty: zeros
  std::string after;              ///< hex; empty: an id of no commit, which is a hint like any other
  std::string event;              ///< empty: a push
  bool form = false;              ///< the body as a form
};
/// Signs a delivery as the provider would and sends it to a running agent.
int send_test_webhook(const SendWebhookOptions& options);

struct HooksOptions {
  std::string config_path;
  std::string repository;    ///< a binding's name; empty: all, for a check
  std::string organisation;  ///< name of an organisation's hook, instead of a binding's
  std::string side;          ///< empty: both
  std::string url;           ///< how git hosts reach the agent; empty: server.public_url
  bool rotate = false;       ///< set the secret of a hook that is right, too
  bool dry_run = false;
  bool json = false;
};
/// Creates or repairs the webhooks of a repository or an organisation at git hosts, through their web APIs.
int install_hooks(const HooksOptions& options);
/// Says whether webhooks still deliver: by the hosts' accounts, and by what the database knows.
int check_hooks(const HooksOptions& options);

struct NotifyTestOptions {
  std::string config_path;
  std::string channel;  ///< empty: all of them
};
/// Sends a test notice to the configured channels, without an agent, and says what became of each.
int notify_test(const NotifyTestOptions& options);

int print_version(bool json);

/// Says on stderr what is wrong with a configuration that was loaded, or on `out` how much it binds.
int explain_configuration(const config::Loaded& loaded, std::FILE* out);

/// Loads the configuration; where that fails, its errors are on stderr.
std::optional<config::Config> load_or_explain(const std::string& path);

}  // namespace gitferry::daemon
