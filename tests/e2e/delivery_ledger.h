#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/guarded.h"

namespace gitferry::test {

/// What became of the deliveries of a test, in the words of a set checker.
struct DeliveryCounts {
  std::size_t sent = 0;
  std::size_t acked = 0;       ///< answered 2xx
  std::size_t lost = 0;        ///< acknowledged, and not there
  std::size_t recovered = 0;   ///< not acknowledged, and there all the same
  std::size_t unexpected = 0;  ///< there, and never sent
  std::size_t duplicated = 0;  ///< updates that came to a target more than once

  /// `sent=1 acked=1 …`.
  [[nodiscard]] std::string line() const;
};

/// Every delivery of a test, known by its id before it is sent.
///
/// Threading: from any thread.
class DeliveryLedger {
 public:
  /// Sends a push that a Gitea would send, to the agent at `port`, signed with kHookSecret. True where it was
  /// acknowledged. Blocking until the answer is read to its end: one that reached the kernel counts, also
  /// when the agent is gone by then.
  bool send(std::uint16_t port, const std::string& repository, const std::string& repository_url,
            const std::string& ref);
  /// How long the acknowledgement took that `part` (0 to 1) of them did not take longer than.
  [[nodiscard]] double acknowledgement_ms(double part);
  /// So far.
  [[nodiscard]] std::size_t acknowledged() { return ids_.lock()->acknowledged.size(); }
  /// Compared with the ids that are `recorded`; `duplicated` is not counted here.
  [[nodiscard]] DeliveryCounts counts(const std::set<std::string>& recorded);

  static constexpr std::string_view kHookSecret = "S3CR3T-webhook-of-the-kill-tests";

 private:
  struct Ids {
    std::set<std::string> sent;
    std::set<std::string> acknowledged;
    std::vector<double> took_ms;  ///< until they were acknowledged
  };
  Guarded<Ids> ids_;
};

}  // namespace gitferry::test
