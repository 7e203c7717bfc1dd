#include "agent/sync/run_text.h"

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

std::string shown(const std::optional<ObjectId>& tip) {
  return tip ? tip->short_hex() : "(none)";
}

/// `1234567..89abcde` where the ref moves; the one tip where it does not.
std::string tips(const RunReport& report) {
  switch (report.plan) {
    case Plan::Undecided:
      return {};
    case Plan::Nothing:
      return " " + shown(report.source_tip);
    case Plan::Create:
      return " " + shown(report.source_tip);
    case Plan::FastForward:
    case Plan::Rewrite:
      return fmt::format(" {}..{}", shown(report.target_tip_before), shown(report.source_tip));
    case Plan::Delete:
      return " " + shown(report.target_tip_before);
    case Plan::Refuse:
      return fmt::format(" target {}, source {}", shown(report.target_tip_before), shown(report.source_tip));
  }
  return {};
}

}  // namespace

std::string run_text(const LaneKey& key, Direction direction, const RunReport& report) {
  const auto source = source_side(direction);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(report.total).count();
  auto text = fmt::format("{}{} {} -> {} {}: {}{}, {} bytes, {} ms", report.dry_run ? "dry run: " : "",
                          name_of(source), branch_or_ref(key.ref(source)), name_of(other(source)),
                          branch_or_ref(key.ref(other(source))), name_of(report.plan), tips(report),
                          report.pack_bytes, milliseconds);
  if (report.refs_in_transfer > 1) {
    text += fmt::format(", with {} other ref{}", report.refs_in_transfer - 1,
                        report.refs_in_transfer == 2 ? "" : "s");
  }
  if (report.engine == EngineKind::Mirror) {
    text += report.relay_undecided ? ", by the mirror where the relay could not decide" : ", by the mirror";
  }
  if (report.mirror_renewed) text += "; the mirror was damaged and was fetched anew";
  if (report.error) text += "\n" + report.error->text();
  if (!report.backup_ref.empty())
    text += fmt::format("\nthe target keeps its old tip as {}", report.backup_ref);
  for (const auto line : split(trim(report.remote_text), '\n')) {
    if (!line.empty()) text += fmt::format("\nremote: {}", line);
  }
  constexpr std::size_t ellipsis = 3;
  return shortened(text, kRunTextLimit - ellipsis);
}

}  // namespace gitferry
