#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/sync/lane_runner.h"
#include "agent/sync/sync_service.h"
#include "tests/agent/store/store_fixture.h"
#include "tests/agent/sync/fake_engine.h"

namespace gitferry {

inline RemoteUrl url_of(const std::string& text) {
  return parse_remote_url(text, any_scheme()).value().url;
}

/// A binding between hosts of the given names with the branches b0 … b9, of the same name on both sides.
inline RepositoryBinding binding_between(const std::string& name, const std::string& internal_host,
                                         const std::string& external_host) {
  RepositoryBinding binding;
  binding.name = name;
  binding.internal = url_of("https://" + internal_host + "/" + name);
  binding.external = url_of("https://" + external_host + "/" + name);
  for (int i = 0; i < 10; ++i)
    binding.branches.push_back({"b" + std::to_string(i), "b" + std::to_string(i), true});
  return binding;
}

inline Snapshot snapshot_of(const std::vector<RepositoryBinding>& bindings) {
  auto snapshot = std::make_shared<BindingSnapshot>();
  for (const auto& binding : bindings) snapshot->repositories[binding.name] = binding;
  return snapshot;
}

/// Polls what only the store knows; false after a generous time.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// A store, hosts with a memory, a clock that is turned by hand, and bindings `robot` (hosts in, out) to
/// sync.
class SyncTest : public StoreTest {
 protected:
  SyncTest() {
    options_of_sync_.grace = std::chrono::seconds(20);
    options_of_sync_.reconcile_interval = std::chrono::milliseconds(0);
    set_bindings({binding_between("robot", "in", "out")});
  }
  ~SyncTest() override {
    hosts_.open_gate();
    hosts_.open_listing_gate();
    runner_.reset();
    service_.reset();
  }

  void set_bindings(const std::vector<RepositoryBinding>& bindings) {
    *snapshot_.lock() = snapshot_of(bindings);
  }
  LaneRunner::Parts parts() {
    return {options_of_sync_,
            store(),
            clock_,
            [this] { return std::make_unique<FakeEngine>(hosts_); },
            [this](const RemoteUrl& url) { return credentials_(url); },
            [this] { return *snapshot_.lock(); },
            [] { return 0.5; }};
  }
  LaneRunner& runner() {
    if (!runner_) {
      runner_ = std::make_unique<LaneRunner>(parts());
      clock_.on_advance([this] {
        if (runner_) runner_->wake();
      });
    }
    return *runner_;
  }
  SyncService& service() {
    if (!service_) {
      service_ = SyncService::make(
          options_of_sync_, store(), clock_, [this] { return std::make_unique<FakeEngine>(hosts_); },
          [this](const RemoteUrl& url) { return credentials_(url); }, *snapshot_.lock());
    }
    return *service_;
  }

  /// Marks and wakes, as a delivery does.
  std::int64_t request(const std::string& branch, Direction direction = Direction::ToOuter) {
    const auto id = marked(mark_of(branch, direction)).marked[0].lane_id;
    runner().wake();
    return id;
  }
  bool all_done() {
    const auto rows = store().lanes().value();
    return std::none_of(rows.begin(), rows.end(), [](const LaneRow& row) { return row.is_pending(); });
  }
  std::vector<RunRow> run_rows() { return store().runs({}, {1, 1000, true}).value().rows; }
  bool wait_done(std::size_t count) {
    return hosts_.wait_until([count](std::size_t done, std::size_t) { return done >= count; });
  }
  bool wait_running(std::size_t count) {
    return hosts_.wait_until([count](std::size_t, std::size_t running) { return running >= count; });
  }

  SyncOptions options_of_sync_;
  FakeHosts hosts_;
  Guarded<Snapshot> snapshot_;
  std::function<Result<std::optional<Credential>>(const RemoteUrl&)> credentials_ = [](const RemoteUrl&) {
    return std::optional<Credential>{};
  };
  std::unique_ptr<LaneRunner> runner_;
  std::unique_ptr<SyncService> service_;
};

}  // namespace gitferry
