#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/store/sqlite_store.h"
#include "tests/agent/store/power_cut_vfs.h"
#include "tests/support/fake_clock.h"

namespace gitferry {

/// What a run of power cuts comes to; every count but the first four must be 0 where all is well.
struct PowerCutCounts {
  int cuts = 0;
  std::size_t sent = 0;
  std::size_t acked = 0;      ///< deliveries with a receipt
  std::size_t recovered = 0;  ///< without one, and there all the same
  std::size_t lost = 0;       ///< with one, and not there, or not with its marks
  std::size_t duplicated = 0;
  std::size_t unexpected = 0;  ///< never sent
  std::size_t marks_lost = 0;  ///< a lane that was asked for, and neither is pending nor was run for it
  std::size_t ends_lost = 0;   ///< a run that was begun or ended, and is not
  std::size_t done_ahead = 0;  ///< a lane that is done further than any run ended
  int damaged = 0;             ///< databases that did not open, or failed their check
  int cuts_while_opening = 0;  ///< of `cuts`: in Store::open() or when it closed

  [[nodiscard]] std::size_t wrong() const {
    return lost + duplicated + unexpected + marks_lost + ends_lost + done_ahead;
  }
  [[nodiscard]] std::string line() const;
};

/// A store that serves deliveries and runs from several threads, on a disk whose power is cut again and
/// again.
///
/// After each cut the store opens what the disk has, and all that it ever acknowledged is looked for. A few
/// cuts later it begins with a new database.
class PowerCuts {
 public:
  explicit PowerCuts(std::uint64_t seed);
  ~PowerCuts();
  PowerCuts(const PowerCuts&) = delete;
  PowerCuts& operator=(const PowerCuts&) = delete;

  /// Cuts `count` times more.
  void run(int count);
  [[nodiscard]] const PowerCutCounts& counts() const { return counts_; }

 private:
  struct Acknowledged {
    std::int64_t number = 0;
    std::vector<std::int64_t> lanes;
  };
  /// How far a lane is known to be.
  struct Progress {
    std::int64_t marked = 0;          ///< acknowledged
    std::int64_t done = 0;            ///< the end of a run acknowledged
    std::int64_t done_attempted = 0;  ///< asked for, whatever became of it
  };
  struct Run {
    std::int64_t lane_id = 0;
    bool has_ended = false;
  };
  /// Everything that the store said, of the database at hand.
  struct Ledger {
    std::set<std::int64_t> sent;
    std::set<std::int64_t> recovered;                 ///< ids
    std::map<std::int64_t, Acknowledged> deliveries;  ///< by id
    std::map<std::int64_t, Progress> lanes;
    std::map<std::int64_t, Run> runs;
    std::set<std::int64_t> lanes_in_work;
  };

  void begin_new_database();
  /// False where the database is damaged.
  bool open_store();
  void close_store();
  void one_cut();
  void serve_until_the_cut();
  void deliver(int client, std::uint64_t seed);
  void work_on_lanes(std::uint64_t seed);
  void run_lane(const LaneRow& lane, bool succeeds);

  void check();
  void check_deliveries(Ledger& ledger);
  void check_lanes(Ledger& ledger);
  void check_runs(Ledger& ledger);
  bool passes_integrity_check();

  PowerCutVfs disk_;
  std::mt19937_64 random_;
  std::filesystem::path directory_;
  StoreOptions options_;
  FakeClock clock_;
  std::unique_ptr<SqliteStore> store_;
  Guarded<Ledger> ledger_;
  std::atomic<std::int64_t> next_number_{1};
  std::atomic<std::size_t> sent_{0};
  std::atomic<std::size_t> acked_{0};
  PowerCutCounts counts_;
  int cuts_of_database_ = 0;
};

}  // namespace gitferry
