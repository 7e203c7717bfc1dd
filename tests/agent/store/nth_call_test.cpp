#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/failing_vfs.h"
#include "tests/agent/store/store_fixture.h"

// The n-th call to the disk fails, for every n of a scenario: once, or until somebody mends it.

namespace gitferry {
namespace {

class NthCallTest : public StoreTest {
 protected:
  NthCallTest() {
    options_.vfs = FailingVfs::name();
    marked(mark_of("main"));
    close();
    std::filesystem::copy(directory_ / "data", directory_ / "before",
                          std::filesystem::copy_options::recursive);
  }

  struct Counts {
    int calls = 0;  ///< faults tried
    int not_opened = 0;
    int refused = 0;    ///< calls of the store that gave an error
    int acked = 0;      ///< and those that did not
    int restarted = 0;  ///< after which only a restart helped
  };
  /// Every `step`-th n, until the scenario comes through without reaching it.
  Counts fail_each(FailingVfs::Fault fault, int step) {
    Counts counts;
    for (fault.call = 1;; fault.call += step) {
      const bool has_come = fail_at(fault, counts);
      if (::testing::Test::HasFailure()) ADD_FAILURE() << "at call " << fault.call;
      if (!has_come || ::testing::Test::HasFailure()) return counts;
      ++counts.calls;
    }
  }

 private:
  /// Deliveries that the store has, or must not have.
  using Ledger = std::map<std::string, bool>;

  void deliver(const std::string& id, Ledger& ledger, Counts& counts) {
    const std::vector marks{mark_of("main"), mark_of("dev")};
    const auto receipt = store_->record_delivery(delivery_of(id), marks);
    ledger[id] = receipt.has_value();
    ++(receipt ? counts.acked : counts.refused);
    if (!receipt) expect_clear(receipt.error());
  }
  void run_a_lane(Counts& counts) {
    const auto due = store_->first_due(now_ms(), [](const LaneRow&) { return Offer::Taken; });
    if (!due) return expect_clear(due.error());
    if (!*due) return;
    const auto begun = store_->begin_run(**due, Direction::ToOuter, now_ms());
    if (!begun) return expect_clear(begun.error());
    const auto ended = store_->finish_run(success(**due, *begun));
    ++(ended ? counts.acked : counts.refused);
    const auto after = store_->lane((*due)->id);
    if (!after) return expect_clear(after.error());
    EXPECT_EQ((*after)->done_seq, ended ? (*due)->requested_seq : (*due)->done_seq);
  }
  static void expect_clear(const Error& error) {
    EXPECT_TRUE(error.code == ErrorCode::StoreFull || error.code == ErrorCode::StoreFailed) << error.text();
    EXPECT_FALSE(error.hint.empty());
  }
  void expect_as_told(const Ledger& ledger) {
    std::map<std::string, int> kept;
    const auto listed = store_->deliveries({}, {1, 100, true}).value();
    for (const auto& row : listed.rows) ++kept[row.record.provider_delivery_id];
    for (const auto& [id, was_acked] : ledger) EXPECT_EQ(kept[id], was_acked ? 1 : 0) << id;
    const auto rows = store_->lanes().value();
    for (const auto& row : rows) EXPECT_GE(row.requested_seq, row.done_seq);
  }

  /// The scenario. Whether the fault came.
  bool fail_at(FailingVfs::Fault fault, Counts& counts) {
    close();
    std::filesystem::remove_all(directory_ / "data");
    std::filesystem::copy(directory_ / "before", directory_ / "data",
                          std::filesystem::copy_options::recursive);
    std::filesystem::permissions(directory_ / "data", std::filesystem::perms::owner_all);
    Ledger ledger;
    bool has_come = false;
    {
      const FailingVfs::FaultAtCall failing(fault);
      auto opened = SqliteStore::open(options_, clock_);
      if (opened) {
        store_ = std::move(*opened);
        deliver("first", ledger, counts);
        run_a_lane(counts);
        deliver("second", ledger, counts);
      } else {
        expect_clear(opened.error());
        ++counts.not_opened;
      }
      has_come = failing.has_come();
    }
    if (store_) {
      deliver("mended", ledger, counts);
      if (!ledger["mended"]) ++counts.restarted;
    }
    reopen();
    deliver("restarted", ledger, counts);
    EXPECT_TRUE(ledger["restarted"]);
    expect_as_told(ledger);
    close();
    return has_come;
  }
};

void print(const char* what, const auto& counts) {
  std::printf("R-03 n-th call, %s: faults=%d not_opened=%d refused=%d acked=%d restarted=%d\n", what,
              counts.calls, counts.not_opened, counts.refused, counts.acked, counts.restarted);
}

struct NthCall {
  const char* name;
  FailingVfs::Fault fault;
};
const std::vector<NthCall> kFaults{{"ErrorOnce", {1, false, false}},
                                   {"ErrorUntilMended", {1, false, true}},
                                   {"FullOnce", {1, true, false}},
                                   {"FullUntilMended", {1, true, true}}};

class NthCallSteps : public NthCallTest, public ::testing::WithParamInterface<NthCall> {};
class NthCallEach : public NthCallTest, public ::testing::WithParamInterface<NthCall> {};

TEST_P(NthCallSteps, R03_NothingAcknowledgedIsLostAndNothingElseIsThere) {
  const auto counts = fail_each(GetParam().fault, 7);
  print(GetParam().name, counts);
  EXPECT_GT(counts.calls, 3);
  EXPECT_GT(counts.refused + counts.not_opened, 0);
  EXPECT_EQ(counts.restarted, 0) << "it goes on by itself";
}

TEST_P(NthCallEach, R03_NothingAcknowledgedIsLostAndNothingElseIsThere) {
  const auto counts = fail_each(GetParam().fault, 1);
  print(GetParam().name, counts);
  EXPECT_EQ(counts.restarted, 0) << "it goes on by itself";
}

const auto kNameOf = [](const auto& tested) { return std::string(tested.param.name); };
INSTANTIATE_TEST_SUITE_P(At, NthCallSteps, ::testing::ValuesIn(kFaults), kNameOf);
INSTANTIATE_TEST_SUITE_P(FullAt, NthCallEach, ::testing::ValuesIn(kFaults), kNameOf);

}  // namespace
}  // namespace gitferry
