#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/model/run_report.h"

namespace gitferry {

/// What one transfer, or one listing, tells of a host that it talked to.
struct HostNews {
  std::string host;        ///< RemoteUrl::host_key()
  std::string repository;  ///< name of the binding
  bool has_failed = false;
  /// What the host asked for with Retry-After.
  std::optional<std::chrono::seconds> retry_after = std::nullopt;

  bool operator==(const HostNews&) const = default;
};

/// What the reports of one transfer between `hosts` tell of them: at most one piece of news a host. A host
/// that answered and failed later has failed; of one that the transfer did not come to there is none.
std::vector<HostNews> news_of(const std::string& repository, const std::vector<std::string>& hosts,
                              const std::vector<RunReport>& reports);

/// Whether the host as a whole does not answer, as far as `code` tells: it would say the same of its other
/// repositories. A refused address is not among them: nobody was asked.
bool is_silence(ErrorCode code);

/// Lets hosts rest that do not answer, so that their lanes take no worker from the others and spend no
/// attempts (DESIGN: "a breaker per host").
///
/// A host's breaker opens after kFailuresInARow transfers that failed at it one after the other, or when
/// kFailuresOfLast of the last kRemembered within kMemory did; in both cases of at least two repositories,
/// since a host may fail for one that is broken, and serve the others. It stays open for kFirstRest, twice as
/// long each time up to kLongestRest, or what its Retry-After says; then one probe may go. Any answer closes
/// it.
///
/// Threading: one thread at a time.
class HostBreakers {
 public:
  static constexpr std::size_t kFailuresInARow = 5;
  static constexpr std::size_t kRemembered = 10;
  static constexpr std::size_t kFailuresOfLast = 7;
  static constexpr std::chrono::minutes kMemory{5};
  static constexpr std::chrono::seconds kFirstRest{30};
  static constexpr std::chrono::minutes kLongestRest{10};

  enum class Access {
    Open,    ///< ask it
    Probe,   ///< ask it with one probe first: take_probe()
    Denied,  ///< it rests, or its probe is under way
  };
  /// What a piece of news changed, and is worth a line in the log.
  enum class Change { None, Opened, StaysOpen, Closed };

  [[nodiscard]] Access access(const std::string& host, MonotonicTime now) const;
  /// From Access::Probe on until give_back_probe() nobody else may ask the host.
  void take_probe(const std::string& host);
  void give_back_probe(const std::string& host);
  /// `is_of_probe`: it comes from who holds the probe. Of an open breaker only that one's failure counts.
  Change note(const HostNews& news, bool is_of_probe, MonotonicTime now);
  /// The next probe may go at once: somebody wants to know.
  void probe_soon(const std::string& host, MonotonicTime now);

  /// When the first of the resting hosts may be probed; unset: none rests at `now`.
  [[nodiscard]] std::optional<MonotonicTime> next_probe(MonotonicTime now) const;
  /// The hosts whose breaker is open, by name.
  [[nodiscard]] std::vector<std::string> open() const;
  /// How long the host rests since its last failure; zero: it does not.
  [[nodiscard]] std::chrono::milliseconds rest_of(const std::string& host) const;

 private:
  struct Outcome {
    MonotonicTime at;
    bool has_failed = false;
    std::string repository;
  };
  struct Host {
    std::deque<Outcome> last;                  ///< kRemembered of them; some of them failures
    std::optional<MonotonicTime> rests_until;  ///< set: open
    std::chrono::milliseconds rest{0};
    bool is_probed = false;
  };
  static void remember(Host& host, Outcome outcome);
  static bool is_too_much(const Host& host, MonotonicTime now);
  Change note_answer(const HostNews& news, MonotonicTime now);
  Change note_failure(const HostNews& news, bool is_of_probe, MonotonicTime now);
  static void rest(Host& host, const HostNews& news, MonotonicTime now);

  std::map<std::string, Host> hosts_;  ///< that failed lately
};

}  // namespace gitferry
