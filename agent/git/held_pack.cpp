#include "agent/git/held_pack.h"

#include <chrono>
#include <cstring>

#include "agent/base/crash_point.h"
#include "agent/git/pack_checksum.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

constexpr std::size_t kBufferSize = 64U << 10U;
/// A source that we kept waiting needs a moment to go on.
constexpr std::chrono::milliseconds kMoment{20};

}  // namespace

HeldPack::HeldPack(std::unique_ptr<ByteReader> stream, const std::string& spool_directory,
                   const Waiting& waiting, TransferProgress* progress)
    : stream_(std::move(stream)),
      spool_(spool_directory, waiting.limits.spool_bytes),
      waiting_(waiting),
      meter_(progress),
      pace_(waiting.limits.hold),
      buffer_(kBufferSize) {}

Status HeldPack::check_waiting() const {
  return check_limits(waiting_, "relaying the pack");
}

Result<std::size_t> HeldPack::read_stream(std::span<char> out) {
  if (auto may_go_on = check_waiting(); !may_go_on) return fail(may_go_on.error());
  const auto count = stream_->read(out);
  if (!count) return count;
  crash_point(CrashPoint::PackPartRead);
  has_ended_ = *count == 0;
  meter_.received({out.data(), *count});
  pace_.was_read(*count);
  return count;
}

Result<std::string_view> HeldPack::next() {
  const auto count = read_stream(buffer_);
  if (!count) return fail(count.error());
  return std::string_view(buffer_.data(), *count);
}

Status HeldPack::prove(PackScan& scan, bool keep) {
  meter_.enter(TransferPhase::Proving);
  while (!scan.is_settled()) {
    const auto bytes = next();
    if (!bytes) return fail(bytes.error());
    if (has_ended_) return scan.finish();
    if (keep) {
      if (auto kept = spool_.append(*bytes); !kept) return kept;
    }
    if (auto fed = scan.feed(*bytes); !fed) return fed;
  }
  return {};
}

Status HeldPack::receive(std::uint64_t limit) {
  while (!has_ended_ && spool_.size() <= limit) {
    const auto bytes = next();
    if (!bytes) return fail(bytes.error());
    if (auto kept = spool_.append(*bytes); !kept) return kept;
  }
  return {};
}

Result<std::size_t> HeldPack::read_for_sending(std::span<char> out) {
  const auto held = spool_.read(out);
  if (!held || *held > 0 || has_ended_) return held;
  return read_stream(out);
}

Status HeldPack::write(ReceivePack& target, std::string_view bytes) {
  meter_.sending(bytes);
  while (!bytes.empty()) {
    if (auto may_go_on = check_waiting(); !may_go_on) return may_go_on;
    const auto taken = target.write_some(bytes, pace_.left(std::chrono::steady_clock::now()));
    write_failed_ = !taken;
    if (!taken) return fail(taken.error());
    bytes.remove_prefix(*taken);
    bytes_sent_ += *taken;
    crash_point(CrashPoint::PackPartSent);
    meter_.sent(*taken);
    if (!pace_.is_behind(std::chrono::steady_clock::now())) continue;
    if (auto read = read_ahead(); !read) return read;
  }
  return {};
}

Status HeldPack::read_ahead() {
  ahead_.resize(kBufferSize);
  for (std::uint64_t done = 0; done < SourcePace::kBytes && !has_ended_ && stream_->has_bytes(kMoment);) {
    const auto count = read_stream(ahead_);
    if (!count) return fail(count.error());
    if (auto kept = spool_.append({ahead_.data(), *count}); !kept) return kept;
    done += *count;
  }
  return {};
}

Status HeldPack::send(ReceivePack& target, ObjectFormat format) {
  const auto trailer = raw_size(format);
  PackChecksum checksum(format);
  meter_.enter(TransferPhase::Sending);
  if (!has_ended_) meter_.begin_sending(trailer);
  std::size_t kept = 0;
  for (;;) {
    const auto count = read_for_sending(std::span(buffer_).subspan(kept));
    if (!count) return fail(count.error());
    if (*count == 0) break;
    kept += *count;
    if (kept <= trailer) continue;
    const std::string_view ready(buffer_.data(), kept - trailer);
    checksum.add(ready);
    if (auto written = write(target, ready); !written) return written;
    std::memmove(buffer_.data(), buffer_.data() + ready.size(), trailer);
    kept = trailer;
  }
  const std::string_view end(buffer_.data(), kept);
  if (kept < trailer) {
    return fail(ErrorCode::ConnectionFailed, "the source's pack ended before it was complete",
                "it is tried again; if it repeats, look into the source's log");
  }
  if (!checksum.is(end)) return fail(wrong_pack_checksum());
  auto written = write(target, end);
  crash_point(CrashPoint::TrailerSent);
  if (written) meter_.enter(TransferPhase::Waiting);
  return written;
}

}  // namespace gitferry
