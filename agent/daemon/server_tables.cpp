#include "agent/daemon/server_tables.h"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "agent/base/text.h"
#include "agent/daemon/progress_text.h"
#include "agent/daemon/text_table.h"
#include "agent/model/binding.h"
#include "agent/model/ref_name.h"
#include "agent/store/store.h"

namespace gitferry::daemon {
namespace {

constexpr std::size_t kShortId = 7;
constexpr std::size_t kReasonLimit = 200;
constexpr std::size_t kRefsShown = 3;

std::string short_id(const std::string& hex) {
  return hex.substr(0, kShortId);
}

/// The first line of a run's text says what was done, the second what was wrong.
std::string_view error_line(std::string_view text) {
  const auto lines = split(text, '\n');
  return lines.size() > 1 ? lines[1] : lines[0];
}

std::string reason_of(const api::StatusLine& line, std::int64_t now_ms) {
  if (line.progress) return progress_text(*line.progress);
  std::string reason;
  if (line.next_retry_at_ms != 0) reason = "retry " + relative_time(line.next_retry_at_ms, now_ms);
  if (!line.reason.empty()) {
    reason += (reason.empty() ? "" : ": ") + shortened(error_line(line.reason), kReasonLimit);
  }
  return reason;
}

std::string refs_of(const api::DeliveryLine& line) {
  std::string refs;
  for (std::size_t i = 0; i < line.refs.size() && i < kRefsShown; ++i) {
    refs += (i == 0 ? "" : ", ") + branch_or_ref(line.refs[i]);
  }
  if (line.refs.size() > kRefsShown) refs += fmt::format(" and {} more", line.refs.size() - kRefsShown);
  return refs;
}

std::string event_of(const api::DeliveryLine& line) {
  if (line.replay_of != 0) return fmt::format("{} (replay of {})", line.event, line.replay_of);
  if (line.duplicate_of != 0) return fmt::format("{} (as {})", line.event, line.duplicate_of);
  return line.event;
}

/// `waiting`, `running`, `interrupted`, `ok`, or the code of the error.
std::string state_of(const api::DeliveryRunLine& run) {
  if (run.run_id == 0) return "waiting";
  if (run.state != name_of(RunState::Finished)) return run.state;
  return run.code_status == 0 ? "ok" : std::to_string(run.code_status);
}

/// One run with its number; of several, how many stand how.
std::string runs_of(const api::DeliveryLine& line) {
  if (line.runs.size() == 1 && line.runs[0].run_id != 0) {
    return fmt::format("{} {}", line.runs[0].run_id, state_of(line.runs[0]));
  }
  if (line.runs.size() == 1) return state_of(line.runs[0]);
  std::map<std::string, std::size_t> counts;
  for (const auto& run : line.runs) ++counts[state_of(run)];
  std::string text;
  for (const auto& [state, count] : counts) {
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", count, state);
  }
  return text;
}

std::string tip_or_none(const std::string& hex) {
  return hex.empty() ? "none" : short_id(hex);
}

std::string what_happened(const BranchResult& result) {
  if (!result.finished) return "goes on; see gitferry status";
  if (!result.error.empty()) return "failed: " + result.error;
  if (result.plan == "nothing") {
    return fmt::format("in sync at {}  ({:.1f} ms)", tip_or_none(result.source_tip), result.milliseconds);
  }
  return fmt::format("{}{}  {} -> {}  {}  ({:.1f} ms)", result.dry_run ? "would " : "", result.plan,
                     tip_or_none(result.target_tip_before), tip_or_none(result.source_tip),
                     size_text(result.pack_bytes), result.milliseconds);
}

}  // namespace

std::string status_table(const std::vector<api::StatusLine>& lines, std::int64_t now_ms) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(lines.size());
  for (const auto& line : lines) {
    rows.push_back({line.repository, line.internal_branch, line.external_branch, line.status,
                    short_id(line.source_tip), short_id(line.target_tip),
                    relative_time(line.last_success_at_ms, now_ms), reason_of(line, now_ms)});
  }
  return text_table(
      {"REPOSITORY", "INTERNAL", "EXTERNAL", "STATUS", "SOURCE", "TARGET", "LAST SUCCESS", "REASON"}, rows);
}

std::string deliveries_table(const std::vector<api::DeliveryLine>& lines, std::int64_t now_ms) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(lines.size());
  for (const auto& line : lines) {
    rows.push_back({std::to_string(line.id), relative_time(line.received_at_ms, now_ms), line.repository,
                    line.provider, event_of(line), refs_of(line), line.verdict, line.reason, runs_of(line)});
  }
  return text_table({"ID", "RECEIVED", "REPOSITORY", "PROVIDER", "EVENT", "REFS", "VERDICT", "REASON", "RUN"},
                    rows);
}

std::string result_line(const BranchResult& result) {
  return printable(fmt::format("{}  {} -> {}  {}", result.repository, result.source_branch,
                               result.target_branch, what_happened(result))) +
         "\n";
}

BranchResult result_of(const std::string& repository, const api::RunLine& line) {
  const bool from_internal = line.direction == name_of(Direction::ToOuter);
  BranchResult result;
  result.repository = repository;
  result.source_branch = branch_or_ref(from_internal ? line.internal_ref : line.external_ref);
  result.target_branch = branch_or_ref(from_internal ? line.external_ref : line.internal_ref);
  if (line.finished && line.code_status != 0) {
    result.error = line.detail.empty() ? std::to_string(line.code_status) : line.detail;
  }
  result.plan = line.plan;
  result.source_tip = line.source_tip;
  result.target_tip_before = line.target_tip_before;
  result.pack_bytes = line.pack_bytes;
  result.milliseconds = static_cast<double>(line.duration_ms);
  result.dry_run = line.dry_run;
  result.finished = line.finished;
  return result;
}

}  // namespace gitferry::daemon
