#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/model/binding.h"

namespace gitferry {

/// Whole repositories that are to be listed while nobody waits: one after the other, in the order they came.
///
/// Owns:      the one thread that lists.
/// Threading: add() from any thread; start() once, then stop() once.
/// Invariant: no wish waits twice. What waits is in memory alone: stop() gives it up and says so in the log.
class ListingQueue {
 public:
  static constexpr std::size_t kLimit = 10'000;
  static constexpr std::chrono::seconds kLongestListing{
      120};  ///< one host that hangs must not keep all others waiting

  struct Wish {
    std::string repository;
    std::optional<Direction> direction;
    bool force = false;
    std::string addresses = {};  ///< where `force` is set: the fingerprint of those that it was given for
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
    auto operator<=>(const Wish&) const = default;
  };
  using List = std::function<Status(const Wish&, const std::stop_token&)>;

  /// `list` is called on the thread, obeys its stop token, and takes kLongestListing at most. Its errors are
  /// logged.
  explicit ListingQueue(List list) : list_(std::move(list)) {}
  ListingQueue(const ListingQueue&) = delete;
  ListingQueue& operator=(const ListingQueue&) = delete;
  ~ListingQueue() { stop(); }

  void start();
  void stop();
  /// Errors: Unavailable where kLimit wishes wait already, or after stop().
  Status add(Wish wish);

 private:
  struct State {
    std::deque<Wish> waiting;
    std::set<Wish> known;  ///< what waits, for looking it up
    bool is_stopped = false;
  };
  void work(const std::stop_token& stop);
  std::optional<Wish> next();
  void list_and_log(const Wish& wish, const std::stop_token& stop);

  List list_;
  Guarded<State> state_;
  std::condition_variable changed_;
  std::jthread thread_;
};

}  // namespace gitferry
