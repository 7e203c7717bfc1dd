#include "agent/git/divergence_count.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/git/commit_graph.h"
#include "agent/git/pack_scan.h"
#include "agent/git/plan_errors.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

constexpr std::size_t kReadSize = 65536;

/// What one side's branch is, and where its history may be cut.
struct Branch {
  const Remote& remote;
  const std::string& ref;
  const ObjectId& tip;
  const std::optional<ObjectId>& cut;
};

bool is_to_count(const RefSync& ref, const RunReport& report) {
  return report.error && report.error->code == ErrorCode::Diverged && report.plan == Plan::Refuse &&
         report.source_tip && report.target_tip_before && !ref.target_ref.starts_with(kTagsPrefix);
}

/// The commits of `pack` into `graph`; false where not all of them could be read.
bool read_commits(ByteReader& pack, const ObjectId& tip, CommitGraph& graph) {
  // No commit has the null id, so that the scan goes through to the end.
  const TipPair pair{tip, ObjectId::null(tip.format())};
  PackScan scan({&pair, 1});
  scan.on_commit([&](const ObjectId& id, std::string_view content) { return graph.add(id, content); });
  std::array<char, kReadSize> buffer{};
  std::uint64_t received = 0;
  for (;;) {
    const auto count = pack.read(buffer);
    if (!count || (received += *count) > DivergenceCount::kBytesLimit) return false;
    if (*count == 0) break;
    if (!scan.feed({buffer.data(), *count})) return false;
  }
  return scan.finish() && scan.undecided_reason().empty();
}

/// False where the host cannot or will not send it.
bool fetch_commits(Transport& transport, CapabilityCache& sources, const Branch& branch,
                   const Waiting& waiting, CommitGraph& graph) {
  const auto connection = transport.connect(branch.remote, GitService::UploadPack, 2, waiting);
  if (!connection) return false;
  UploadPack host(**connection, branch.remote.url.str(), sources);
  const std::vector<std::string> refs{branch.ref};
  if (!host.start(refs) || !host.tips_of(refs) || !host.offers_filter()) return false;
  FetchRequest request{.wants = {branch.tip}, .haves = {}, .done = true};
  if (branch.cut) request.haves.push_back(*branch.cut);
  request.thin_pack = false;
  request.without_trees = true;
  const auto answer = host.fetch(request);
  if (!answer || answer->kind != FetchAnswer::Kind::Pack) return false;
  return read_commits(*answer->pack, branch.tip, graph);
}

}  // namespace

DivergenceCount::DivergenceCount(std::unique_ptr<Transport> transport, const TransferLimits& limits,
                                 const Clock& clock)
    : transport_(std::move(transport)), limits_(limits), clock_(clock) {
  limits_.total = std::min<std::chrono::milliseconds>(limits.total, kTimeLimit);
}

void DivergenceCount::count(const SyncRequest& request, std::span<RunReport> reports,
                            const std::stop_token& stop) {
  const Waiting waiting{limits_, clock_.monotonic() + limits_.total, stop};
  for (std::size_t i = 0; i < reports.size(); ++i) {
    if (!is_to_count(request.refs[i], reports[i])) continue;
    if (stop.stop_requested() || clock_.monotonic() >= waiting.total_deadline) return;
    count_one(request, request.refs[i], reports[i], waiting);
  }
}

void DivergenceCount::count_one(const SyncRequest& request, const RefSync& ref, RunReport& report,
                                const Waiting& waiting) {
  // What both sides once had is where they parted, or before; after a rewrite it may be neither.
  std::vector<std::optional<ObjectId>> cuts{ref.common_tip ? ref.common_tip : ref.put_tip};
  if (cuts.front()) cuts.emplace_back();
  for (const auto& cut : cuts) {
    CommitGraph graph;
    const Branch ours{request.source, ref.source_ref, *report.source_tip, cut};
    const Branch theirs{request.target, ref.target_ref, *report.target_tip_before, cut};
    if (!fetch_commits(*transport_, sources_, ours, waiting, graph)) return;
    if (!fetch_commits(*transport_, sources_, theirs, waiting, graph)) return;
    report.divergence = graph.divergence(*report.source_tip, *report.target_tip_before, cut);
    if (report.divergence) break;
  }
  if (report.divergence) add_divergence(*report.error, *report.divergence);
}

}  // namespace gitferry
