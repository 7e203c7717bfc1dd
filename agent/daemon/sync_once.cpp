#include <chrono>
#include <cstdio>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/text.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/effective_bindings.h"
#include "agent/daemon/private_files.h"
#include "agent/daemon/server_client.h"
#include "agent/daemon/server_tables.h"
#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"
#include "api/sync_answer.h"

namespace gitferry::daemon {
namespace {

struct Pair {
  std::string source;
  std::string target;
};

struct Job {
  const RepositoryBinding& binding;
  Direction direction;
  Remote source;
  Remote target;
};

Result<std::vector<Pair>> bound_pairs(const Job& job, const std::string& branch) {
  const Side from = source_side(job.direction);
  std::vector<Pair> pairs;
  bool is_disabled = false;
  for (const auto& bound : job.binding.branches) {
    if (!branch.empty() && bound.name(from) != branch) continue;
    if (bound.enabled)
      pairs.push_back({bound.name(from), bound.name(other(from))});
    else
      is_disabled = true;
  }
  if (!pairs.empty() || branch.empty()) return pairs;
  if (is_disabled)
    return fail(ErrorCode::NotEnabled, "branch '" + branch + "' of '" + job.binding.name + "' is disabled",
                "set enable: true");
  return fail(ErrorCode::NotEnabled,
              "branch '" + branch + "' is not bound on the " + std::string(name_of(from)) + " side of '" +
                  job.binding.name + "'",
              "add it under branches");
}

/// The branches to sync, as short names.
Result<std::vector<Pair>> pairs_of(const Job& job, const std::string& branch, Engine& engine) {
  if (job.binding.granularity == Granularity::One) return bound_pairs(job, branch);
  if (!branch.empty()) {
    auto name = checked_branch(branch);
    if (!name) return fail(std::move(name.error()));
    return std::vector<Pair>{{*name, *name}};
  }
  const auto tips = engine.list_branches(job.source, std::stop_token());
  if (!tips) return fail(tips.error());
  std::vector<Pair> pairs;
  for (const auto& tip : *tips) {
    const std::string name(branch_of(tip.ref));
    pairs.push_back({name, name});
  }
  return pairs;
}

std::string hex_of(const std::optional<ObjectId>& tip) {
  return tip ? tip->hex() : "";
}

BranchResult result_of(const Job& job, const Pair& pair, const RunReport& report) {
  BranchResult result;
  result.repository = job.binding.name;
  result.source_branch = pair.source;
  result.target_branch = pair.target;
  if (report.error) result.error = report.error->text();
  result.plan = name_of(report.plan);
  result.source_tip = hex_of(report.source_tip);
  result.target_tip_before = hex_of(report.target_tip_before);
  result.pack_bytes = static_cast<std::int64_t>(report.pack_bytes);
  result.milliseconds = static_cast<double>(report.total.count()) / 1000.0;
  result.dry_run = report.dry_run;
  return result;
}

/// As the agent would answer, so that programs need not know who did it.
std::string json_object(const Job& job, const Pair& pair, const RunReport& report) {
  const bool from_internal = source_side(job.direction) == Side::Internal;
  SyncOutcome outcome;
  outcome.key.repository = job.binding.name;
  outcome.key.internal_ref = branch_ref(from_internal ? pair.source : pair.target);
  outcome.key.external_ref = branch_ref(from_internal ? pair.target : pair.source);
  outcome.direction = job.direction;
  outcome.finished = true;
  outcome.report = report;
  return api::outcome_text(outcome);
}

RunReport run_pair(const Job& job, const Pair& pair, const SyncCommandOptions& options, Engine& engine) {
  SyncRequest request;
  request.source = job.source;
  request.target = job.target;
  request.source_ref = branch_ref(pair.source);
  request.target_ref = branch_ref(pair.target);
  request.policy = options.force ? Policy::Force : job.binding.policy;
  request.dry_run = options.dry_run;
  return engine.sync(request, std::stop_token());
}

Result<Job> job_of(const SyncCommandOptions& options, const BindingSnapshot& bindings,
                   const CredentialLookup& credentials) {
  const auto* binding = bindings.find(options.repository);
  if (binding == nullptr) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : bindings.repositories) names.push_back(name);
    const std::string near = nearest(options.repository, names);
    return fail(ErrorCode::RepositoryUnknown,
                "no repository named '" + shortened(options.repository, 130) + "' is bound",
                near.empty() ? "" : "did you mean '" + near + "'?");
  }
  if (!binding->enabled)
    return fail(ErrorCode::NotEnabled, "repository '" + binding->name + "' is disabled", "set enable: true");
  const Direction direction = options.direction.value_or(binding->direction);
  const Side from = source_side(direction);
  auto source = remote_of(*binding, from, credentials);
  if (!source) return fail(std::move(source.error()));
  auto target = remote_of(*binding, other(from), credentials);
  if (!target) return fail(std::move(target.error()));
  return Job{*binding, direction, std::move(*source), std::move(*target)};
}

}  // namespace

int sync_once(const SyncCommandOptions& options, config::Config loaded) {
  LiveConfig live(std::make_shared<const config::Config>(std::move(loaded)));
  const SharedConfig config = live.get();
  if (auto made = ensure_private_directory(config->sync.sync_dir); !made) return explain(made.error());
  const auto bindings = effective_bindings(*config);
  if (!bindings) return explain(bindings.error());
  const auto job = job_of(options, *bindings, credential_lookup(live));
  if (!job) return explain(job.error());
  const SystemClock clock;
  const auto engines = engine_factory(*config, clock);
  if (!engines) return explain(engines.error());
  const auto engine = (*engines)();
  const auto pairs = pairs_of(*job, options.branch, *engine);
  if (!pairs) return explain(pairs.error());

  // A line as soon as its branch is done; JSON as one array at the end.
  int exit_code = kDone;
  std::string objects;
  for (const auto& pair : *pairs) {
    const RunReport report = run_pair(*job, pair, options, *engine);
    if (report.error) exit_code = kFailed;
    if (options.json) {
      objects += (objects.empty() ? "" : ",") + json_object(*job, pair, report);
    } else {
      std::fputs(result_line(result_of(*job, pair, report)).c_str(), stdout);
      std::fflush(stdout);
    }
  }
  if (options.json) std::fputs(("[" + objects + "]\n").c_str(), stdout);
  if (!options.json && pairs->empty()) std::puts("nothing to sync: no branch is enabled");
  return exit_code;
}

}  // namespace gitferry::daemon
