#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include <pthread.h>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"

namespace gitferry::api {

/// Threads that answer requests: made when they are needed, never more than `threads`, with tasks waiting in
/// a bounded queue.
///
/// Stacks are 8 MiB whatever `ulimit -s` says: JSON and regular expressions of the libraries recurse.
/// Threading: submit() from any thread; shutdown() once.  Invariant: a task runs exactly once or submit()
/// says false.
class BoundedPool {
 public:
  /// Runs with the time at which it was submitted.
  using Task = std::function<void(MonotonicTime submitted_at)>;

  BoundedPool(std::size_t threads, std::size_t waiting) : threads_(threads), waiting_(waiting) {}
  ~BoundedPool() { shutdown(); }
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  /// False, and the task untouched, where the queue is full or no thread could be made.
  bool submit(Task& task);
  /// Runs what waits, then joins all threads.
  void shutdown();

 private:
  struct Waiting {
    Task task;
    MonotonicTime submitted_at;
  };
  struct State {
    std::deque<Waiting> tasks;
    std::vector<pthread_t> threads;
    std::size_t idle = 0;
    bool stopping = false;
  };

  static void* thread_entry(void* self);
  void work();
  bool start_thread(State& state);

  const std::size_t threads_;
  const std::size_t waiting_;
  Guarded<State> state_;
  std::condition_variable changed_;
};

}  // namespace gitferry::api
