#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "agent/base/clock.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/hook_work.h"
#include "agent/daemon/process.h"
#include "agent/daemon/text_table.h"
#include "agent/git/web_client.h"
#include "agent/store/hook_history.h"
#include "agent/store/shared_store.h"
#include "api/hosting/hook_client.h"
#include "api/hosting/hook_report.h"
#include "api/hosting/hook_setup.h"
#include "config/config.h"

namespace gitferry::daemon {
namespace {

using api::hosting::HookReport;

HookReport report_of(const HookWork& work, const HookTarget& target) {
  HookReport report;
  if (target.binding != nullptr) {
    report.repository = target.binding->name;
    report.side = target.side;
  } else {
    report.organisation = target.organisation->name;
    report.owner = target.owner;
  }
  report.provider = target.source->provider;
  report.url = hook_url(work, target);
  return report;
}

WebLimits limits_of(const config::Config& config) {
  WebLimits limits;
  limits.connect = config.sync.timeouts.connect;
  limits.total = config.sync.timeouts.stall;
  return limits;
}

/// The hook in the hands of `work_on`, which fills the report in.
template <typename Action>
HookReport with_client(const HookWork& work, const HookTarget& target, WebClient& web, Action work_on) {
  auto report = report_of(work, target);
  auto client = hook_client_of(work, target, web);
  const auto wanted = wanted_hook(work, target);
  if (!client || !wanted) {
    report.error = client ? wanted.error() : client.error();
    return report;
  }
  report.api_url = client->api_url();
  work_on(*client, *wanted, report);
  return report;
}

HookReport install(const HookWork& work, const HookTarget& target, WebClient& web,
                   const HooksOptions& options) {
  return with_client(work, target, web, [&](auto& client, const auto& wanted, HookReport& report) {
    report.dry_run = options.dry_run;
    auto done = api::hosting::set_up(client, wanted, {options.dry_run, options.rotate});
    if (done)
      report.set_up = std::move(*done);
    else
      report.error = std::move(done.error());
  });
}

/// What the deliveries of a database say: `own` asks SQLite's by its path, `shared` one of several agents.
template <typename Own, typename Shared>
Result<std::optional<HookArrival>> arrival_in(const config::Config& config, Own own, Shared shared) {
  if (config.database_url.empty()) return own(config.database_path);
  const auto options = shared_store_options(config, {});
  if (!options) return fail(options.error());
  return shared(*options);
}

Result<std::optional<HookArrival>> last_arrival(const HookWork& work, const HookTarget& target) {
  const auto& provider = target.source->provider;
  if (target.binding != nullptr) {
    const auto& name = target.binding->name;
    return arrival_in(
        work.config, [&](const auto& path) { return peek_last_arrival(path, provider, name, target.side); },
        [&](const auto& options) { return peek_shared_last_arrival(options, provider, name, target.side); });
  }
  const auto& name = target.organisation->name;
  return arrival_in(
      work.config,
      [&](const auto& path) { return peek_last_organisation_arrival(path, provider, name, target.owner); },
      [&](const auto& options) {
        return peek_shared_last_organisation_arrival(options, provider, name, target.owner);
      });
}

HookReport check(const HookWork& work, const HookTarget& target, WebClient& web) {
  const auto arrival = last_arrival(work, target);
  auto report = with_client(work, target, web, [&](auto& client, const auto& wanted, HookReport& filled) {
    auto found = api::hosting::look_up(client, wanted);
    if (!found) {
      filled.error = std::move(found.error());
      return;
    }
    filled.found = std::move(*found);
    const std::chrono::milliseconds kept = work.config.history.deliveries.age;
    const auto kept_since = to_epoch_ms(SystemClock().now() - kept);
    if (arrival)
      filled.health = api::hosting::judge(filled.found, {*arrival, kept_since}, target.arguments());
    else
      filled.error = arrival.error();
  });
  if (arrival) report.arrival = *arrival;
  return report;
}

/// Of a check of everything, hooks that nobody can ask about are no failure: `--json` and the table say so.
int exit_code_of(const std::vector<HookReport>& reports, bool is_of_all) {
  int code = kDone;
  for (const auto& report : reports) {
    if (report.health && !report.health->delivers) code = kFailed;
    const bool is_unknown = report.error && report.error->code == ErrorCode::ConfigurationInvalid;
    if (report.error && code == kDone && !(is_unknown && is_of_all))
      code = info(report.error->code).exit_code;
  }
  return code;
}

/// Whose hook it is: a binding and its side, or an organisation's entry and its owner.
std::pair<std::string, std::string> names_of(const HookReport& report) {
  if (report.side) return {report.repository, std::string(name_of(*report.side))};
  return {report.organisation, report.owner.empty() ? "everybody" : report.owner};
}

void print_installations(const std::vector<HookReport>& reports) {
  for (const auto& report : reports) {
    const auto [whose, part] = names_of(report);
    const auto who = whose + " " + part;
    if (report.set_up)
      std::printf("%s: %s\n", who.c_str(), printable(api::hosting::installation_text(report)).c_str());
    else
      std::fprintf(stderr, "gitferry: %s: %s\n", who.c_str(), printable(report.error->text()).c_str());
  }
}

std::vector<std::string> row_of(const HookReport& report, std::int64_t now_ms) {
  std::string state = "unknown";
  if (report.health) state = report.health->delivers ? "delivers" : "FAILS";
  std::string what;
  if (report.health) what = report.health->problem;
  if (report.health && !report.health->advice.empty())
    what += (what.empty() ? "" : "; ") + report.health->advice;
  if (report.error) what = report.error->text();
  std::string at_host;
  if (report.found && report.found->last_delivery) {
    const auto& last = *report.found->last_delivery;
    at_host = api::hosting::delivery_text(last);
    if (last.at_ms > 0) at_host += " " + relative_time(last.at_ms, now_ms);
  }
  const auto arrived = report.arrival ? relative_time(report.arrival->received_at_ms, now_ms) : "never";
  auto [whose, part] = names_of(report);
  return {std::move(whose), std::move(part), report.provider, state, at_host, arrived, what};
}

void print_checks(const std::vector<HookReport>& reports) {
  const auto now_ms = to_epoch_ms(SystemClock().now());
  std::vector<std::vector<std::string>> rows;
  rows.reserve(reports.size());
  for (const auto& report : reports) rows.push_back(row_of(report, now_ms));
  const auto table = text_table(
      {"REPOSITORY", "SIDE OR OWNER", "HOST", "WEBHOOK", "HOST'S LAST", "LAST ARRIVED", "WHAT TO DO"}, rows);
  std::fputs(rows.empty() ? "no webhook is configured\n" : table.c_str(), stdout);
}

int explain_with_code(const Error& error) {
  explain(error);
  return info(error.code).exit_code;
}

/// Loads all that is needed and has `each` report on every webhook.
template <typename Each, typename Print>
int run(const HooksOptions& options, Each each, Print print) {
  harden_process();
  auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const auto work = hook_work_of(options, std::move(*config));
  if (!work) return explain_with_code(work.error());
  const auto targets = hook_targets(options, *work);
  if (!targets) return explain_with_code(targets.error());
  WebClient web(work->http, limits_of(work->config));
  std::vector<HookReport> reports;
  reports.reserve(targets->size());
  for (const auto& target : *targets) reports.push_back(each(*work, target, web));
  print(reports);
  return exit_code_of(reports, options.repository.empty() && options.organisation.empty());
}

}  // namespace

int install_hooks(const HooksOptions& options) {
  return run(
      options,
      [&](const HookWork& work, const HookTarget& target, WebClient& web) {
        return install(work, target, web, options);
      },
      [&](const std::vector<HookReport>& reports) {
        if (options.json)
          std::puts(api::hosting::installations_json(reports).c_str());
        else
          print_installations(reports);
      });
}

int check_hooks(const HooksOptions& options) {
  return run(
      options,
      [](const HookWork& work, const HookTarget& target, WebClient& web) { return check(work, target, web); },
      [&](const std::vector<HookReport>& reports) {
        if (options.json)
          std::puts(api::hosting::checks_json(reports).c_str());
        else
          print_checks(reports);
      });
}

}  // namespace gitferry::daemon
