#include "agent/sync/lane_request.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

std::vector<RunReport> all_failed(const SyncRequest& request, std::string_view what) {
  RunReport report;
  report.error = Error{ErrorCode::Internal, fmt::format("run the engine: {}", what),
                       "this is a defect of gitferry; please report it with this text", std::nullopt};
  return std::vector(request.refs.size(), report);
}

std::vector<RunReport> run_and_catch(Engine& engine, const SyncRequest& request, std::stop_token stop) {
  try {
    return engine.sync(request, std::move(stop));
  } catch (const std::exception& e) {
    return all_failed(request, e.what());
  } catch (...) {
    return all_failed(request, "it threw something that is no exception");
  }
}

}  // namespace

Result<const RepositoryBinding*> binding_of(const BindingSnapshot& snapshot, const LaneKey& key) {
  const auto* binding = snapshot.find(key.repository);
  if (binding == nullptr) {
    return fail(ErrorCode::RepositoryUnknown,
                fmt::format("sync '{}': it is not bound any more", key.repository));
  }
  if (!binding->enabled) {
    return fail(ErrorCode::NotEnabled, fmt::format("sync '{}': the repository is disabled", key.repository),
                "enable it and sync again");
  }
  if (binding->granularity == Granularity::All && key.internal_ref == key.external_ref) return binding;
  const auto bound =
      std::find_if(binding->branches.begin(), binding->branches.end(), [&](const BranchBinding& branch) {
        return branch_ref(branch.internal) == key.internal_ref &&
               branch_ref(branch.external) == key.external_ref;
      });
  const auto pair = fmt::format("{} / {}", key.internal_ref, key.external_ref);
  if (bound == binding->branches.end()) {
    return fail(ErrorCode::BranchUnknown,
                fmt::format("sync '{}': {} is not bound any more", key.repository, pair));
  }
  if (!bound->enabled) {
    return fail(ErrorCode::NotEnabled,
                fmt::format("sync '{}': the branch {} is disabled", key.repository, pair),
                "enable it and sync again");
  }
  return binding;
}

Policy policy_of(const RepositoryBinding& binding, const LaneKey& key) {
  if (binding.granularity == Granularity::All) return binding.policy;
  const auto bound =
      std::find_if(binding.branches.begin(), binding.branches.end(),
                   [&](const BranchBinding& branch) { return lane_key(binding, branch) == key; });
  return bound == binding.branches.end() ? binding.policy : binding.policy_of(*bound);
}

void follow_what_was_put(RefSync& ref, const LaneRow& lane, Direction direction) {
  ref.put_tip.reset();
  if (const auto put = ObjectId::from_hex(lane.put_tip(direction))) ref.put_tip = *put;
}

RefSync ref_sync_for(const RepositoryBinding& binding, const LaneKey& key, Direction direction) {
  const auto from = source_side(direction);
  return {key.ref(from), key.ref(other(from)), policy_of(binding, key)};
}

Result<Remote> remote_of(const RepositoryBinding& binding, Side side, const CredentialLookup& credentials) {
  const auto& address = binding.address(side);
  const auto& token = binding.token(side);
  if (token && token->may_be_shown_at(address)) {
    return Remote{address, Credential{token->username, token->token, {}, {}}};
  }
  auto credential = credentials(address);
  if (!credential) return fail(credential.error());
  return Remote{address, std::move(*credential)};
}

Result<SyncRequest> request_for(const RepositoryBinding& binding, Direction direction,
                                const CredentialLookup& credentials) {
  const auto from = source_side(direction);
  auto source = remote_of(binding, from, credentials);
  if (!source) return fail(source.error());
  auto target = remote_of(binding, other(from), credentials);
  if (!target) return fail(target.error());
  SyncRequest request{std::move(*source), std::move(*target), {}};
  request.keep_backup = binding.backup_refs;
  return request;
}

std::vector<RunReport> run_guarded(Engine& engine, const SyncRequest& request, std::stop_token stop) {
  const auto begun = std::chrono::steady_clock::now();
  auto reports = run_and_catch(engine, request, std::move(stop));
  if (reports.size() != request.refs.size()) reports = all_failed(request, "it left out refs");
  const auto total =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  for (auto& report : reports) {
    if (report.total.count() == 0) report.total = total;
  }
  return reports;
}

}  // namespace gitferry
