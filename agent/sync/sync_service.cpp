#include "agent/sync/sync_service.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "agent/base/guarded.h"
#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"
#include "agent/sync/lane_runner.h"

namespace gitferry {
namespace {

std::string refs_json(const std::vector<RefVerdict>& refs) {
  std::string array = "[";
  for (const auto& ref : refs) {
    const auto verdict = ref.reason.empty() ? Verdict::Accepted : Verdict::Ignored;
    array += fmt::format("{}{{\"ref\":{},\"verdict\":{},\"reason\":{}}}", array.size() > 1 ? "," : "",
                         json_string(ref.ref), json_string(name_of(verdict)), json_string(ref.reason));
  }
  return array + "]";
}

DeliveryRecord record_of(const IncomingDelivery& delivery) {
  DeliveryRecord record;
  record.provider = delivery.event.provider;
  record.repository = delivery.repository;
  record.side = delivery.side;
  record.replay_of = delivery.replay_of;
  record.event = delivery.event.event;
  record.provider_delivery_id = delivery.event.delivery_id;
  record.source_address = delivery.source_address;
  record.body_sha256 = delivery.body_sha256;
  record.body_bytes = delivery.body_bytes;
  record.received_at_ms = to_epoch_ms(delivery.received_at);
  return record;
}

/// The lanes that a request by name means, and the direction it runs in.
struct Selection {
  const RepositoryBinding* binding = nullptr;
  Direction direction = Direction::ToOuter;
  std::vector<LaneKey> lanes;
};

Result<std::vector<LaneKey>> bound_lanes(const RepositoryBinding& binding, std::string_view branch,
                                         Side side) {
  std::vector<LaneKey> lanes;
  bool is_bound = false;
  for (const auto& bound : binding.branches) {
    if (bound.name(side) != branch) continue;
    is_bound = true;
    if (bound.enabled)
      lanes.push_back({binding.name, branch_ref(bound.internal), branch_ref(bound.external)});
  }
  if (!lanes.empty()) return lanes;
  const auto what = fmt::format("sync branch '{}' of '{}'", shortened(branch, 200), binding.name);
  if (is_bound) {
    return fail(ErrorCode::NotEnabled, what + ": the branch is disabled", "enable it and sync again");
  }
  return fail(ErrorCode::NotEnabled,
              fmt::format("{}: no branch of that name is bound on the {} side", what, name_of(side)),
              "bind it, or give the name that it has on the side that is synced from");
}

Result<Selection> select(const BindingSnapshot& snapshot, std::string_view repository,
                         std::string_view branch, std::optional<Direction> direction) {
  const auto* binding = snapshot.find(repository);
  if (binding == nullptr) {
    return fail(ErrorCode::RepositoryUnknown,
                fmt::format("sync '{}': no repository of that name is bound", shortened(repository, 200)),
                "bind the repository, or correct its name");
  }
  if (!binding->enabled) {
    return fail(ErrorCode::NotEnabled, fmt::format("sync '{}': the repository is disabled", repository),
                "enable it and sync again");
  }
  Selection selection{binding, direction.value_or(binding->direction), {}};
  if (binding->granularity == Granularity::All) {
    const auto name = checked_branch(branch);
    if (!name) return fail(name.error());
    selection.lanes.push_back({binding->name, branch_ref(*name), branch_ref(*name)});
    return selection;
  }
  auto lanes = bound_lanes(*binding, branch, source_side(selection.direction));
  if (!lanes) return fail(lanes.error());
  selection.lanes = std::move(*lanes);
  return selection;
}

class Service final : public SyncService {
 public:
  Service(LaneRunner::Parts parts, Snapshot snapshot)
      : parts_(std::move(parts)), snapshot_(std::move(snapshot)), runner_([this] {
          auto of_runner = parts_;
          of_runner.snapshot = [this] { return this->snapshot(); };
          return of_runner;
        }()) {}

  void start() override { runner_.start(); }
  void stop() override { runner_.stop(); }

  [[nodiscard]] Snapshot snapshot() const override { return *snapshot_.lock(); }
  void replace_snapshot(Snapshot snapshot) override {
    *snapshot_.lock() = std::move(snapshot);
    runner_.wake();
  }

  Result<DeliveryOutcome> deliver(const IncomingDelivery& delivery) override;
  Result<std::vector<SyncOutcome>> sync_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override;
  Result<std::vector<SyncOutcome>> plan_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override;
  Result<std::vector<SyncOutcome>> sync_repository(std::string_view repository,
                                                   const SyncWish& wish) override;
  Result<std::vector<SyncOutcome>> plan_repository(std::string_view repository,
                                                   const SyncWish& wish) override;

 private:
  LaneRunner::Parts parts_;
  mutable Guarded<Snapshot> snapshot_;
  LaneRunner runner_;
};

Result<DeliveryOutcome> Service::deliver(const IncomingDelivery& delivery) {
  const auto bindings = snapshot();
  const auto* binding = bindings->find(delivery.repository);
  DeliveryOutcome outcome;
  Route routed;
  if (!delivery.event.ignored_reason.empty()) {
    outcome.reason = delivery.event.ignored_reason;
  } else if (binding == nullptr) {
    outcome.reason = "repository_unknown";  // it went with a reload while the body was on its way
  } else {
    routed = route(delivery.event, *binding, delivery.side);
    outcome.reason = routed.ignored_reason();
  }
  outcome.verdict = routed.marks.empty() ? Verdict::Ignored : Verdict::Accepted;
  outcome.refs = std::move(routed.refs);

  auto record = record_of(delivery);
  record.verdict = outcome.verdict;
  record.reason = outcome.reason;
  record.refs = refs_json(outcome.refs);
  const auto receipt = parts_.store.record_delivery(record, routed.marks);
  if (!receipt) return fail(receipt.error());
  outcome.delivery_id = receipt->delivery_id;
  if (!routed.marks.empty()) runner_.wake();
  return outcome;
}

Result<std::vector<SyncOutcome>> Service::sync_branch(std::string_view repository, std::string_view branch,
                                                      const SyncWish& wish) {
  constexpr std::chrono::milliseconds longest_wait{3'600'000};
  const auto bindings = snapshot();
  auto selection = select(*bindings, repository, branch, wish.direction);
  if (!selection) return fail(selection.error());

  std::vector<LaneMark> marks;
  std::vector<std::unique_ptr<RunWaiters::Watch>> watches;
  for (const auto& key : selection->lanes) {
    marks.push_back({key, selection->direction, wish.force});
    watches.push_back(std::make_unique<RunWaiters::Watch>(runner_.waiters(), key, selection->direction));
  }
  const auto receipt = parts_.store.mark_lanes(marks, Trigger::Manual);
  if (!receipt) return fail(receipt.error());
  runner_.wake();

  const auto deadline =
      std::chrono::steady_clock::now() + std::clamp(wish.wait, std::chrono::milliseconds{0}, longest_wait);
  std::vector<SyncOutcome> outcomes;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const auto& marked = receipt->marked.at(i);
    auto report = watches[i]->wait(marked.seq, deadline);
    const bool finished = report.has_value();
    outcomes.push_back({marks[i].key, marks[i].direction, marked.lane_id, finished,
                        finished ? std::move(*report) : RunReport{}});
  }
  return outcomes;
}

Result<std::vector<SyncOutcome>> Service::plan_branch(std::string_view repository, std::string_view branch,
                                                      const SyncWish& wish) {
  const auto bindings = snapshot();
  const auto selection = select(*bindings, repository, branch, wish.direction);
  if (!selection) return fail(selection.error());
  const auto engine = parts_.engines();
  std::vector<SyncOutcome> outcomes;
  for (const auto& key : selection->lanes) {
    auto request = request_for(*selection->binding, key, selection->direction, parts_.credentials);
    if (!request) return fail(request.error());
    request->dry_run = true;
    outcomes.push_back(
        {key, selection->direction, 0, true, run_guarded(*engine, *request, runner_.stop_token())});
    outcomes.back().report.dry_run = true;
  }
  return outcomes;
}

Result<std::vector<SyncOutcome>> Service::sync_repository(std::string_view repository, const SyncWish& wish) {
  static_cast<void>(wish);
  return fail(ErrorCode::Internal, fmt::format("sync '{}': not there yet", repository));
}

Result<std::vector<SyncOutcome>> Service::plan_repository(std::string_view repository, const SyncWish& wish) {
  static_cast<void>(wish);
  return fail(ErrorCode::Internal, fmt::format("plan '{}': not there yet", repository));
}

}  // namespace

std::unique_ptr<SyncService> SyncService::make(SyncOptions options, Store& store, const Clock& clock,
                                               EngineFactory engines, CredentialLookup credentials,
                                               Snapshot snapshot) {
  LaneRunner::Parts parts{options,         store,          clock, std::move(engines), std::move(credentials),
                          /*snapshot=*/{}, random_fraction};
  return std::make_unique<Service>(std::move(parts), std::move(snapshot));
}

}  // namespace gitferry
