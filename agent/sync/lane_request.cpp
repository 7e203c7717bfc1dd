#include "agent/sync/lane_request.h"

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

std::vector<RunReport> all_failed(const SyncRequest& request, std::string_view what) {
  RunReport report;
  report.error = Error{ErrorCode::Internal, fmt::format("run the engine: {}", what),
                       "this is a defect of gitferry; please report it with this text", std::nullopt};
  return std::vector(request.refs.size(), report);
}

std::vector<RunReport> run_and_catch(Engine& engine, const SyncRequest& request,
                                     const std::stop_token& stop) {
  try {
    auto reports = engine.sync(request, stop);
    return reports.size() == request.refs.size() ? reports : all_failed(request, "it left out refs");
  } catch (const std::exception& e) {
    return all_failed(request, e.what());
  } catch (...) {
    return all_failed(request, "it threw something that is no exception");
  }
}

bool is_defect(const RunReport& report) {
  return report.error && report.error->code == ErrorCode::Internal;
}

/// What fails for all refs by a defect of ours is asked for in halves again, until it fails alone with the
/// ref that it is about. `tries` bounds how often, for a defect may have nothing to do with the refs.
std::vector<RunReport> run_apart(Engine& engine, const SyncRequest& request, const std::stop_token& stop,
                                 int& tries) {
  auto reports = run_and_catch(engine, request, stop);
  const bool is_to_halve = request.refs.size() > 1 && std::all_of(reports.begin(), reports.end(), is_defect);
  if (!is_to_halve || stop.stop_requested() || tries <= 0) return reports;
  tries -= 2;
  reports.clear();
  const auto middle = request.refs.begin() + static_cast<std::ptrdiff_t>(request.refs.size() / 2);
  for (const bool is_first : {true, false}) {
    auto half = request;
    half.refs.assign(is_first ? request.refs.begin() : middle, is_first ? middle : request.refs.end());
    for (auto& report : run_apart(engine, half, stop, tries)) reports.push_back(std::move(report));
  }
  return reports;
}

bool is_branch_ref(std::string_view ref, std::string_view branch) {
  return branch_of(ref) == branch;
}

const BranchBinding* bound_branch(const RepositoryBinding& binding, const LaneKey& key) {
  if (binding.granularity == Granularity::All) return nullptr;
  const auto found =
      std::find_if(binding.branches.begin(), binding.branches.end(), [&](const BranchBinding& branch) {
        return is_branch_ref(key.internal_ref, branch.internal) &&
               is_branch_ref(key.external_ref, branch.external);
      });
  return found == binding.branches.end() ? nullptr : &*found;
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
  const auto pair = fmt::format("{} / {}", key.internal_ref, key.external_ref);
  const bool has_one_name = key.internal_ref == key.external_ref;
  if (is_tag(key.internal_ref)) {
    if (has_one_name && binding->tags == Tags::All) return binding;
    return fail(ErrorCode::BranchUnknown,
                fmt::format("sync '{}': {}: its tags are not synced any more", key.repository, pair));
  }
  if (binding->granularity == Granularity::All && has_one_name) return binding;
  const auto* bound = bound_branch(*binding, key);
  if (bound == nullptr) {
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
  const auto* bound = bound_branch(binding, key);
  return bound == nullptr ? binding.policy : binding.policy_of(*bound);
}

Deletions deletions_of(const RepositoryBinding& binding, const LaneKey& key) {
  const auto* bound = bound_branch(binding, key);
  return bound == nullptr ? binding.deletions : binding.deletions_of(*bound);
}

void go_by_what_is_known(RefSync& ref, const RepositoryBinding& binding, const LaneRow& lane,
                         Direction direction) {
  ref.put_tip.reset();
  ref.common_tip.reset();
  if (const auto common = ObjectId::from_hex(lane.common_tip)) ref.common_tip = *common;
  if (binding.is_two_way()) return;
  if (const auto put = ObjectId::from_hex(lane.put_tip(direction))) ref.put_tip = *put;
}

RefSync ref_sync_for(const RepositoryBinding& binding, const LaneKey& key, Direction direction) {
  const auto from = source_side(direction);
  RefSync ref{key.ref(from), key.ref(other(from)), policy_of(binding, key)};
  ref.propagate_deletion =
      goes(binding.direction, direction) && deletions_of(binding, key) == Deletions::Propagate;
  return ref;
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

std::vector<std::vector<std::size_t>> transfers_of(std::span<const LaneKey> lanes, Direction direction) {
  const auto target = other(source_side(direction));
  std::map<std::string_view, std::size_t> earlier;
  std::vector<std::vector<std::size_t>> layers;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto layer = earlier[lanes[i].ref(target)]++;
    if (layer >= layers.size()) layers.emplace_back();
    layers[layer].push_back(i);
  }
  std::vector<std::vector<std::size_t>> transfers;
  for (const auto& layer : layers) {
    for (std::size_t first = 0; first < layer.size(); first += kMostRefsInTransfer) {
      const auto last = std::min(first + kMostRefsInTransfer, layer.size());
      transfers.emplace_back(layer.begin() + static_cast<std::ptrdiff_t>(first),
                             layer.begin() + static_cast<std::ptrdiff_t>(last));
    }
  }
  return transfers;
}

std::vector<RunReport> run_guarded(Engine& engine, const SyncRequest& request, const std::stop_token& stop) {
  constexpr int most_tries = 64;
  int tries = most_tries;
  const auto begun = std::chrono::steady_clock::now();
  auto reports = run_apart(engine, request, stop, tries);
  const auto total =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  for (auto& report : reports) {
    if (report.total.count() == 0) report.total = total;
  }
  return reports;
}

}  // namespace gitferry
