#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/model/binding.h"
#include "agent/model/notice.h"
#include "agent/store/notice_book.h"

namespace gitferry {

/// How long something that may heal by itself is left alone. Whichever is reached first.
struct Patience {
  int attempts = 5;
  std::chrono::milliseconds time{600'000};
};

/// What a look found: what to write, and what to tell of it.
struct Findings {
  std::vector<Told> put;
  std::vector<NoticeSubject> forget;
  std::vector<Notice> notices;

  [[nodiscard]] bool empty() const { return put.empty() && forget.empty() && notices.empty(); }
  /// A bad one: told from now on.
  void begin(Notice notice) {
    put.push_back({notice.subject, notice.event, notice.since_ms, notice.at_ms});
    notices.push_back(std::move(notice));
  }
  /// A good one: what was told is over.
  void end(Notice notice) {
    forget.push_back(notice.subject);
    notices.push_back(std::move(notice));
  }
};

/// What lanes are judged by.
struct Surroundings {
  const BindingSnapshot& bindings;
  const std::set<std::string>& resting_hosts;
  /// From when on a host's silence counts against a lane: before, the host was down, which was told.
  std::function<std::int64_t(const std::string& host)> answers_since_ms;
  Patience patience;
  std::int64_t now_ms = 0;
};

/// The branches that went bad or got well. What waits for a host that rests is that host's trouble; what
/// nobody syncs any more is forgotten without a word.
Findings judge_lanes(const TroubleView& view, const Surroundings& surroundings);

/// Whether a lane's branch is still to be synced: it is bound and enabled.
bool is_synced(const RepositoryBinding& binding, const LaneKey& key);
/// Whether the error may be of the host as a whole.
bool is_of_host(const std::string& error);

}  // namespace gitferry
