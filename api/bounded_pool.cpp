#include "api/bounded_pool.h"

#include <exception>
#include <utility>

#include "agent/base/log.h"

namespace gitferry::api {
namespace {

constexpr std::size_t kStackBytes = 8U * 1024 * 1024;

}  // namespace

bool BoundedPool::submit(Task& task) {
  {
    auto state = state_.lock();
    if (state->stopping) return false;
    // A thread that is idle but not yet awake still counts for the tasks already waiting.
    if (state->tasks.size() >= state->idle && state->threads.size() < threads_) start_thread(*state);
    if (state->threads.empty()) return false;
    if (state->tasks.size() >= waiting_ + state->idle) return false;
    state->tasks.push_back({std::move(task), std::chrono::steady_clock::now()});
  }
  // Without the lock: the thread that wakes needs it at once.
  changed_.notify_one();
  return true;
}

bool BoundedPool::start_thread(State& state) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const bool started = pthread_create(&thread, &attributes, &BoundedPool::thread_entry, this) == 0;
  pthread_attr_destroy(&attributes);
  if (!started) return false;
  state.threads.push_back(thread);
  ++state.idle;  // counted here, so that the next submit() sees it before the thread runs
  return true;
}

void* BoundedPool::thread_entry(void* self) {
  static_cast<BoundedPool*>(self)->work();
  return nullptr;
}

void BoundedPool::work() {
  ::pthread_setname_np(::pthread_self(), "answering");  // not the name of whoever made it
  for (bool is_first = true;; is_first = false) {
    Waiting next;
    {
      auto state = state_.lock();
      if (!is_first) ++state->idle;
      state.wait(changed_, [](const State& now) { return !now.tasks.empty() || now.stopping; });
      if (state->tasks.empty()) return;
      next = std::move(state->tasks.front());
      state->tasks.pop_front();
      --state->idle;
    }
    try {
      next.task(next.submitted_at);
    } catch (const std::exception& exception) {
      log::error("an answer ended with an exception", {{"what", exception.what()}});
    }
  }
}

void BoundedPool::shutdown() {
  std::vector<pthread_t> threads;
  {
    auto state = state_.lock();
    state->stopping = true;
    threads = std::exchange(state->threads, {});
  }
  changed_.notify_all();
  for (const auto thread : threads) pthread_join(thread, nullptr);
}

}  // namespace gitferry::api
