#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/model/ref_name.h"
#include "agent/sync/binding_status.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {

/// Bindings, and a store in which their lanes are marked and run.
class BindingStatusTest : public StoreTest {
 protected:
  RepositoryBinding& add(const std::string& name, const std::vector<std::string>& branches) {
    auto& binding = bindings_.repositories[name];
    binding.name = name;
    std::int64_t id = 100;
    for (const auto& branch : branches) {
      binding.branches.push_back({branch, branch, true});
      binding.branches.back().id = ++id;
    }
    if (branches.empty()) binding.granularity = Granularity::All;
    return binding;
  }
  LaneRow mark(const std::string& repository, const std::string& branch) {
    return lane(marked({lane_key(branch, repository), Direction::ToOuter}).marked.at(0).lane_id);
  }
  /// A finished run: a success, or one with this error.
  void run(const LaneRow& row, std::optional<ErrorCode> error = {}) {
    const auto run_id = store().begin_run(row, Direction::ToOuter, now_ms()).value();
    auto end = success(row, run_id);
    if (error) {
      end.report.plan = Plan::Undecided;
      end.report.error = Error{*error, "it failed", {}, {}};
      if (end.report.error->is_transient()) {
        end.done_seq.reset();
        end.next_attempt_at_ms = now_ms() + 5'000;
      }
    }
    ASSERT_TRUE(store().finish_run(end));
  }
  /// Marked, run and killed three times.
  void crash(const std::string& repository, const std::string& branch) {
    const auto id = mark(repository, branch).id;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(store().begin_run(lane(id), Direction::ToOuter, now_ms()));
      reopen();
    }
  }
  Listing<BranchStatus> page(std::int64_t number, std::int64_t size, const std::string& repository = {}) {
    return branch_statuses(bindings_, store(), repository, {number, size, false}).value();
  }
  static std::string text_of(const std::vector<BranchStatus>& rows) {
    std::string text;
    for (const auto& row : rows)
      text += row.key.repository + ":" + std::string(branch_of(row.key.internal_ref)) + " ";
    return text;
  }
  SyncState state(const std::string& repository, const std::string& branch) {
    for (const auto& row : page(1, 1000, repository).rows) {
      if (branch_of(row.key.internal_ref) == branch) return row.state;
    }
    ADD_FAILURE() << "no status of " << repository << " " << branch;
    return SyncState::Never;
  }
  RepositoryStatus sum(const std::string& repository) {
    return repository_statuses({&bindings_.repositories.at(repository)}, store()).value().at(0);
  }

  BindingSnapshot bindings_;
};

}  // namespace gitferry
