#include <algorithm>
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
#include "agent/daemon/effective_bindings.h"
#include "agent/daemon/process.h"
#include "agent/daemon/text_table.h"
#include "agent/git/web_client.h"
#include "agent/store/hook_history.h"
#include "api/hosting/hook_client.h"
#include "api/hosting/hook_report.h"
#include "api/hosting/hook_setup.h"
#include "config/scalars.h"

namespace gitferry::daemon {
namespace {

using api::hosting::HookReport;

/// One side whose hook is asked about.
struct HookSide {
  const RepositoryBinding* binding = nullptr;
  Side side = Side::Internal;

  [[nodiscard]] const WebhookSource& source() const { return *binding->webhook(side); }
  [[nodiscard]] std::string name() const { return fmt::format("{} --side {}", binding->name, name_of(side)); }
};

/// What all sides have in common.
struct HookWork {
  config::Config config;
  BindingSnapshot bindings;
  std::string public_url;
  Credentials credentials;
  HttpOptions http;
};

bool is_wanted(const HooksOptions& options, const RepositoryBinding& binding, Side side) {
  return binding.webhook(side) && (options.side.empty() || options.side == name_of(side));
}

/// Errors: RepositoryUnknown; ConfigurationInvalid where a named repository has no webhook configured.
Result<std::vector<HookSide>> sides_of(const HooksOptions& options, const BindingSnapshot& bindings) {
  std::vector<HookSide> sides;
  for (const auto& [name, binding] : bindings.repositories) {
    if (!options.repository.empty() && options.repository != name) continue;
    for (const auto side : {Side::Internal, Side::External})
      if (is_wanted(options, binding, side)) sides.push_back({&binding, side});
  }
  if (!sides.empty() || options.repository.empty()) return sides;
  if (bindings.find(options.repository) == nullptr)
    return fail(ErrorCode::RepositoryUnknown, "no repository named '" + options.repository + "' is bound");
  return fail(ErrorCode::ConfigurationInvalid,
              fmt::format("'{}' has no webhook{}", options.repository,
                          options.side.empty() ? "" : " for its " + options.side + " side"),
              "add webhook." + (options.side.empty() ? std::string("internal") : options.side) + " to it");
}

Result<std::string> public_url_of(const HooksOptions& options, const config::Config& config) {
  const auto& text = options.url.empty() ? config.server.public_url : options.url;
  if (auto url = config::parse_public_url(text)) return std::move(*url);
  if (!text.empty()) {
    return fail(ErrorCode::InvalidArgument,
                "--url must be http:// or https:// with a host, without user and query",
                "for example: --url https://ferry.example.org");
  }
  return fail(ErrorCode::ConfigurationInvalid, "nobody says how git hosts reach the agent",
              "set server.public_url, or give --url https://ferry.example.org");
}

Result<HookWork> work_of(const HooksOptions& options, config::Config config) {
  HookWork work;
  auto bindings = effective_bindings(config);
  if (!bindings) return fail(std::move(bindings.error()));
  auto url = public_url_of(options, config);
  if (!url) return fail(std::move(url.error()));
  auto credentials = credentials_of(config);
  if (!credentials) return fail(std::move(credentials.error()));
  auto http = http_options(config.network);
  if (!http) return fail(std::move(http.error()));
  work.bindings = std::move(*bindings);
  work.public_url = std::move(*url);
  work.credentials = std::move(*credentials);
  work.http = std::move(*http);
  work.config = std::move(config);
  return work;
}

/// Of several that are in force, the one that stays longest: a rotation ends with it.
Result<Secret> secret_of(const WebhookSource& source) {
  const auto now = SystemClock().now();
  const HookSecret* best = nullptr;
  for (const auto& secret : source.secrets) {
    if (!secret.is_in_force(now)) continue;
    const bool is_longer =
        best != nullptr && best->not_after && (!secret.not_after || *secret.not_after > *best->not_after);
    if (best == nullptr || is_longer) best = &secret;
  }
  if (best != nullptr) return best->value;
  return fail(ErrorCode::ConfigurationInvalid, "none of the webhook's secrets is in force any more",
              "look at their not_after");
}

bool propagates_deletions(const RepositoryBinding& binding) {
  return binding.deletions == Deletions::Propagate ||
         std::any_of(binding.branches.begin(), binding.branches.end(), [&](const BranchBinding& branch) {
           return binding.deletions_of(branch) == Deletions::Propagate;
         });
}

std::string hook_url(const HookWork& work, const HookSide& side) {
  return fmt::format("{}/webhooks/{}/{}", work.public_url, side.source().provider, side.binding->name);
}

Result<api::hosting::WantedHook> wanted_hook(const HookWork& work, const HookSide& side) {
  const auto& source = side.source();
  auto secret = secret_of(source);
  if (!secret) return fail(std::move(secret.error()));
  return api::hosting::WantedHook{hook_url(work, side),
                                  source.scheme,
                                  std::move(*secret),
                                  source.authorization,
                                  side.binding->tags == Tags::All,
                                  propagates_deletions(*side.binding)};
}

HookReport report_of(const HookWork& work, const HookSide& side) {
  HookReport report;
  report.repository = side.binding->name;
  report.side = side.side;
  report.provider = side.source().provider;
  report.url = hook_url(work, side);
  return report;
}

/// Errors: ConfigurationInvalid where the host has no API that is known, or there is no token for it.
Result<api::hosting::HookClient> client_of(const HookWork& work, const HookSide& side, WebClient& web) {
  const auto& provider = side.source().provider;
  const auto& address = side.binding->address(side.side);
  const auto* dialect = api::hosting::find_hook_dialect(provider);
  if (dialect == nullptr)
    return fail(ErrorCode::ConfigurationInvalid,
                fmt::format("webhooks of '{}' have to be set up by hand", provider),
                "its address is " + hook_url(work, side));
  auto access = work.credentials.find_api(address);
  if (!access) return fail(std::move(access.error()));
  if (!*access)
    return fail(ErrorCode::ConfigurationInvalid,
                fmt::format("credentials has no API token for '{}'", address.str()),
                fmt::format("add api_token_file to a rule that fits it; it needs {}", dialect->rights));
  return api::hosting::HookClient(web, *dialect,
                                  {address, std::move((*access)->token), std::move((*access)->url)});
}

WebLimits limits_of(const config::Config& config) {
  WebLimits limits;
  limits.connect = config.sync.timeouts.connect;
  limits.total = config.sync.timeouts.stall;
  return limits;
}

/// The side's hook in the hands of `work_on`, which fills the report in.
template <typename Action>
HookReport with_client(const HookWork& work, const HookSide& side, WebClient& web, Action work_on) {
  auto report = report_of(work, side);
  auto client = client_of(work, side, web);
  const auto wanted = wanted_hook(work, side);
  if (!client || !wanted) {
    report.error = client ? wanted.error() : client.error();
    return report;
  }
  report.api_url = client->api_url();
  work_on(*client, *wanted, report);
  return report;
}

HookReport install(const HookWork& work, const HookSide& side, WebClient& web, const HooksOptions& options) {
  return with_client(work, side, web, [&](auto& client, const auto& wanted, HookReport& report) {
    report.dry_run = options.dry_run;
    auto done = api::hosting::set_up(client, wanted, {options.dry_run, options.rotate});
    if (done)
      report.set_up = std::move(*done);
    else
      report.error = std::move(done.error());
  });
}

HookReport check(const HookWork& work, const HookSide& side, WebClient& web) {
  const auto arrival =
      peek_last_arrival(work.config.database_path, side.source().provider, side.binding->name, side.side);
  auto report = with_client(work, side, web, [&](auto& client, const auto& wanted, HookReport& filled) {
    auto found = api::hosting::look_up(client, wanted);
    if (!found) {
      filled.error = std::move(found.error());
      return;
    }
    filled.found = std::move(*found);
    const std::chrono::milliseconds kept = work.config.history.deliveries.age;
    const auto kept_since = to_epoch_ms(SystemClock().now() - kept);
    if (arrival)
      filled.health = api::hosting::judge(filled.found, {*arrival, kept_since}, side.name());
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

void print_installations(const std::vector<HookReport>& reports) {
  for (const auto& report : reports) {
    const auto who = fmt::format("{} {}", report.repository, name_of(report.side));
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
  return {
      report.repository, std::string(name_of(report.side)), report.provider, state, at_host, arrived, what};
}

void print_checks(const std::vector<HookReport>& reports) {
  const auto now_ms = to_epoch_ms(SystemClock().now());
  std::vector<std::vector<std::string>> rows;
  rows.reserve(reports.size());
  for (const auto& report : reports) rows.push_back(row_of(report, now_ms));
  const auto table = text_table(
      {"REPOSITORY", "SIDE", "HOST", "WEBHOOK", "HOST'S LAST", "LAST ARRIVED", "WHAT TO DO"}, rows);
  std::fputs(rows.empty() ? "no webhook is configured\n" : table.c_str(), stdout);
}

int explain_with_code(const Error& error) {
  explain(error);
  return info(error.code).exit_code;
}

/// Loads all that is needed and has `each` report on every side.
template <typename Each, typename Print>
int run(const HooksOptions& options, Each each, Print print) {
  harden_process();
  auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const auto work = work_of(options, std::move(*config));
  if (!work) return explain_with_code(work.error());
  const auto sides = sides_of(options, work->bindings);
  if (!sides) return explain_with_code(sides.error());
  WebClient web(work->http, limits_of(work->config));
  std::vector<HookReport> reports;
  reports.reserve(sides->size());
  for (const auto& side : *sides) reports.push_back(each(*work, side, web));
  print(reports);
  return exit_code_of(reports, options.repository.empty());
}

}  // namespace

int install_hooks(const HooksOptions& options) {
  return run(
      options,
      [&](const HookWork& work, const HookSide& side, WebClient& web) {
        return install(work, side, web, options);
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
      [](const HookWork& work, const HookSide& side, WebClient& web) { return check(work, side, web); },
      [&](const std::vector<HookReport>& reports) {
        if (options.json)
          std::puts(api::hosting::checks_json(reports).c_str());
        else
          print_checks(reports);
      });
}

}  // namespace gitferry::daemon
