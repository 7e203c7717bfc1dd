#include "agent/git/receive_pack.h"

#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/text.h"
#include "agent/git/remote_text.h"
#include "agent/git/side_band.h"

namespace gitferry {
namespace {

constexpr std::size_t kReasonLimit = 200;
/// Of a reason as it comes, with what cleaning takes out of it.
constexpr std::size_t kReasonKept = 4096;
/// Of a report, besides one for each ref: the target's word on the pack, and lines of later versions.
constexpr std::size_t kExtraReportLines = 1000;

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

/// Reads what follows the report, so that the hooks' text is complete and the connection can be used again.
/// The verdict is known by then: failures here do not matter.
void read_to_end(ByteReader& stream) {
  std::array<char, 4096> behind{};
  for (;;) {
    const auto count = stream.read(behind);
    if (!count || *count == 0) return;
  }
}

/// Lets an error tell what the hooks said; they alone tell that LFS objects are missing.
void add_remote_text(Error& error, const std::string& remote_text) {
  error.message += fmt::format("; it said: {}", cleaned_text(remote_text, kReasonLimit));
  if (!contains_any(to_lower(remote_text), {"gh008", "lfs objects are missing"})) return;
  error.code = ErrorCode::RejectedByRemote;
  error.hint =
      "only Git LFS pointers travel: push the objects with git lfs push --all, or let the target take "
      "pointers alone";
}

}  // namespace

Error error_from_refusal(std::string_view what, std::string_view reason) {
  const auto said = cleaned_text(reason, kReasonLimit);
  const auto lower = to_lower(said);
  auto message = fmt::format("{}: the target refused it: '{}'", what, said);
  if (contains_any(lower, {"non-fast-forward", "fetch first"})) {
    return {ErrorCode::Diverged,
            message,
            "bring the target's commits into the source, or reset the target's branch",
            {}};
  }
  if (contains_any(lower, {"protected branch", "pre-receive hook declined", "hook declined", "hidden ref",
                           "prohibited by", "branch is currently checked out"})) {
    return {ErrorCode::ProtectedBranch,
            message,
            "allow the agent's user to push this branch there, or disable the binding",
            {}};
  }
  if (contains_any(lower, {"failed to update ref", "cannot lock ref", "stale", "reference already exists",
                           "incorrect old value", "failed to lock"})) {
    return {ErrorCode::LeaseLost,
            message,
            "someone else moved the branch meanwhile; the next run looks again",
            {}};
  }
  if (lower.find("shallow update not allowed") != std::string::npos) {
    return {ErrorCode::RejectedByRemote,
            message + " (the source's history is not complete)",
            "complete the source with git fetch --unshallow, or bind the repository that it was cloned from",
            {}};
  }
  return {ErrorCode::RejectedByRemote, message, "look at what the target's hooks said, and into its log", {}};
}

ReceivePack::ReceivePack(Connection& connection, std::string address)
    : connection_(connection), address_(std::move(address)) {}

Status ReceivePack::start() {
  return connection_.start_advertisement();
}

Status ReceivePack::list(const std::vector<std::string>& refs) {
  auto stream = connection_.advertisement();
  if (!stream) return fail(stream.error());
  PacketReader packets(**stream, fmt::format("listing the refs of the target '{}'", address_));
  auto read = read_advertisement(packets, {.asked = AskedRefs(refs), .keep_tips = true});
  if (!read) return fail(read.error());
  if (connection_.is_stateless()) {
    std::array<char, 16> behind{};
    static_cast<void>(packets.read_raw(behind));
  }
  if (read->version == 2) {
    return fail(ErrorCode::ProtocolError,
                packets.what() + ": it answered in protocol v2, which knows no push",
                "try a plain git push there");
  }
  advertisement_ = std::move(*read);
  return {};
}

std::string ReceivePack::commands() const {
  const auto& offered = advertisement_.capabilities;
  std::string capabilities = " report-status";
  for (const std::string_view name : {"side-band-64k", "quiet"}) {
    if (offered.has(name)) capabilities += fmt::format(" {}", name);
  }
  if (offered.has("object-format"))
    capabilities += fmt::format(" object-format={}", name_of(advertisement_.format));
  if (offered.has("agent")) capabilities += " agent=gitferry/" GITFERRY_VERSION;

  std::string lines;
  for (const auto& update : updates_) {
    auto line = fmt::format("{} {} {}", update.old_tip.hex(), update.new_tip.hex(), update.ref);
    if (lines.empty()) line += '\0' + capabilities;
    lines += packet(line);
  }
  return lines + std::string(kFlushPacket);
}

std::string ReceivePack::what() const {
  return updates_.size() == 1 ? fmt::format("pushing '{}' to the target '{}'", updates_.front().ref, address_)
                              : fmt::format("pushing {} refs to the target '{}'", updates_.size(), address_);
}

Status ReceivePack::open(std::vector<RefUpdate> updates, std::optional<std::uint64_t> pack_size) {
  updates_ = std::move(updates);
  if (!advertisement_.capabilities.has("report-status")) {
    return fail(
        ErrorCode::ProtocolError,
        fmt::format("the target '{}' does not report what became of a push (no report-status)", address_),
        "use a git server that does: every current one");
  }
  const auto head = commands();
  auto exchange = connection_.request(pack_size ? std::optional(head.size() + *pack_size) : std::nullopt);
  if (!exchange) return fail(exchange.error());
  exchange_ = std::move(*exchange);
  return exchange_->write(head);
}

Status ReceivePack::write(std::string_view pack_bytes) {
  return exchange_->write(pack_bytes);
}

Result<std::size_t> ReceivePack::write_some(std::string_view pack_bytes, std::chrono::milliseconds patience) {
  return exchange_->write_some(pack_bytes, patience);
}

PushOutcome ReceivePack::finish() {
  if (auto finished = exchange_->finish_request(); !finished) return explain(finished.error());
  crash_point(CrashPoint::ReportAwaited);
  auto answer = read_answer();
  crash_point(CrashPoint::ReportRead);
  if (answer) return std::move(*answer);
  return {answer.error(), false, {}, {}};
}

PushOutcome ReceivePack::explain(const Error& failure) {
  const bool may_have_answered = failure.code != ErrorCode::Timeout && failure.code != ErrorCode::Cancelled;
  if (may_have_answered && exchange_) {
    if (auto answer = read_answer(); answer && answer->says_no()) return std::move(*answer);
  }
  return {failure, false, {}, {}};
}

Result<PushOutcome> ReceivePack::read_answer() {
  PacketReader packets(*exchange_, what());
  PushOutcome outcome;
  if (!advertisement_.capabilities.has("side-band-64k")) {
    if (auto read = read_report(packets, outcome); !read) return fail(read.error());
    return outcome;
  }
  RemoteText text;
  SideBandReader band(packets, text);
  PacketReader report(band, packets.what());
  auto read = read_report(report, outcome);
  if (!read) return fail(read.error());
  read_to_end(band);
  outcome.remote_text = text.str();
  if (outcome.remote_text.empty()) return outcome;
  if (outcome.error) add_remote_text(*outcome.error, outcome.remote_text);
  for (auto& refused : outcome.refs) {
    if (refused) add_remote_text(*refused, outcome.remote_text);
  }
  return outcome;
}

Status ReceivePack::read_report(PacketReader& packets, PushOutcome& outcome) const {
  std::unordered_map<std::string_view, std::size_t> index_of;
  for (std::size_t i = 0; i < updates_.size(); ++i) index_of.emplace(updates_[i].ref, i);
  const auto what_of = [&](std::size_t i) {
    return fmt::format("pushing '{}' to the target '{}'", updates_[i].ref, address_);
  };
  std::string unpack_reason;
  std::vector<std::optional<std::string>> refusals(updates_.size());
  std::vector<bool> is_accepted(updates_.size());
  for (std::size_t lines = 0;; ++lines) {
    const auto packet = packets.read();
    if (!packet) return fail(packet.error());
    if (!packet->is_data()) break;
    if (lines > updates_.size() + kExtraReportLines) {
      return fail(ErrorCode::LimitExceeded,
                  fmt::format("{}: its report on {} refs does not end", packets.what(), updates_.size()),
                  "look at the target with a plain git push");
    }
    const auto line = packet->line();
    if (line.starts_with("unpack ")) unpack_reason = std::string(line.substr(7, kReasonKept));
    if (line.starts_with("ok ")) {
      if (const auto found = index_of.find(line.substr(3)); found != index_of.end())
        is_accepted[found->second] = true;
    }
    if (line.starts_with("ng ")) {
      const auto end = line.find(' ', 3);
      if (const auto found = index_of.find(line.substr(3, end - 3));
          found != index_of.end() && end != std::string_view::npos)
        refusals[found->second] = std::string(line.substr(end + 1, kReasonKept));
    }
  }
  if (unpack_reason != "ok" && !unpack_reason.empty()) {
    outcome.unpack_failed = true;
    outcome.error = Error{ErrorCode::RejectedByRemote,
                          fmt::format("{}: the target could not take the pack: '{}'", packets.what(),
                                      cleaned_text(unpack_reason, kReasonLimit)),
                          "look at what the target said; its own checks (receive.fsckObjects, size limits) "
                          "may refuse an object",
                          {}};
    return {};
  }
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    auto& refused = outcome.refs.emplace_back();
    if (refusals[i]) {
      refused = error_from_refusal(what_of(i), *refusals[i]);
    } else if (!is_accepted[i] || unpack_reason.empty()) {
      refused = Error{ErrorCode::ProtocolError,
                      what_of(i) + ": the target did not confirm the ref",
                      "look into its log, and compare both tips",
                      {}};
    }
  }
  return {};
}

}  // namespace gitferry
