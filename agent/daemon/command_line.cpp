#include "agent/daemon/command_line.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/base/text.h"
#include "agent/daemon/commands.h"

namespace gitferry::daemon {
namespace {

constexpr const char* kOverview = R"(Examples:
  gitferry check-config --config gitferry.yaml
  gitferry serve --config gitferry.yaml
  gitferry sync robot main --dry-run
  gitferry status
  gitferry hooks install robot
  gitferry send-webhook --provider gitlab --repo robot --side internal --ref main

gitferry keeps branches of two git hosts in step: a push on one reaches the other.)";

const std::vector<std::string> kLogLevels{"debug", "info", "warn", "error"};

struct Options {
  std::string config_path = "gitferry.yaml";
  LogSettings log;
  CheckDatabaseOptions check_database;
  ImportOptions import_dump;
  HealthCheckOptions health;
  PrintConfigOptions print;
  StatusCommandOptions status;
  DeliveriesCommandOptions deliveries;
  LogLevelCommandOptions log_level;
  SyncCommandOptions sync;
  std::string direction;
  SendWebhookOptions send;
  HooksOptions hooks;
  NotifyTestOptions notify;
  bool version_json = false;
};

void add_config_option(CLI::App& command, Options& options) {
  command.add_option("--config", options.config_path, "Configuration file")->capture_default_str();
}

void add_file_commands(CLI::App& app, Options& options, int& exit_code) {
  auto* serve_command =
      app.add_subcommand("serve",
                         "Examples:\n  gitferry serve --config /etc/gitferry/gitferry.yaml\n\n"
                         "Receive webhooks and sync until SIGTERM; SIGHUP reloads the configuration.");
  add_config_option(*serve_command, options);
  serve_command->add_option("--log-level", options.log.level, "Instead of the configuration's")
      ->check(CLI::IsMember(kLogLevels));
  serve_command->add_option("--log-format", options.log.format, "The same; auto: logfmt on a terminal")
      ->check(CLI::IsMember({"auto", "json", "logfmt"}));
  serve_command->callback([&] { exit_code = serve({options.config_path, options.log}); });

  auto* check = app.add_subcommand("check-config",
                                   "Examples:\n  gitferry check-config --config gitferry.yaml\n\n"
                                   "Check a configuration without starting anything.");
  add_config_option(*check, options);
  check->callback([&] { exit_code = check_config(options.config_path); });

  auto* print = app.add_subcommand("print-config",
                                   "Examples:\n  gitferry print-config --json\n\n"
                                   "Print the configuration in force, without secrets.");
  add_config_option(*print, options);
  print->add_flag("--json", options.print.json, "Print JSON");
  print->callback([&] {
    options.print.config_path = options.config_path;
    exit_code = print_config(options.print);
  });
}

void add_import_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "import",
      "Examples:\n  gitferry import dump.sql --secrets /etc/gitferry/secrets >gitferry.yaml\n"
      "  mysqldump cerobot sync_repo_mapping sync_branch_mapping | gitferry import - >gitferry.yaml\n\n"
      "Make a configuration of a dump (by mysqldump) of the original service's database, and say what of it "
      "could not be taken over.");
  command->add_option("DUMP", options.import_dump.dump_path, "The dump; -: standard input")->required();
  command->add_option(
      "--secrets", options.import_dump.secrets_directory,
      "Put each token into a file of its own in this directory; by default they are left out");
  command->callback([&] { exit_code = import_command(options.import_dump); });
}

void add_check_database_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "check-db",
      "Examples:\n  gitferry check-db\n  gitferry check-db --backup /var/backups/gitferry.db\n\n"
      "Check the database, also while the agent works on it, and write a copy of it.");
  add_config_option(*command, options);
  command
      ->add_option("--backup", options.check_database.backup_path,
                   "Write a copy of a sound database to this new file")
      ->check([](const std::string& path) { return std::string(path.empty() ? "it names no file" : ""); });
  command->callback([&] {
    options.check_database.config_path = options.config_path;
    exit_code = check_database_command(options.check_database);
  });
}

void add_health_check_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "healthcheck",
      "Examples:\n  gitferry healthcheck\n  gitferry healthcheck --live --url http://127.0.0.1:8080\n\n"
      "Ask the running agent whether it is ready: exit code 0 or 1, for containers.");
  add_config_option(*command, options);
  command->add_option("--url", options.health.url, "The agent; by default the configured listener");
  command->add_flag("--live", options.health.live, "Ask only whether it goes on, not whether it is ready");
  command->callback([&] {
    options.health.config_path = options.config_path;
    exit_code = health_check(options.health);
  });
}

void add_server_options(CLI::App& command, Options& options, ServerOptions& server) {
  add_config_option(command, options);
  command.add_option("--url", server.url, "The agent; by default the configured listener");
  command.add_option("--token-file", server.token_file, "Holds the token; by default a configured one");
}

void add_status_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand("status",
                                     "Examples:\n  gitferry status\n  gitferry status robot --json\n\n"
                                     "Show how every branch stands, and why. Asks the running agent.");
  auto& status = options.status;
  add_server_options(*command, options, status.server);
  command->add_option("REPO", status.repository, "Only this repository");
  command->add_flag("--json", status.json, "Print the rows of GET /cerobot/sync/status");
  command->callback([&] {
    status.server.config_path = options.config_path;
    exit_code = status_command(status);
  });
}

void add_deliveries_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "deliveries",
      "Examples:\n  gitferry deliveries\n  gitferry deliveries robot --verdict ignored --limit 50\n\n"
      "Show the webhooks that arrived, newest first, and what became of them: accepted, ignored, a "
      "duplicate, or refused; "
      "why; and the run that followed. Asks the running agent.");
  auto& deliveries = options.deliveries;
  add_server_options(*command, options, deliveries.server);
  command->add_option("REPO", deliveries.repository, "Only this repository");
  command->add_option("--verdict", deliveries.verdict, "Only these")
      ->check(CLI::IsMember({"accepted", "ignored", "duplicate", "refused"}));
  command->add_option("--limit", deliveries.limit, "How many")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_flag("--json", deliveries.json, "Print the rows of GET /cerobot/sync/deliveries");
  command->callback([&] {
    deliveries.server.config_path = options.config_path;
    exit_code = deliveries_command(deliveries);
  });
}

void add_log_level_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "log-level",
      "Examples:\n  gitferry log-level debug\n  gitferry log-level\n\n"
      "Have the running agent write more or less to its log, until its next reload or start; without LEVEL, "
      "say which is the lowest that it writes. The log notes who changed it.");
  auto& wanted = options.log_level;
  add_server_options(*command, options, wanted.server);
  command->add_option("LEVEL", wanted.level, "The lowest level that is written")
      ->check(CLI::IsMember(kLogLevels));
  command->callback([&] {
    wanted.server.config_path = options.config_path;
    exit_code = log_level_command(wanted);
  });
}

void add_sync_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command =
      app.add_subcommand("sync",
                         "Examples:\n  gitferry sync robot\n  gitferry sync robot main --dry-run\n\n"
                         "Sync one repository now. Asks the running agent; does it itself where none runs. "
                         "Without BRANCH: every "
                         "enabled branch.");
  auto& sync = options.sync;
  add_server_options(*command, options, sync.server);
  command->add_option("REPO", sync.repository, "Name of the repository binding")->required();
  command->add_option("BRANCH", sync.branch, "Branch name on the source side");
  command
      ->add_option("--direction", options.direction,
                   "Instead of the binding's own; of a two-way one, which side is to win with --force")
      ->check(CLI::IsMember({"to_outer", "to_inter"}));
  command->add_flag("--dry-run", sync.dry_run, "Only say what would be done");
  command->add_flag("--force", sync.force, "Rewrite a target that has other commits, this once");
  command->add_option("--wait", sync.wait_s, "Seconds to wait for the agent's runs; 0: do not wait")
      ->check(CLI::Range(0, 600))
      ->capture_default_str();
  command->add_flag("--json", sync.json, "Print JSON: an object a branch");
  command->callback([&] {
    sync.server.config_path = options.config_path;
    sync.direction = direction_from(options.direction);
    exit_code = sync_command(sync);
  });
}

std::vector<std::string> provider_names() {
  std::vector<std::string> names;
  for (const auto& kind : webhook_kinds()) names.emplace_back(kind.provider);
  return names;
}

/// The other way to say which hook and which repository, besides --repo and --side.
void add_organisation_options(CLI::App& command, SendWebhookOptions& send) {
  auto* hook = command.add_option("--organisation", send.hook,
                                  "Instead of a repository's hook: the one of that name in `webhooks`");
  auto* full_name =
      command.add_option("--full-name", send.full_name, "What the payload calls the repository: acme/robot");
  auto* url =
      command.add_option("--repository-url", send.repository_url, "What address the payload gives it");
  full_name->needs(hook);
  url->needs(hook);
}

/// CLI11 knows no "one of these".
void check_names(const SendWebhookOptions& send) {
  if (!send.repository.empty()) return;
  if (send.hook.empty()) throw CLI::RequiredError("--repo and --side, or --organisation");
  if (send.full_name.empty()) throw CLI::RequiredError("--full-name, or --repo and --side");
}

void add_send_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand(
      "send-webhook",
      "Examples:\n  gitferry send-webhook --provider github --repo robot --side internal --ref main\n"
      "  gitferry send-webhook --provider gitlab --organisation group-a --full-name group-a/robot --ref "
      "main\n\n"
      "Send a signed test delivery to a running agent, with the secret and the address of the "
      "configuration.");
  add_config_option(*command, options);
  auto& send = options.send;
  command->add_option("--provider", send.provider, "What to speak like")
      ->required()
      ->check(CLI::IsMember(provider_names()));
  auto* repository = command->add_option("--repo", send.repository, "Name of the repository binding");
  auto* side = command->add_option("--side", send.side, "The side that was pushed to")
                   ->check(CLI::IsMember({"internal", "external"}));
  repository->needs(side);
  side->needs(repository);
  add_organisation_options(*command, send);
  command
      ->add_option("--ref", send.refs,
                   "Branch name on that side, or refs/tags/NAME; several where the host puts several refs "
                   "into one delivery")
      ->required();
  command->add_option("--url", send.url, "The agent; by default the configured listener");
  command->add_option("--before", send.before, "Object id before the push");
  command->add_option("--after", send.after,
                      "Object id after the push; a hint: what is synced is what the host has");
  command->add_option("--event", send.event, "What else than a push: ping, where the host has such a test")
      ->check(CLI::IsMember({"push", "ping"}));
  command->add_flag("--form", send.form, "Send a form, where the host can");
  command->callback([&] {
    check_names(send);
    send.config_path = options.config_path;
    exit_code = send_test_webhook(send);
  });
}

void add_hooks_options(CLI::App& command, Options& options) {
  auto& hooks = options.hooks;
  add_config_option(command, options);
  auto* side = command.add_option("--side", hooks.side, "Only this side")
                   ->check(CLI::IsMember({"internal", "external"}));
  auto* organisation = command.add_option("--organisation", hooks.organisation,
                                          "Instead of a repository: the hook of that name in `webhooks`");
  organisation->excludes(side)->excludes(command.get_option("REPO"));
  command.add_option("--url", hooks.url, "How git hosts reach the agent; by default server.public_url");
  command.add_flag("--json", hooks.json, "Print JSON: an object a webhook");
}

void add_hooks_commands(CLI::App& app, Options& options, int& exit_code) {
  auto& hooks = options.hooks;
  auto* command =
      app.add_subcommand("hooks",
                         "Examples:\n  gitferry hooks install robot --dry-run\n"
                         "  gitferry hooks check\n\n"
                         "Set up webhooks at GitHub, GitLab, Gitea, Forgejo, Gogs and Gitee through "
                         "their APIs, and see whether they deliver.");
  command->require_subcommand(1);
  auto* install = command->add_subcommand("install",
                                          "Examples:\n  gitferry hooks install robot --dry-run\n  gitferry "
                                          "hooks install robot --side internal\n  gitferry hooks install "
                                          "--organisation group-a\n\n"
                                          "Create or repair the webhooks of a repository, or of an "
                                          "organisation, at its hosts. What "
                                          "is right already stays as it is; other "
                                          "webhooks are not touched.");
  install->add_option("REPO", hooks.repository, "Name of the repository binding");
  add_hooks_options(*install, options);
  install->add_flag("--rotate", hooks.rotate, "Set the secret, too, where all else is right");
  install->add_flag("--dry-run", hooks.dry_run, "Only say what would be done");
  install->callback([&] {
    if (hooks.repository.empty() && hooks.organisation.empty())
      throw CLI::RequiredError("REPO or --organisation");
    hooks.config_path = options.config_path;
    exit_code = install_hooks(hooks);
  });
  auto* check = command->add_subcommand(
      "check",
      "Examples:\n  gitferry hooks check\n  gitferry hooks check robot --json\n\n"
      "Say whether the webhooks still deliver, and what to do where they do not: exit code 1.");
  check->add_option("REPO", hooks.repository, "Only this repository");
  add_hooks_options(*check, options);
  check->callback([&] {
    hooks.config_path = options.config_path;
    exit_code = check_hooks(hooks);
  });
}

void add_notify_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand("notify-test",
                                     "Examples:\n  gitferry notify-test\n  gitferry notify-test ops-chat\n\n"
                                     "Send a test notice to the channels of the configuration, and say what "
                                     "became of each.");
  add_config_option(*command, options);
  command->add_option("CHANNEL", options.notify.channel, "Only this one");
  command->callback([&] {
    options.notify.config_path = options.config_path;
    exit_code = notify_test(options.notify);
  });
}

void add_version_command(CLI::App& app, Options& options, int& exit_code) {
  auto* command = app.add_subcommand("version",
                                     "Examples:\n  gitferry version --json\n\n"
                                     "Print the version and those of the libraries it runs with.");
  command->add_flag("--json", options.version_json, "Print JSON");
  command->callback([&] { exit_code = print_version(options.version_json); });
}

/// CLI11 knows no "did you mean" for commands.
bool explain_unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  std::vector<std::string> known;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  const std::string word = argv[1];
  if (std::find(known.begin(), known.end(), word) != known.end()) return false;
  const std::string near = nearest(word, known);
  std::fprintf(stderr, "gitferry: unknown command '%s'%s\n", shortened(word, 60).c_str(),
               near.empty() ? "; see gitferry --help" : ("; did you mean '" + near + "'?").c_str());
  return true;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  int exit_code = kDone;
  CLI::App app(kOverview, "gitferry");
  app.require_subcommand(1);
  app.set_version_flag("--version", GITFERRY_VERSION);
  add_file_commands(app, options, exit_code);
  add_import_command(app, options, exit_code);
  add_check_database_command(app, options, exit_code);
  add_health_check_command(app, options, exit_code);
  add_sync_command(app, options, exit_code);
  add_status_command(app, options, exit_code);
  add_deliveries_command(app, options, exit_code);
  add_log_level_command(app, options, exit_code);
  add_send_command(app, options, exit_code);
  add_hooks_commands(app, options, exit_code);
  add_notify_command(app, options, exit_code);
  add_version_command(app, options, exit_code);
  if (explain_unknown_command(app, argc, argv)) return kBadUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kBadUsage;
  }
  return exit_code;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gitferry: internal error: %s\n", error.what());
    return kFailed;
  }
}

}  // namespace gitferry::daemon
