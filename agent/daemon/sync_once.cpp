#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
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
#include "agent/sync/lane_selection.h"
#include "agent/sync/repository_listing.h"
#include "agent/sync/time_limit.h"
#include "agent/sync/two_way.h"
#include "api/sync_answer.h"

namespace gitferry::daemon {
namespace {

// As long as the agent would wait for a listing.
constexpr std::chrono::hours kLongestListing{1};

struct Job {
  LaneSelection selection;
  Engine& engine;
  const CredentialLookup& credentials;
};

Result<LaneSelection> selection_of(const SyncCommandOptions& options, const BindingSnapshot& bindings) {
  const SelectionWish wish{options.direction, options.force};
  auto selection = options.branch.empty() ? select_repository(bindings, options.repository, wish)
                                          : select_branch(bindings, options.repository, options.branch, wish);
  if (selection || selection.error().code != ErrorCode::RepositoryUnknown) return selection;
  std::vector<std::string> names;
  for (const auto& [name, unused] : bindings.repositories) names.push_back(name);
  const std::string near = nearest(options.repository, names);
  if (!near.empty()) selection.error().hint = "did you mean '" + near + "'?";
  return selection;
}

/// What is to be synced, in order. Refs that listing both hosts settles need no run. Nothing is known of
/// earlier runs here, so nothing is deleted but by force.
Result<std::vector<ListedRef>> refs_of(const Job& job) {
  const auto& selection = job.selection;
  if (selection.binding->needs_listing() && selection.lanes.empty()) {
    const TimeLimit limit({}, std::chrono::steady_clock::now() + kLongestListing);
    const auto listings =
        list_both(job.engine, *selection.binding, first_side(selection), job.credentials, limit);
    if (!listings) return fail(listings.error().error);
    return compared(selection, *listings, {});
  }
  std::vector<ListedRef> refs;
  for (const auto& lane : selection.lanes) refs.push_back({lane.key, lane.direction});
  return refs;
}

RunReport run_one_way(const Job& job, const LaneKey& key, Direction direction,
                      const SyncCommandOptions& options) {
  RunReport report;
  if (auto request = request_for(*job.selection.binding, direction, job.credentials)) {
    request->dry_run = options.dry_run;
    request->may_delete_many = options.force;
    auto& ref = request->refs.emplace_back(ref_sync_for(*job.selection.binding, key, direction));
    if (options.force) ref.policy = Policy::Force;
    report = std::move(run_guarded(job.engine, *request, std::stop_token()).front());
  } else {
    report.error = request.error();
  }
  return report;
}

DirectedReport run_ref(const Job& job, const ListedRef& ref, const SyncCommandOptions& options) {
  DirectedReport ran{{}, ref.direction};
  if (ref.settled) {
    ran.report = *ref.settled;
  } else {
    ran.report = run_one_way(job, ref.key, ref.direction, options);
    const bool is_two_way = job.selection.binding->is_two_way() && !options.force;
    if (is_two_way && may_go_the_other_way(ran.report)) {
      auto second = run_one_way(job, ref.key, opposite(ref.direction), options);
      ran = ended_both_ways(ref.key, std::move(ran), std::move(second));
    }
  }
  ran.report.dry_run = options.dry_run;
  return ran;
}

std::string hex_of(const std::optional<ObjectId>& tip) {
  return tip ? tip->hex() : "";
}

BranchResult result_of(const SyncOutcome& outcome) {
  const Side from = source_side(outcome.direction);
  const auto& report = outcome.report;
  BranchResult result;
  result.repository = outcome.key.repository;
  result.source_branch = branch_or_ref(outcome.key.ref(from));
  result.target_branch = branch_or_ref(outcome.key.ref(other(from)));
  if (report.error) result.error = report.error->text();
  result.plan = name_of(report.plan);
  result.source_tip = hex_of(report.source_tip);
  result.target_tip_before = hex_of(report.target_tip_before);
  result.pack_bytes = static_cast<std::int64_t>(report.pack_bytes);
  result.milliseconds = static_cast<double>(report.total.count()) / 1000.0;
  result.dry_run = report.dry_run;
  return result;
}

}  // namespace

int sync_once(const SyncCommandOptions& options, config::Config loaded) {
  LiveConfig live(std::make_shared<const config::Config>(std::move(loaded)));
  const SharedConfig config = live.get();
  if (auto made = ensure_private_directory(config->sync.sync_dir); !made) return explain(made.error());
  const auto bindings = effective_bindings(*config);
  if (!bindings) return explain(bindings.error());
  auto selection = selection_of(options, *bindings);
  if (!selection) return explain(selection.error());
  const SystemClock clock;
  const auto engines = engine_factory(*config, clock);
  if (!engines) return explain(engines.error());
  const auto engine = (*engines)();
  const auto credentials = credential_lookup(live);
  const Job job{std::move(*selection), *engine, credentials};
  const auto refs = refs_of(job);
  if (!refs) return explain(refs.error());

  // A line as soon as its ref is done; JSON as one array at the end, as the agent would answer: programs
  // need not know who did it.
  int exit_code = kDone;
  std::string objects;
  for (const auto& ref : *refs) {
    auto ran = run_ref(job, ref, options);
    const SyncOutcome outcome{ref.key, ran.direction, 0, true, std::move(ran.report)};
    if (outcome.report.error) exit_code = kFailed;
    if (options.json) {
      objects += (objects.empty() ? "" : ",") + api::outcome_text(outcome);
    } else {
      std::fputs(result_line(result_of(outcome)).c_str(), stdout);
      std::fflush(stdout);
    }
  }
  if (options.json) std::fputs(("[" + objects + "]\n").c_str(), stdout);
  if (!options.json && refs->empty()) std::puts("nothing to sync: no branch is enabled");
  return exit_code;
}

}  // namespace gitferry::daemon
