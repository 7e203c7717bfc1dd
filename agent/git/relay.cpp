#include "agent/git/relay.h"

#include <exception>
#include <utility>

#include "agent/git/relay_attempt.h"

namespace gitferry {

RelayEngine::RelayEngine(std::unique_ptr<Transport> transport, const TransferLimits& limits,
                         std::string spool_directory, const Clock& clock)
    : transport_(std::move(transport)),
      limits_(limits),
      spool_directory_(std::move(spool_directory)),
      clock_(clock) {}

Waiting RelayEngine::waiting(std::stop_token stop) const {
  return {limits_, clock_.monotonic() + limits_.total, std::move(stop)};
}

Status RelayEngine::sync_with_retries(const SyncRequest& request, const RefSync& ref, const Waiting& waiting,
                                      RunReport& report) {
  RelayOptions options;
  bool has_planned_again = false;
  for (;;) {
    RelayAttempt attempt({*transport_, sources_, spool_directory_, clock_, waiting}, request, ref, options,
                         report);
    auto done = attempt.run();
    if (done || waiting.stop.stop_requested()) return done;
    if (!options.seen) options.seen = SeenTip{report.target_tip_before};
    if (done.error().code == ErrorCode::LengthRequired && !options.whole_pack) {
      options.whole_pack = true;
    } else if (attempt.unpack_failed() && options.thin_pack) {
      options.thin_pack = false;
    } else if (done.error().code == ErrorCode::LeaseLost && !has_planned_again) {
      has_planned_again = true;
    } else {
      return done;
    }
  }
}

RunReport RelayEngine::sync_one(const SyncRequest& request, const RefSync& ref, const Waiting& waiting) {
  const auto started = clock_.monotonic();
  RunReport report;
  report.dry_run = request.dry_run;
  try {
    auto done = sync_with_retries(request, ref, waiting, report);
    if (!done) report.error = std::move(done.error());
  } catch (const std::exception& unexpected) {
    report.error = Error{ErrorCode::Internal,
                         std::string("the relay failed: ") + unexpected.what(),
                         "report this with the log around it",
                         {}};
  }
  report.total = std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic() - started);
  return report;
}

std::vector<RunReport> RelayEngine::sync(const SyncRequest& request, std::stop_token stop) {
  const auto limits = waiting(std::move(stop));
  std::vector<RunReport> reports;
  reports.reserve(request.refs.size());
  for (const auto& ref : request.refs) reports.push_back(sync_one(request, ref, limits));
  return reports;
}

Result<std::vector<RefTip>> RelayEngine::list_refs(const Remote& remote, RefScope scope,
                                                   std::stop_token stop) {
  try {
    const auto limits = waiting(std::move(stop));
    auto connection = transport_->connect(remote, GitService::UploadPack, 2, limits);
    if (!connection) return fail(connection.error());
    UploadPack source(**connection, remote.url.str(), sources_);
    return source.list_refs(scope);
  } catch (const std::exception& unexpected) {
    return fail(ErrorCode::Internal, std::string("listing refs failed: ") + unexpected.what(),
                "report this with the log around it");
  }
}

}  // namespace gitferry
