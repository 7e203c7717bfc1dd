#include "agent/sync/sync_service.h"

#include <algorithm>
#include <span>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/guarded.h"
#include "agent/base/log.h"
#include "agent/sync/delivery_record.h"
#include "agent/sync/known_addresses.h"
#include "agent/sync/lane_plans.h"
#include "agent/sync/lane_runner.h"
#include "agent/sync/lane_selection.h"
#include "agent/sync/listing_queue.h"
#include "agent/sync/mended_lanes.h"
#include "agent/sync/reconciler.h"
#include "agent/sync/repository_listing.h"
#include "agent/sync/time_limit.h"

namespace gitferry {
namespace {

TimeLimit::SteadyTime deadline_of(const SyncWish& wish) {
  constexpr std::chrono::milliseconds longest_wait{3'600'000};
  return std::chrono::steady_clock::now() + std::clamp(wish.wait, std::chrono::milliseconds{0}, longest_wait);
}

tl::unexpected<Error> moved_meanwhile(const std::string& repository) {
  return fail(ErrorCode::NotEnabled,
              fmt::format("sync '{}': its addresses were changed since it was asked for", repository),
              "look at them, and sync it again");
}

std::vector<LaneMark> marks_of(const LaneSelection& selection) {
  std::vector<LaneMark> marks;
  for (const auto& lane : selection.lanes) marks.push_back({lane.key, lane.direction, selection.wish.force});
  return marks;
}

/// The lanes of the refs that are not settled.
LaneSelection unsettled(const LaneSelection& repository, const std::vector<ListedRef>& refs) {
  auto selection = repository;
  for (const auto& ref : refs) {
    if (!ref.settled) selection.lanes.push_back({ref.key, ref.direction});
  }
  return selection;
}

/// One outcome a ref, in their order: what is settled, and `ran` for the others.
std::vector<SyncOutcome> merged(std::vector<ListedRef> refs, std::vector<SyncOutcome> ran) {
  std::vector<SyncOutcome> outcomes;
  auto next = ran.begin();
  for (auto& ref : refs) {
    if (ref.settled) {
      outcomes.push_back({ref.key, ref.direction, 0, true, std::move(*ref.settled)});
    } else {
      outcomes.push_back(std::move(*next++));
    }
  }
  return outcomes;
}

SelectionWish selection_wish(const SyncWish& wish) {
  return {wish.direction, wish.force};
}

struct Routed {
  DeliveryOutcome outcome;
  std::vector<LaneMark> marks;
  bool needs_listing = false;
};

/// What a delivery means for one of its targets; null: for none.
Routed route_to(const IncomingDelivery& delivery, const BindingSnapshot& bindings, const HookTarget* target) {
  Routed routed;
  auto& outcome = routed.outcome;
  const auto* binding = target == nullptr ? nullptr : bindings.find(target->repository);
  if (target != nullptr) outcome.repository = target->repository;
  if (!delivery.refusal.empty()) {
    outcome.verdict = Verdict::Refused;
    outcome.reason = delivery.refusal;
  } else if (!delivery.event.ignored_reason.empty()) {
    outcome.reason = delivery.event.ignored_reason;
  } else if (target == nullptr) {
    outcome.reason = "not_bound";
  } else if (binding == nullptr) {
    outcome.reason = "repository_unknown";  // it went with a reload while the body was on its way
  } else {
    auto route_taken = route(delivery.event, *binding, target->side);
    outcome.reason = route_taken.ignored_reason();
    outcome.refs = std::move(route_taken.refs);
    routed.marks = std::move(route_taken.marks);
    routed.needs_listing = route_taken.needs_listing;
    if (!routed.marks.empty() || routed.needs_listing) outcome.verdict = Verdict::Accepted;
  }
  return routed;
}

class Service final : public SyncService {
 public:
  Service(LaneRunner::Parts parts, Snapshot snapshot)
      : parts_(std::move(parts)),
        snapshot_(std::move(snapshot)),
        runner_([this] {
          auto of_runner = parts_;
          of_runner.snapshot = [this] { return this->snapshot(); };
          return of_runner;
        }()),
        reconciler_({parts_.options, parts_.store, parts_.clock, parts_.engines, parts_.credentials,
                     [this] { return this->snapshot(); }, [this] { runner_.wake(); }, parts_.fraction}) {}

  void start() override {
    runner_.start();
    listings_.start();
    reconciler_.start();
  }
  void stop() override {
    // Plans and listings write nothing: they need no time to finish in.
    stopping_.request_stop();
    reconciler_.stop();
    listings_.stop();
    runner_.stop();
  }

  [[nodiscard]] Snapshot snapshot() const override { return *snapshot_.lock(); }
  void replace_snapshot(Snapshot snapshot) override {
    const auto before = std::exchange(*snapshot_.lock(), snapshot);
    mark_mended(*before, *snapshot);
    crash_point(CrashPoint::LanesMended);
    runner_.wake();
    reconciler_.replace(*before, *snapshot);
  }

  void look_for_work() override { runner_.wake(); }
  Result<std::vector<DeliveryOutcome>> deliver(const IncomingDelivery& delivery) override;
  void reconcile_soon(std::string_view repository, Claim claim) override {
    reconciler_.ask(repository, claim);
  }
  [[nodiscard]] ReconcileState reconcile_state() override { return reconciler_.state(); }
  [[nodiscard]] std::vector<std::string> resting_hosts() override { return runner_.resting_hosts(); }
  [[nodiscard]] std::vector<std::optional<ProgressView>> progress_of(
      std::span<const std::int64_t> lane_ids) override {
    return runner_.progress_of(lane_ids);
  }
  Result<std::vector<SyncOutcome>> sync_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override;
  Result<std::vector<SyncOutcome>> plan_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override;
  Result<std::vector<RefTip>> list_branches(const RepositoryBinding& binding, Side side,
                                            std::chrono::milliseconds wait) override;
  Result<std::vector<SyncOutcome>> sync_repository(std::string_view repository,
                                                   const SyncWish& wish) override;
  Result<std::vector<SyncOutcome>> plan_repository(std::string_view repository,
                                                   const SyncWish& wish) override;

 private:
  using Outcomes = Result<std::vector<SyncOutcome>>;

  void mark_mended(const BindingSnapshot& before, const BindingSnapshot& now);
  Outcomes sync_lanes(std::span<const LaneMark> marks, TimeLimit::SteadyTime deadline);
  Outcomes sync_listed(const LaneSelection& selection, const SyncWish& wish);
  Outcomes plan_listed(const LaneSelection& selection, const SyncWish& wish);
  Result<std::vector<ListedRef>> list_for_sync(Engine& engine, const LaneSelection& selection,
                                               const TimeLimit& limit);
  Status list_and_mark(const ListingQueue::Wish& wish, const std::stop_token& stop);

  LaneRunner::Parts parts_;
  mutable Guarded<Snapshot> snapshot_;
  LaneRunner runner_;
  Reconciler reconciler_;
  std::stop_source stopping_;
  ListingQueue listings_{[this](const auto& wish, const auto& stop) { return list_and_mark(wish, stop); }};
};

void Service::mark_mended(const BindingSnapshot& before, const BindingSnapshot& now) {
  const auto marks = mended_lanes(before, now, parts_.store);
  if (!marks) {
    return log::error("cannot see which lanes a change of bindings mends", {{"error", marks.error().text()}});
  }
  if (marks->empty()) return;
  const auto marked = parts_.store.mark_lanes(*marks, Trigger::Configuration);
  if (!marked) {
    log::error("cannot mark lanes that a change of bindings mends", {{"error", marked.error().text()}});
  }
}

Result<std::vector<DeliveryOutcome>> Service::deliver(const IncomingDelivery& delivery) {
  const auto bindings = snapshot();
  std::vector<DeliveryOutcome> outcomes;
  std::vector<NewDelivery> rows;
  std::vector<std::string> to_list;
  const auto add = [&](const HookTarget* target) {
    auto routed = route_to(delivery, *bindings, target);
    if (routed.needs_listing) to_list.push_back(target->repository);
    rows.push_back({record_of(delivery, target, routed.outcome), std::move(routed.marks)});
    outcomes.push_back(std::move(routed.outcome));
  };
  for (const auto& target : delivery.targets) add(&target);
  if (delivery.targets.empty()) add(nullptr);

  crash_point(CrashPoint::DeliveryRouted);
  const auto receipts = parts_.store.record_deliveries(rows);
  if (!receipts) return fail(receipts.error());
  std::vector<Receipt::Marked> marked;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& receipt = receipts->at(i);
    outcomes[i].delivery_id = receipt.delivery_id;
    outcomes[i].duplicate_of = receipt.duplicate_of;
    if (receipt.duplicate_of) {
      outcomes[i].verdict = Verdict::Duplicate;
      outcomes[i].reason = kDuplicateReason;
    }
    marked.insert(marked.end(), receipt.marked.begin(), receipt.marked.end());
  }
  runner_.wake_for(marked);
  for (const auto& repository : to_list) reconcile_soon(repository, Claim::Proven);
  return outcomes;
}

Service::Outcomes Service::sync_lanes(std::span<const LaneMark> marks, TimeLimit::SteadyTime deadline) {
  std::vector<SyncOutcome> outcomes;
  if (marks.empty()) return outcomes;
  std::vector<std::unique_ptr<RunWaiters::Watch>> watches;
  for (const auto& mark : marks) {
    watches.push_back(std::make_unique<RunWaiters::Watch>(runner_.waiters(), mark.key, mark.direction));
  }
  const auto receipt = parts_.store.mark_lanes(marks, Trigger::Manual);
  if (!receipt) return fail(receipt.error());
  runner_.probe_soon(std::span(&marks.front().key.repository, 1));
  runner_.wake();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const auto& marked = receipt->marked.at(i);
    auto report = watches[i]->wait(marked.seq, deadline);
    const bool finished = report.has_value();
    outcomes.push_back({marks[i].key, watches[i]->went(), marked.lane_id, finished,
                        finished ? std::move(*report) : RunReport{}});
  }
  return outcomes;
}

Result<std::vector<ListedRef>> Service::list_for_sync(Engine& engine, const LaneSelection& selection,
                                                      const TimeLimit& limit) {
  const auto& binding = *selection.binding;
  const auto listings = list_both(engine, binding, first_side(selection), parts_.credentials, limit);
  if (!listings) return fail(listings.error().error);
  // What was listed, and the leave to force, is of the addresses that were in force when it was asked for.
  const auto now = snapshot();
  const auto* current = now->find(binding.name);
  if (current == nullptr || fingerprint_of(*current) != fingerprint_of(binding)) {
    return moved_meanwhile(binding.name);
  }
  const auto lanes = parts_.store.lanes_of_repositories(std::span(&binding.name, 1));
  if (!lanes) return fail(lanes.error());
  return compared(selection, *listings, *lanes);
}

Service::Outcomes Service::sync_listed(const LaneSelection& selection, const SyncWish& wish) {
  const TimeLimit limit(stopping_.get_token(), deadline_of(wish));
  const auto engine = parts_.engines();
  auto refs = list_for_sync(*engine, selection, limit);
  if (!refs) return fail(refs.error());
  auto ran = sync_lanes(marks_of(unsettled(selection, *refs)), limit.deadline());
  if (!ran) return ran;
  return merged(std::move(*refs), std::move(*ran));
}

Service::Outcomes Service::plan_listed(const LaneSelection& selection, const SyncWish& wish) {
  const TimeLimit limit(stopping_.get_token(), deadline_of(wish));
  const auto engine = parts_.engines();
  auto refs = list_for_sync(*engine, selection, limit);
  if (!refs) return fail(refs.error());
  for (auto& ref : *refs) {
    if (ref.settled) ref.settled->dry_run = true;
  }
  auto planned = plan_lanes(*engine, parts_.store, unsettled(selection, *refs), parts_.credentials, limit);
  if (!planned) return planned;
  return merged(std::move(*refs), std::move(*planned));
}

Status Service::list_and_mark(const ListingQueue::Wish& wish, const std::stop_token& stop) {
  const auto bindings = snapshot();
  const auto selection = select_repository(*bindings, wish.repository, {wish.direction, wish.force});
  if (!selection) return fail(selection.error());
  if (!selection->binding->needs_listing()) {
    return fail(ErrorCode::NotEnabled,
                fmt::format("sync '{}': neither all of its branches nor its tags are synced any more",
                            wish.repository),
                "sync it again");
  }
  if (wish.force && wish.addresses != fingerprint_of(*selection->binding)) {
    return moved_meanwhile(wish.repository);
  }
  const TimeLimit limit(stop, std::chrono::steady_clock::now() + ListingQueue::kLongestListing);
  const auto engine = parts_.engines();
  const auto refs = list_for_sync(*engine, *selection, limit);
  if (!refs) return fail(refs.error());
  for (const auto& ref : *refs) {
    if (!ref.settled || !ref.settled->error) continue;
    log::warn("a ref is not synced", {{"repo", wish.repository}, {"error", ref.settled->error->text()}});
  }
  const auto marks = marks_of(unsettled(*selection, *refs));
  if (marks.empty()) return {};
  const auto receipt = parts_.store.mark_lanes(marks, Trigger::Manual);
  if (!receipt) return fail(receipt.error());
  runner_.probe_soon(std::span(&wish.repository, 1));
  runner_.wake();
  return {};
}

Service::Outcomes Service::sync_branch(std::string_view repository, std::string_view branch,
                                       const SyncWish& wish) {
  const auto bindings = snapshot();
  const auto selection = select_branch(*bindings, repository, branch, selection_wish(wish));
  if (!selection) return fail(selection.error());
  return sync_lanes(marks_of(*selection), deadline_of(wish));
}

Service::Outcomes Service::plan_branch(std::string_view repository, std::string_view branch,
                                       const SyncWish& wish) {
  const auto bindings = snapshot();
  const auto selection = select_branch(*bindings, repository, branch, selection_wish(wish));
  if (!selection) return fail(selection.error());
  const TimeLimit limit(stopping_.get_token(), deadline_of(wish));
  return plan_lanes(*parts_.engines(), parts_.store, *selection, parts_.credentials, limit);
}

Result<std::vector<RefTip>> Service::list_branches(const RepositoryBinding& binding, Side side,
                                                   std::chrono::milliseconds wait) {
  const TimeLimit limit(stopping_.get_token(), std::chrono::steady_clock::now() + wait);
  return list_one(*parts_.engines(), binding, side, parts_.credentials, limit);
}

Service::Outcomes Service::sync_repository(std::string_view repository, const SyncWish& wish) {
  const auto bindings = snapshot();
  const auto selection = select_repository(*bindings, repository, selection_wish(wish));
  if (!selection) return fail(selection.error());
  if (!selection->binding->needs_listing()) {
    return sync_lanes(marks_of(*selection), deadline_of(wish));
  }
  if (wish.wait > std::chrono::milliseconds{0}) return sync_listed(*selection, wish);
  auto added = listings_.add({selection->binding->name, wish.direction, wish.force,
                              wish.force ? fingerprint_of(*selection->binding) : std::string()});
  if (!added) return fail(added.error());
  return std::vector<SyncOutcome>{};
}

Service::Outcomes Service::plan_repository(std::string_view repository, const SyncWish& wish) {
  const auto bindings = snapshot();
  const auto selection = select_repository(*bindings, repository, selection_wish(wish));
  if (!selection) return fail(selection.error());
  if (selection->binding->needs_listing()) return plan_listed(*selection, wish);
  const TimeLimit limit(stopping_.get_token(), deadline_of(wish));
  return plan_lanes(*parts_.engines(), parts_.store, *selection, parts_.credentials, limit);
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
