#include <chrono>
#include <cstddef>
#include <cstdint>
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
#include "agent/daemon/terminal_progress.h"
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
/// earlier runs here, so nothing is deleted.
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

/// One report for each of `transfer`, which are indices of `lanes`.
std::vector<RunReport> run_transfer(const Job& job, const std::vector<SelectedLane>& lanes,
                                    const std::vector<std::size_t>& transfer, Direction direction,
                                    const SyncCommandOptions& options) {
  const auto& binding = *job.selection.binding;
  auto request = request_for(binding, direction, job.credentials);
  if (!request) {
    RunReport report;
    report.error = request.error();
    return std::vector(transfer.size(), report);
  }
  request->dry_run = options.dry_run;
  request->may_delete_many = options.force;
  for (const auto i : transfer) {
    auto& ref = request->refs.emplace_back(ref_sync_for(binding, lanes[i].key, direction));
    if (options.force) ref.policy = Policy::Force;
  }
  TransferProgress progress;
  request->progress = &progress;
  // Where somebody reads along; a program that reads JSON may have stderr on a terminal, too.
  const TerminalProgress shown(progress, static_cast<std::uint32_t>(transfer.size()),
                               !options.json && stderr_can_redraw());
  return run_guarded(job.engine, *request, std::stop_token());
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

/// Prints what is done: a line as soon as a ref's transfer is; JSON as one array at the end, as the agent
/// would answer: programs need not know who did it.
class Results {
 public:
  explicit Results(const SyncCommandOptions& options) : options_(options) {}

  void add(const LaneKey& key, Direction direction, RunReport report) {
    report.dry_run = options_.dry_run;
    is_empty_ = false;
    if (report.error) exit_code_ = kFailed;
    const SyncOutcome outcome{key, direction, 0, true, std::move(report)};
    if (options_.json) {
      objects_ += (objects_.empty() ? "" : ",") + api::outcome_text(outcome);
    } else {
      std::fputs(result_line(result_of(outcome)).c_str(), stdout);
      std::fflush(stdout);
    }
  }
  /// The exit code.
  int end() {
    if (options_.json) std::fputs(("[" + objects_ + "]\n").c_str(), stdout);
    if (!options_.json && is_empty_) std::puts("nothing to sync: no branch is enabled");
    return exit_code_;
  }

 private:
  const SyncCommandOptions& options_;
  std::string objects_;
  bool is_empty_ = true;
  int exit_code_ = kDone;
};

/// First what listing both hosts settled, then the transfers.
void run_refs(const Job& job, std::vector<ListedRef>& refs, const SyncCommandOptions& options,
              Results& results) {
  std::vector<SelectedLane> lanes;
  std::vector<LaneKey> keys;
  for (auto& ref : refs) {
    if (ref.settled) {
      results.add(ref.key, ref.direction, std::move(*ref.settled));
    } else {
      lanes.push_back({ref.key, ref.direction});
      keys.push_back(ref.key);
    }
  }
  const bool may_turn = job.selection.binding->is_two_way() && !options.force;
  for (const auto& [direction, transfer] : transfers_of(lanes)) {
    auto ran = run_either_way(keys, transfer, direction, may_turn, [&](const auto& some, Direction way) {
      return run_transfer(job, lanes, some, way, options);
    });
    for (std::size_t i = 0; i < transfer.size(); ++i) {
      results.add(keys[transfer[i]], ran[i].direction, std::move(ran[i].report));
    }
  }
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
  const auto credentials = credential_lookup(live, clock);
  const Job job{std::move(*selection), *engine, credentials};
  auto refs = refs_of(job);
  if (!refs) return explain(refs.error());

  Results results(options);
  run_refs(job, *refs, options, results);
  return results.end();
}

}  // namespace gitferry::daemon
