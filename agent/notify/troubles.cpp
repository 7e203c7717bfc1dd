#include "agent/notify/troubles.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/base/error.h"
#include "agent/base/text.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

/// Of an error that is not tried again but may be of the whole host: until it is clear whether that rests.
constexpr std::int64_t kSettlingMs = 60'000;

const ErrorInfo* error_called(const std::string& name) {
  for (const auto& error : all_errors()) {
    if (error.name == name) return &error;
  }
  return nullptr;
}

/// Numbers of the API below this are of requests: a run that was dropped because its binding changed.
constexpr int kFirstOfGit = 20'000;

/// What the sync log says after its first line, which repeats the names.
std::string reason_of(const std::string& text) {
  const auto end = text.find('\n');
  return end == std::string::npos ? text : text.substr(end + 1);
}

class LaneJudge {
 public:
  LaneJudge(const LaneHealth& lane, const RepositoryBinding& binding, const Surroundings& around)
      : lane_(lane), binding_(binding), around_(around) {}

  /// Unset: it is well, or may still get well by itself.
  [[nodiscard]] std::optional<NoticeEvent> trouble() const {
    if (lane_.quarantined) return NoticeEvent::Failed;
    const auto* error = error_called(lane_.last_error);
    if (error == nullptr || error->code_status < kFirstOfGit) return std::nullopt;
    // Of a repository that is synced as a whole, what is gone at the source is nobody's trouble.
    if (error->code == ErrorCode::BranchMissing && binding_.granularity == Granularity::All)
      return std::nullopt;
    if (error->code == ErrorCode::Diverged) return NoticeEvent::Diverged;
    if (is_of_host(lane_.last_error) && !counts_against_lane()) return std::nullopt;
    if (error->retry == Retry::Never) {
      const bool is_settled =
          !is_of_host(lane_.last_error) || around_.now_ms - lane_.last_run_at_ms >= kSettlingMs;
      return is_settled ? std::optional(NoticeEvent::Failed) : std::nullopt;
    }
    return has_lasted() ? std::optional(NoticeEvent::Failed) : std::nullopt;
  }

  [[nodiscard]] bool is_well() const {
    return lane_.last_error.empty() && !lane_.quarantined && lane_.last_run_at_ms > 0;
  }

  [[nodiscard]] Notice notice(NoticeEvent event, std::int64_t since_ms) const {
    Notice made;
    made.event = event;
    made.subject = {NoticeSubject::Kind::Lane, std::to_string(lane_.lane_id)};
    made.key = lane_.key;
    made.since_ms = since_ms;
    made.at_ms = around_.now_ms;
    if (is_good(event)) return made;
    made.error = lane_.quarantined ? "quarantined" : lane_.last_error;
    made.code_status = lane_.last_code_status;
    made.text = reason_of(lane_.last_text);
    made.attempts = lane_.attempts;
    return made;
  }

  [[nodiscard]] std::int64_t began_ms() const {
    return lane_.is_pending && lane_.attempts > 0 ? lane_.marked_at_ms : lane_.last_run_at_ms;
  }

 private:
  /// Not where a host rests, or rested when the lane was last tried.
  [[nodiscard]] bool counts_against_lane() const {
    for (const auto& host : {binding_.internal.host_key(), binding_.external.host_key()}) {
      if (around_.resting_hosts.contains(host)) return false;
      if (lane_.last_run_at_ms < around_.answers_since_ms(host)) return false;
    }
    return true;
  }
  [[nodiscard]] bool has_lasted() const {
    if (!lane_.is_pending || lane_.attempts == 0) return false;
    return lane_.attempts >= around_.patience.attempts ||
           around_.now_ms - lane_.marked_at_ms >= around_.patience.time.count();
  }

  const LaneHealth& lane_;
  const RepositoryBinding& binding_;
  const Surroundings& around_;
};

using ToldLanes = std::map<std::string, const Told*, std::less<>>;

ToldLanes told_lanes(const TroubleView& view) {
  ToldLanes told;
  for (const auto& one : view.told) {
    if (one.subject.kind == NoticeSubject::Kind::Lane) told.emplace(one.subject.name, &one);
  }
  return told;
}

void judge_told(const LaneJudge& judge, const LaneHealth& lane, const Told& told, Findings& findings) {
  if (judge.is_well()) {
    findings.end(judge.notice(NoticeEvent::Recovered, told.since_ms));
  } else if (lane.last_run_at_ms == 0 && !lane.quarantined) {
    findings.forget.push_back(told.subject);  // its addresses changed: nothing is known of the new ones
  } else if (told.event == NoticeEvent::Failed && judge.trouble() == NoticeEvent::Diverged) {
    // Once only, whatever comes between: a divergence does not end by a host's failure.
    findings.begin(judge.notice(NoticeEvent::Diverged, told.since_ms));
  }
}

}  // namespace

bool is_of_host(const std::string& error) {
  for (const auto code : {ErrorCode::HostUnresolved, ErrorCode::Timeout, ErrorCode::ConnectionFailed,
                          ErrorCode::HostError, ErrorCode::HostBusy, ErrorCode::TlsFailed}) {
    if (error == info(code).name) return true;
  }
  return false;
}

bool is_synced(const RepositoryBinding& binding, const LaneKey& key) {
  if (!binding.enabled) return false;
  const bool is_same_name = key.internal_ref == key.external_ref;
  if (is_tag(key.internal_ref)) return is_same_name && binding.tags == Tags::All;
  if (binding.granularity == Granularity::All) return is_same_name;
  const auto internal = branch_of(key.internal_ref);
  const auto external = branch_of(key.external_ref);
  return std::any_of(binding.branches.begin(), binding.branches.end(), [&](const BranchBinding& branch) {
    return branch.enabled && branch.internal == internal && branch.external == external;
  });
}

Findings judge_lanes(const TroubleView& view, const Surroundings& surroundings) {
  Findings findings;
  const auto told = told_lanes(view);
  for (const auto& lane : view.lanes) {
    const auto found = told.find(std::to_string(lane.lane_id));
    const auto* known = found == told.end() ? nullptr : found->second;
    const auto* binding = surroundings.bindings.find(lane.key.repository);
    if (binding == nullptr || !is_synced(*binding, lane.key)) {
      if (known != nullptr) findings.forget.push_back(known->subject);
      continue;
    }
    const LaneJudge judge(lane, *binding, surroundings);
    if (known != nullptr) {
      judge_told(judge, lane, *known, findings);
    } else if (const auto trouble = judge.trouble()) {
      findings.begin(judge.notice(*trouble, judge.began_ms()));
    }
  }
  return findings;
}

}  // namespace gitferry
