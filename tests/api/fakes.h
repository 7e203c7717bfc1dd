#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/crypto.h"
#include "agent/sync/binding_registry.h"
#include "agent/sync/sync_service.h"
#include "api/api_context.h"

namespace gitferry::api::testing {

inline RemoteUrl url(std::string_view text) {
  return parse_remote_url(text, any_scheme())->url;
}

/// Remembers what it was asked; answers what the test put in.
class FakeStore final : public Store {
 public:
  Result<std::vector<Receipt>> record_deliveries(std::span<const NewDelivery> records) override {
    return std::vector<Receipt>(records.size());
  }
  Result<Receipt> mark_lanes(std::span<const LaneMark>, Trigger) override { return Receipt{}; }
  Result<std::vector<Result<std::int64_t>>> begin_runs(std::span<const LaneRow> lanes, Direction,
                                                       std::int64_t) override {
    return std::vector<Result<std::int64_t>>(lanes.size(), 1);
  }
  Status finish_runs(std::span<const RunEnd>) override { return {}; }
  Status drop_lane_requests(std::span<const LaneDrop>) override { return {}; }
  Status retry_now(std::span<const std::string>) override { return {}; }
  Result<std::optional<LaneRow>> first_due(std::int64_t,
                                           const std::function<Offer(const LaneRow&)>&) override {
    return std::nullopt;
  }
  Result<std::vector<std::int64_t>> due_of(const LaneGroup&, std::int64_t, std::size_t) override {
    return std::vector<std::int64_t>{};
  }
  Result<std::vector<LaneRow>> lanes_to_run(std::span<const std::int64_t>) override {
    return std::vector<LaneRow>{};
  }
  Result<std::optional<std::int64_t>> next_due_after(std::int64_t) override {
    if (broken) return fail(ErrorCode::StoreFailed, "read the lanes: broken");
    return std::nullopt;
  }
  Result<std::optional<LaneRow>> lane(std::int64_t) override { return std::nullopt; }
  Result<std::vector<LaneRow>> lanes() override {
    if (broken) return fail(ErrorCode::StoreFailed, "read the lanes: broken");
    return lane_rows;
  }
  Result<std::vector<LaneRow>> lanes_behind(const LaneKey& key, std::size_t limit) override {
    if (broken) return fail(ErrorCode::StoreFailed, "read the lanes: broken");
    std::vector<LaneRow> rows;
    for (const auto& lane : lane_rows) {
      if (lane.key > key) rows.push_back(lane);
    }
    std::sort(rows.begin(), rows.end(),
              [](const LaneRow& left, const LaneRow& right) { return left.key < right.key; });
    rows.resize(std::min(rows.size(), limit));
    return rows;
  }
  Result<StoreUsage> usage() override { return StoreUsage{4096, 512, 1'000'000}; }
  Result<Listing<RunRow>> runs(const RunFilter& filter, const Page& page) override {
    last_filter = filter;
    last_page = page;
    return Listing<RunRow>{run_rows, static_cast<std::int64_t>(run_rows.size())};
  }
  Result<std::optional<RunRow>> run(std::int64_t id) override {
    const auto found =
        std::find_if(run_rows.begin(), run_rows.end(), [&](const RunRow& run) { return run.id == id; });
    return found == run_rows.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::vector<std::vector<RunMark>>> latest_runs(std::span<const std::int64_t> lanes,
                                                        std::int64_t limit) override {
    std::vector<std::vector<RunMark>> found;
    for (const auto lane : lanes) {
      auto runs = run_marks[lane];
      runs.resize(std::min(runs.size(), static_cast<std::size_t>(limit)));
      found.push_back(std::move(runs));
    }
    return found;
  }
  Result<std::vector<std::optional<LaneRow>>> lanes_of(std::span<const LaneKey> keys) override {
    if (broken) return fail(ErrorCode::StoreFailed, "read the lanes: broken");
    std::vector<std::optional<LaneRow>> found;
    for (const auto& key : keys) {
      const auto row = std::find_if(lane_rows.begin(), lane_rows.end(),
                                    [&](const LaneRow& lane) { return lane.key == key; });
      found.push_back(row == lane_rows.end() ? std::nullopt : std::optional(*row));
    }
    return found;
  }
  Result<std::vector<LaneRow>> lanes_of_repositories(std::span<const std::string>) override {
    return lane_rows;
  }
  Result<std::vector<std::int64_t>> lane_counts(std::span<const std::string> repositories) override {
    return std::vector<std::int64_t>(repositories.size());
  }
  Result<std::vector<std::int64_t>> tag_lane_counts(std::span<const std::string> repositories) override {
    return std::vector<std::int64_t>(repositories.size());
  }
  Result<std::optional<DeliveryRow>> delivery(std::int64_t) override { return std::nullopt; }
  Result<OverrideRows> overrides() override { return OverrideRows{}; }
  Status change_overrides(const OverrideChange&) override { return {}; }
  Result<BindingIds> binding_ids(const BindingNames& names) override {
    return BindingIds{std::vector<BindingId>(names.repositories.size()),
                      std::vector<BindingId>(names.branches.size())};
  }
  Result<Listing<AuditRow>> audit(const AuditFilter&, const Page&) override { return Listing<AuditRow>{}; }
  Result<Listing<DeliveryRow>> deliveries(const DeliveryFilter& filter, const Page& page) override {
    last_filter = RunFilter{{filter.repository}, {}};
    last_page = page;
    return Listing<DeliveryRow>{delivery_rows,
                                std::max(delivery_total, static_cast<std::int64_t>(delivery_rows.size()))};
  }

  std::atomic<bool> broken{false};
  std::vector<LaneRow> lane_rows;
  std::vector<RunRow> run_rows;
  std::map<std::int64_t, std::vector<RunMark>> run_marks;  ///< by lane
  std::vector<DeliveryRow> delivery_rows;
  std::int64_t delivery_total = 0;  ///< beyond the rows, as if they were one page of many
  RunFilter last_filter;
  Page last_page;
};

class FakeSync final : public SyncService {
 public:
  struct BranchCall {
    std::string repository;
    std::string branch;
    std::optional<Direction> direction;
    std::chrono::milliseconds wait{0};
    bool dry_run = false;
    bool force = false;
  };

  void start() override {}
  void stop() override {}
  [[nodiscard]] Snapshot snapshot() const override { return bindings; }
  void replace_snapshot(Snapshot snapshot) override { bindings = std::move(snapshot); }
  void look_for_work() override {}

  [[nodiscard]] std::vector<std::optional<ProgressView>> progress_of(
      std::span<const std::int64_t> lane_ids) override {
    std::vector<std::optional<ProgressView>> views;
    for (const auto id : lane_ids) views.push_back(id == running_lane ? progress : std::nullopt);
    return views;
  }

  Result<std::vector<DeliveryOutcome>> deliver(const IncomingDelivery& delivery) override {
    const std::lock_guard lock(mutex);
    if (delivery_error) return fail(*delivery_error);
    deliveries.push_back(delivery);
    if (!next_outcomes.empty()) return std::exchange(next_outcomes, {});
    DeliveryOutcome outcome;
    outcome.delivery_id = static_cast<std::int64_t>(deliveries.size());
    outcome.reason = delivery.refusal.empty() ? delivery.event.ignored_reason : delivery.refusal;
    outcome.verdict = !delivery.refusal.empty() ? Verdict::Refused
                      : outcome.reason.empty()  ? Verdict::Accepted
                                                : Verdict::Ignored;
    for (const auto& change : delivery.event.changes) outcome.refs.push_back({change.ref, ""});
    std::vector<DeliveryOutcome> made;
    for (const auto& target : delivery.targets) {
      made.push_back(outcome);
      made.back().repository = target.repository;
    }
    if (made.empty()) {
      outcome.verdict = delivery.refusal.empty() ? Verdict::Ignored : Verdict::Refused;
      if (outcome.reason.empty()) outcome.reason = "not_bound";
      made.push_back(std::move(outcome));
    }
    return made;
  }
  [[nodiscard]] std::vector<std::string> resting_hosts() override { return resting; }
  [[nodiscard]] ReconcileState reconcile_state() override { return ReconcileState::Ok; }
  void reconcile_soon(std::string_view repository, Claim claim) override {
    const std::lock_guard lock(mutex);
    told.emplace_back(repository, claim);
  }
  Result<std::vector<SyncOutcome>> sync_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override {
    if (while_waiting) while_waiting(wish.wait);
    return answer(
        {std::string(repository), std::string(branch), wish.direction, wish.wait, false, wish.force});
  }
  Result<std::vector<SyncOutcome>> plan_branch(std::string_view repository, std::string_view branch,
                                               const SyncWish& wish) override {
    return answer(
        {std::string(repository), std::string(branch), wish.direction, wish.wait, true, wish.force});
  }
  Result<std::vector<RefTip>> list_branches(const RepositoryBinding&, Side,
                                            std::chrono::milliseconds) override {
    return std::vector<RefTip>{};
  }
  Result<std::vector<SyncOutcome>> sync_repository(std::string_view repository,
                                                   const SyncWish& wish) override {
    if (while_waiting) while_waiting(wish.wait);
    return answer({std::string(repository), {}, wish.direction, wish.wait, false, wish.force});
  }
  Result<std::vector<SyncOutcome>> plan_repository(std::string_view repository,
                                                   const SyncWish& wish) override {
    return answer({std::string(repository), {}, wish.direction, wish.wait, true, wish.force});
  }

  [[nodiscard]] std::vector<IncomingDelivery> delivered() {
    const std::lock_guard lock(mutex);
    return deliveries;
  }
  /// Of the deliveries: a test of very many must not hold them all.
  void forget() {
    const std::lock_guard lock(mutex);
    deliveries.clear();
    deliveries.shrink_to_fit();
    told.clear();
  }
  [[nodiscard]] std::vector<BranchCall> calls() {
    const std::lock_guard lock(mutex);
    return branch_calls;
  }

  Snapshot bindings = std::make_shared<BindingSnapshot>();
  std::optional<Error> delivery_error;
  std::vector<DeliveryOutcome> next_outcomes;       ///< of the next delivery; empty: what fits it
  std::vector<std::pair<std::string, Claim>> told;  ///< what was asked to be reconciled
  std::vector<SyncOutcome> outcomes;
  std::int64_t running_lane = 0;
  std::vector<std::string> resting;
  std::optional<ProgressView> progress;                          ///< of that lane
  std::function<void(std::chrono::milliseconds)> while_waiting;  ///< called by the syncs

 private:
  Result<std::vector<SyncOutcome>> answer(BranchCall call) {
    const std::lock_guard lock(mutex);
    branch_calls.push_back(call);
    if (bindings->find(call.repository) == nullptr) return fail(ErrorCode::RepositoryUnknown, "not bound");
    return outcomes;
  }

  std::mutex mutex;
  std::vector<IncomingDelivery> deliveries;
  std::vector<BranchCall> branch_calls;
};

/// Has the bindings of a FakeSync; changes nothing.
class FakeBindings final : public BindingRegistry {
 public:
  explicit FakeBindings(FakeSync& sync) : sync_(sync) {}
  [[nodiscard]] Snapshot snapshot() const override { return sync_.bindings; }
  Status reload(BindingSnapshot, const Actor&) override { return {}; }
  Status take_up_overrides() override { return {}; }
  Result<RepositoryBinding> bind_repository(const RepositoryToBind&, const Actor&) override { return none(); }
  [[nodiscard]] RepositoryCheck check_repository(const RepositoryToCheck&) const override { return {}; }
  Status set_repository_enabled(std::string_view, bool, const Actor&) override { return none(); }
  Status change_addresses(std::string_view, const AddressChange&, const Actor&) override { return none(); }
  Status unbind_repository(std::string_view, const Actor&) override { return none(); }
  Status reset_repository(std::string_view, const Actor&) override { return none(); }
  Result<BranchBinding> bind_branch(std::string_view, const BranchBinding&, const Actor&) override {
    return none();
  }
  Status set_branch_enabled(std::string_view, std::string_view, bool, const Actor&) override {
    return none();
  }
  Status unbind_branch(std::string_view, std::string_view, const Actor&) override { return none(); }

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::Internal, "a fake changes nothing"); }
  FakeSync& sync_;
};

constexpr const char* kReadToken = "read-token";
constexpr const char* kOperateToken = "operate-token";
constexpr const char* kAdminToken = "admin-token";
/// A signing key by its form, so that hooks of every scheme can have one and the same secret.
constexpr const char* kSecret = "whsec_aG9vay1zZWNyZXQtb2YtdGhlLXRlc3Qtb2YtYWxs";

/// The hook of one kind and scheme, with kSecret, that the deliveries of compose_webhook() prove themselves
/// to.
inline WebhookSource hook_of(const WebhookKind& kind, WebhookScheme scheme) {
  WebhookSource hook;
  hook.provider = kind.provider;
  hook.scheme = scheme;
  hook.allow_sha1 = kind.is_sha1_only;
  if (scheme == WebhookScheme::None) {
    hook.allow_addresses = {AddressRange{mapped_ipv4({127, 0, 0, 0}), 104}};
  } else {
    hook.secrets = {{Secret("older")}, {Secret(kSecret)}};
  }
  return hook;
}

/// Context with one binding per provider: named as the provider, internal side with its hook of the default
/// scheme, external side without.
struct Fixture {
  Fixture() {
    auto snapshot = std::make_shared<BindingSnapshot>();
    for (const auto& kind : webhook_kinds()) {
      RepositoryBinding binding;
      binding.name = kind.provider;
      binding.internal = url("https://git.corp.example/acme/robot.git");
      binding.external = url("git@mirror.example:public/robot.git");
      binding.internal_webhook = hook_of(kind, kind.schemes.front());
      binding.branches.push_back({"main", "main", true});
      snapshot->repositories.emplace(binding.name, binding);
      snapshot->by_age.push_back(binding.name);
    }
    RepositoryBinding quiet;
    quiet.name = "without-hook";
    quiet.internal = url("https://git.corp.example/acme/robot.git");
    quiet.external = url("git@mirror.example:public/robot.git");
    snapshot->repositories.emplace(quiet.name, quiet);
    snapshot->by_age.push_back(quiet.name);
    sync.bindings = snapshot;
  }

  /// The clients of a test all come from one address, and many of them are refused.
  static constexpr RateLimits kNoLimits{{0, 0}, {0, 0}, {0, 0}};

  SystemClock clock;
  FakeStore store;
  FakeSync sync;
  FakeBindings bindings{sync};
  TokenHashes tokens = std::make_shared<const std::vector<TokenHash>>(
      std::vector<TokenHash>{{"r", Role::Read, sha256(kReadToken)},
                             {"o", Role::Operate, sha256(kOperateToken)},
                             {"a", Role::Admin, sha256(kAdminToken)}});
  ConfigurationState configuration;
  ApiContext context{
      sync, store, clock, bindings, [this] { return tokens; }, [this] { return configuration; }, kNoLimits};
};

}  // namespace gitferry::api::testing
