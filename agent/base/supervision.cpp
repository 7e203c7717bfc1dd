#include "agent/base/supervision.h"

#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "agent/base/guarded.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kSystemNameLimit = 15;
constexpr int kBeatsWithinPatience = 4;

// A minute: commits to a bad disk and reloads of a large configuration take long without being stuck.
std::atomic<std::int64_t> patience_ms{60'000};

thread_local SupervisedThread* current = nullptr;

Guarded<std::vector<SupervisedThread*>>& registry() {
  static Guarded<std::vector<SupervisedThread*>> threads;
  return threads;
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

SupervisedThread::SupervisedThread(std::string name) : name_(std::move(name)) {
  if (::gettid() != ::getpid())
    ::pthread_setname_np(::pthread_self(), name_.substr(0, kSystemNameLimit).c_str());
  current = this;
  beat();
  registry().lock()->push_back(this);
}

SupervisedThread::~SupervisedThread() {
  {
    auto threads = registry().lock();
    std::erase(*threads, this);
  }
  current = nullptr;
}

void beat() {
  beat_for(milliseconds{0});
}

void beat_for(milliseconds most) {
  if (current == nullptr) return;
  const auto allowed = std::chrono::duration_cast<nanoseconds>(supervision_patience() + most);
  current->due_ns_.store(now_ns() + allowed.count(), std::memory_order_relaxed);
}

std::vector<LateThread> late_threads() {
  std::vector<LateThread> late;
  const auto now = now_ns();
  auto threads = registry().lock();
  for (const auto* thread : *threads) {
    const nanoseconds overdue{now - thread->due_ns_.load(std::memory_order_relaxed)};
    if (overdue.count() > 0)
      late.push_back({thread->name_, std::chrono::duration_cast<milliseconds>(overdue)});
  }
  return late;
}

std::string text_of(const std::vector<LateThread>& late) {
  std::string text;
  for (const auto& thread : late) {
    text += (text.empty() ? "" : ", ") + thread.name + " (overdue by " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(thread.overdue).count()) + " s)";
  }
  return text;
}

void set_supervision_patience(milliseconds patience) {
  patience_ms.store(patience.count(), std::memory_order_relaxed);
}

milliseconds supervision_patience() {
  return milliseconds{patience_ms.load(std::memory_order_relaxed)};
}

milliseconds beat_interval() {
  return std::max(supervision_patience() / kBeatsWithinPatience, milliseconds{1});
}

}  // namespace gitferry
