#include "agent/git/held_pack.h"

#include <cstring>

#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

constexpr std::size_t kBufferSize = 64U << 10U;

}  // namespace

HeldPack::HeldPack(std::unique_ptr<ByteReader> stream, const std::string& spool_directory,
                   const Waiting& waiting)
    : stream_(std::move(stream)), spool_(spool_directory), waiting_(waiting), buffer_(kBufferSize) {}

Status HeldPack::check_waiting() const {
  return check_limits(waiting_, "relaying the pack");
}

Result<std::string_view> HeldPack::next() {
  if (auto may_go_on = check_waiting(); !may_go_on) return fail(may_go_on.error());
  const auto count = stream_->read(buffer_);
  if (!count) return fail(count.error());
  has_ended_ = *count == 0;
  return std::string_view(buffer_.data(), *count);
}

Status HeldPack::prove(PackScan& scan, bool keep) {
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
  if (auto may_go_on = check_waiting(); !may_go_on) return fail(may_go_on.error());
  const auto held = spool_.read(out);
  if (!held || *held > 0 || has_ended_) return held;
  const auto count = stream_->read(out);
  if (count && *count == 0) has_ended_ = true;
  return count;
}

Status HeldPack::send(ReceivePack& target, std::size_t trailer) {
  const auto write = [&](std::string_view bytes) {
    bytes_sent_ += bytes.size();
    auto written = target.write(bytes);
    write_failed_ = !written;
    return written;
  };
  std::size_t kept = 0;
  for (;;) {
    const auto count = read_for_sending(std::span(buffer_).subspan(kept));
    if (!count) return fail(count.error());
    if (*count == 0) break;
    kept += *count;
    if (kept <= trailer) continue;
    const auto ready = kept - trailer;
    if (auto written = write({buffer_.data(), ready}); !written) return written;
    std::memmove(buffer_.data(), buffer_.data() + ready, trailer);
    kept = trailer;
  }
  if (kept < trailer) {
    return fail(ErrorCode::ConnectionFailed, "the source's pack ended before it was complete",
                "it is tried again; if it repeats, look into the source's log");
  }
  return write({buffer_.data(), kept});
}

}  // namespace gitferry
