#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gitferry::bench {

/// Requests to a server on this machine, one connection each, as git hosts send their hooks.
struct Load {
  std::uint16_t port = 0;
  int connections = 1;  ///< open at a time; the next one is opened when one has its answer
  std::chrono::milliseconds duration{2'000};
  std::span<const std::string> requests;  ///< whole, sent in turn
  int expected = 200;                     ///< the status that counts
};

struct LoadResult {
  double per_second = 0;             ///< expected answers
  std::vector<double> latencies_ms;  ///< of those: from connect() to the end of the answer, sorted
  std::size_t others = 0;            ///< other answers, and connections that ended without one
  [[nodiscard]] double percentile(int hundredths) const;
};

/// One thread and one epoll for all connections, so that little of the machine goes into asking.
LoadResult offer(const Load& load);

}  // namespace gitferry::bench
