#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/store/store.h"
#include "agent/sync/host_breakers.h"
#include "agent/sync/host_limits.h"

namespace gitferry {

/// Which lanes run in this process, and whose turn it is next.
///
/// The oldest due lane comes first, with these exceptions. A host has `per_host` places, and none while its
/// breaker is open but for the one that probes it. A transfer that had
/// to leave lanes of its repository behind is *full*: while it runs, those wait for it, since they would send
/// the same objects once more, and of what is marked later one other transfer runs beside it; when it has
/// ended, they queue up behind everybody who waits by then. Of lanes that the next crash would quarantine one
/// runs at a time, so that a crash tells which it was.
///
/// Threading: one thread at a time.
class LaneTurns {
 public:
  /// One pass over the due lanes, oldest first.
  struct Search {
    MonotonicTime now{};
    /// When the repository began to queue whose turn comes before that of any lane marked later.
    std::optional<std::int64_t> next_turn_ms = std::nullopt;
  };
  /// A transfer's share: one place at each host, and its lanes.
  struct Share {
    std::string repository;
    std::vector<std::string> hosts;
    std::set<std::int64_t> lanes;
    std::vector<std::string> probes;  ///< hosts that have to answer a probe before anything else
    bool is_gathered = false;
    bool is_full = false;
    bool is_last_chance = false;
  };

  explicit LaneTurns(int per_host) : hosts_(per_host) {}

  /// Begins a share with `lane` where it may run now.
  Offer offer(const LaneRow& lane, const std::vector<std::string>& hosts, Search& search, Share& share);
  /// Nothing else can run: who began to queue first need not queue any more. False where nobody did.
  bool let_next_in(const Search& search);
  /// Those of `lanes`, due at `now_ms`, that do not run yet join the share, up to `most` with what it has.
  std::vector<std::int64_t> join(Share& share, std::span<const std::int64_t> lanes, std::size_t most,
                                 std::int64_t now_ms);
  /// The share has all lanes that it gets, also by join(): others of the repository may begin shares now.
  void gathered(Share& share);
  void leave(Share& share, std::int64_t lane);
  void give_back(const Share& share, std::int64_t now_ms);

  /// What came of asking a host; the share was given out for it and not given back yet.
  HostBreakers::Change note(const Share& share, const HostNews& news, MonotonicTime now);
  [[nodiscard]] HostBreakers& breakers() { return breakers_; }

  [[nodiscard]] bool runs(std::int64_t lane) const { return running_.contains(lane); }
  [[nodiscard]] std::size_t running_of(const std::string& repository) const;
  /// Lanes of the repository that were marked up to then wait for its full transfer; -1: there is none.
  [[nodiscard]] std::int64_t full_since_ms(const std::string& repository) const;
  [[nodiscard]] bool is_idle() const { return running_.empty(); }

 private:
  struct Repository {
    int transfers = 0;
    std::size_t lanes = 0;      ///< that run
    bool is_gathering = false;  ///< a share was begun, and its lanes are being looked for
    std::optional<std::int64_t> full_since_ms = std::nullopt;
    std::optional<std::int64_t> queues_since_ms = std::nullopt;
  };
  [[nodiscard]] bool must_wait(const LaneRow& lane, Search& search) const;
  /// False where one of them rests; otherwise those that have to be probed first.
  bool may_ask(const std::vector<std::string>& hosts, MonotonicTime now,
               std::vector<std::string>& probes) const;

  HostLimits hosts_;
  HostBreakers breakers_;
  std::set<std::int64_t> running_;
  std::map<std::string, Repository> repositories_;  ///< that have a transfer, or queue
  bool last_chance_runs_ = false;
};

}  // namespace gitferry
