#pragma once

#include <optional>
#include <string>

#include "agent/model/binding.h"
#include "config/config.h"

namespace gitferry::daemon {

/// The commands, one source file each. All return an exit code of command_line.h.

/// Runs the agent until a signal ends it.
int serve(const std::string& config_path);

/// Says what is wrong with a configuration, or how much it binds.
int check_config(const std::string& config_path);

struct PrintConfigOptions {
  std::string config_path;
  bool json = false;
};
int print_config(const PrintConfigOptions& options);

struct SyncCommandOptions {
  std::string config_path;
  std::string repository;
  std::string branch;  ///< on the source side; empty: every enabled one
  std::optional<Direction> direction;
  bool dry_run = false;
  bool json = false;
};
/// One shot, without a server: asks both hosts and transfers what is missing.
int sync_once(const SyncCommandOptions& options);

struct SendWebhookOptions {
  std::string config_path;
  std::string provider;
  std::string repository;
  std::string side;
  std::string branch;
  std::string url;     ///< of the agent; empty: the configured listener
  std::string before;  ///< hex; empty: zeros
  std::string after;   ///< hex; empty: an id of no commit, which is a hint like any other
  std::string event;   ///< empty: a push
};
/// Signs a delivery as the provider would and sends it to a running agent.
int send_test_webhook(const SendWebhookOptions& options);

int print_version(bool json);

/// Loads the configuration; where that fails, its errors are on stderr.
std::optional<config::Config> load_or_explain(const std::string& path);

}  // namespace gitferry::daemon
