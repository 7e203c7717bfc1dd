#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <string>
#include <vector>

namespace gitferry {

struct LateThread {
  std::string name;
  std::chrono::milliseconds overdue{0};  ///< since when its beat is missing
};

/// The calling thread, supervised for as long as the object lives: it promises to beat() at least once within
/// supervision_patience(), also while it waits for work. Whoever asks late_threads() sees which one does not
/// keep that.
///
/// The registry is the process's, as its threads are. One object a thread; made and destroyed by it.
class SupervisedThread {
 public:
  /// `name` is what people are told, and the system's name of the thread (15 bytes of it), so that tools such
  /// as `top -H` show it. The main thread keeps its own, which is the process's.
  explicit SupervisedThread(std::string name);
  ~SupervisedThread();
  SupervisedThread(const SupervisedThread&) = delete;
  SupervisedThread& operator=(const SupervisedThread&) = delete;

 private:
  friend void beat_for(std::chrono::milliseconds most);
  friend std::vector<LateThread> late_threads();

  const std::string name_;
  /// By when the next beat must come: of the monotonic clock.
  std::atomic<std::int64_t> due_ns_{0};
};

/// The calling thread goes on. Nothing for one that is not supervised.
void beat();
/// It goes on, and may now be silent for `most` longer than usual: for work that has a time limit of its own.
/// The next beat ends that.
void beat_for(std::chrono::milliseconds most);

/// Those that have stopped, in the order in which they were made. From any thread; never waits for one of
/// them.
std::vector<LateThread> late_threads();
/// `writer (overdue by 12 s), worker 3 (…)`; empty for none.
std::string text_of(const std::vector<LateThread>& late);

/// How long a thread may be silent. To be set before the first of them is made.
void set_supervision_patience(std::chrono::milliseconds patience);
std::chrono::milliseconds supervision_patience();
/// How often a thread that waits should beat: several times within the patience.
std::chrono::milliseconds beat_interval();

/// As Guarded<T>::Locked::wait_until(), beating meanwhile; `deadline` may be time_point::max().
template <typename Locked, typename Predicate>
bool wait_beating(Locked& locked, std::condition_variable& condition,
                  std::chrono::steady_clock::time_point deadline, Predicate ready) {
  for (;;) {
    beat();
    const auto next = std::min(deadline, std::chrono::steady_clock::now() + beat_interval());
    if (locked.wait_until(condition, next, ready)) return true;
    if (next == deadline) return false;
  }
}

}  // namespace gitferry
