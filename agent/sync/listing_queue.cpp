#include "agent/sync/listing_queue.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"

namespace gitferry {

void ListingQueue::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void ListingQueue::stop() {
  std::deque<Wish> given_up;
  {
    auto state = state_.lock();
    state->is_stopped = true;
    given_up = std::exchange(state->waiting, {});
    state->known.clear();
  }
  changed_.notify_all();
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  if (!given_up.empty()) {
    log::warn("stopped before these repositories were listed: sync them again",
              {{"count", given_up.size()}, {"first", given_up.front().repository}});
  }
}

Status ListingQueue::add(Wish wish) {
  {
    auto state = state_.lock();
    auto& waiting = state->waiting;
    if (state->known.contains(wish)) return {};
    if (state->is_stopped || waiting.size() >= kLimit) {
      return fail(ErrorCode::Unavailable,
                  fmt::format("sync '{}': {}", wish.repository,
                              state->is_stopped ? "gitferry is stopping"
                                                : "too many repositories wait to be listed already"),
                  "try again later");
    }
    state->known.insert(wish);
    waiting.push_back(std::move(wish));
  }
  changed_.notify_all();
  return {};
}

std::optional<ListingQueue::Wish> ListingQueue::next() {
  auto state = state_.lock();
  wait_beating(state, changed_, std::chrono::steady_clock::time_point::max(),
               [](const State& now) { return now.is_stopped || !now.waiting.empty(); });
  if (state->is_stopped) return std::nullopt;
  auto wish = std::move(state->waiting.front());
  state->waiting.pop_front();
  state->known.erase(wish);
  return wish;
}

void ListingQueue::work(const std::stop_token& stop) {
  const SupervisedThread supervised("lister");
  while (const auto wish = next()) {
    beat_for(kLongestListing);
    list_and_log(*wish, stop);
  }
}

void ListingQueue::list_and_log(const Wish& wish, const std::stop_token& stop) {
  Status listed;
  try {
    listed = list_(wish, stop);
  } catch (const std::exception& e) {
    listed = fail(ErrorCode::Internal, fmt::format("list '{}': {}", wish.repository, e.what()));
  } catch (...) {
    listed =
        fail(ErrorCode::Internal, fmt::format("list '{}': something unknown was thrown", wish.repository));
  }
  if (listed) return;
  log::error("a repository was not listed, and its branches not synced",
             {{"repo", wish.repository}, {"error", listed.error().text()}});
}

}  // namespace gitferry
