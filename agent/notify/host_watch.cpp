#include "agent/notify/host_watch.h"

#include <algorithm>
#include <utility>

namespace gitferry {
namespace {

bool is_at(const RepositoryBinding& binding, const std::string& host) {
  return binding.internal.host_key() == host || binding.external.host_key() == host;
}

std::vector<std::string> repositories_at(const BindingSnapshot& bindings, const std::string& host) {
  std::vector<std::string> names;
  for (const auto& [name, binding] : bindings.repositories) {
    if (is_at(binding, host)) names.push_back(name);
  }
  return names;
}

std::int64_t waiting_for(const TroubleView& view, const BindingSnapshot& bindings, const std::string& host) {
  return std::count_if(view.lanes.begin(), view.lanes.end(), [&](const LaneHealth& lane) {
    const auto* binding = bindings.find(lane.key.repository);
    return lane.is_pending && is_of_host(lane.last_error) && binding != nullptr && is_at(*binding, host);
  });
}

Notice notice_of(NoticeEvent event, const std::string& host, std::int64_t since_ms, std::int64_t now_ms) {
  Notice made;
  made.event = event;
  made.subject = {NoticeSubject::Kind::Host, host};
  made.host = host;
  made.since_ms = since_ms;
  made.at_ms = now_ms;
  return made;
}

}  // namespace

void HostWatch::see(const std::set<std::string>& resting, std::int64_t now_ms) {
  for (const auto& host : resting) rests_since_ms_.try_emplace(host, now_ms);
  for (auto host = rests_since_ms_.begin(); host != rests_since_ms_.end();) {
    if (resting.contains(host->first)) {
      ++host;
      continue;
    }
    answers_since_ms_[host->first] = now_ms;
    host = rests_since_ms_.erase(host);
  }
}

std::int64_t HostWatch::answers_since_ms(const std::string& host) const {
  const auto found = answers_since_ms_.find(host);
  return found == answers_since_ms_.end() ? started_at_ms_ : found->second;
}

Result<Findings> HostWatch::judge(const TroubleView& view, const Surroundings& around,
                                  const HasSucceeded& has_succeeded) {
  Findings findings;
  std::set<std::string> told;
  for (const auto& one : view.told) {
    if (one.subject.kind != NoticeSubject::Kind::Host) continue;
    const auto& host = one.subject.name;
    told.insert(host);
    if (rests_since_ms_.contains(host)) continue;
    const auto repositories = repositories_at(around.bindings, host);
    if (repositories.empty()) {
      findings.forget.push_back(one.subject);
      continue;
    }
    bool answers = answers_since_ms_.contains(host);
    if (!answers) {
      const auto succeeded = has_succeeded(repositories, std::max(started_at_ms_, one.told_at_ms));
      if (!succeeded) return fail(succeeded.error());
      answers = *succeeded;
    }
    if (answers) findings.end(notice_of(NoticeEvent::HostUp, host, one.since_ms, around.now_ms));
  }
  const auto short_rest =
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(kShortRest), around.patience.time)
          .count();
  for (const auto& [host, since_ms] : rests_since_ms_) {
    if (told.contains(host) || around.now_ms - since_ms < short_rest) continue;
    auto notice = notice_of(NoticeEvent::HostDown, host, since_ms, around.now_ms);
    notice.branches = waiting_for(view, around.bindings, host);
    findings.begin(std::move(notice));
  }
  return findings;
}

}  // namespace gitferry
