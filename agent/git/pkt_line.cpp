#include "agent/git/pkt_line.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "agent/git/remote_text.h"

namespace gitferry {
namespace {

constexpr std::size_t kLengthDigits = 4;
constexpr std::string_view kErrorPrefix = "ERR ";

std::optional<std::size_t> parse_length(std::string_view digits) {
  std::size_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, value, 16);
  // from_chars would take a sign.
  if (digits[0] == '-' || failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string packet(std::string_view text) {
  return fmt::format("{:04x}{}", text.size() + kLengthDigits, text);
}

PacketReader::PacketReader(ByteReader& in, std::string what)
    : in_(in), what_(std::move(what)), buffer_(kPacketLimit + 16) {}

Result<bool> PacketReader::fill(std::size_t count) {
  if (end_ - begin_ >= count) return true;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < count) {
    const auto got = in_.read(std::span(buffer_).subspan(end_));
    if (!got) return fail(got.error());
    if (*got == 0) return false;
    end_ += *got;
  }
  return true;
}

Result<Packet> PacketReader::next(bool may_end) {
  const auto cut = [&] {
    return fail(ErrorCode::ConnectionFailed, what_ + ": the host's answer ended in the middle",
                "it is tried again; if it repeats, look into the host's log");
  };
  const auto has_length = fill(kLengthDigits);
  if (!has_length) return fail(has_length.error());
  if (!*has_length) {
    if (may_end && begin_ == end_) return Packet{};
    return cut();
  }
  const std::string_view digits(buffer_.data() + begin_, kLengthDigits);
  const auto length = parse_length(digits);
  if (!length || *length == 3 || *length > kPacketLimit) {
    return fail(ErrorCode::ProtocolError,
                fmt::format("{}: the host's answer is not git's protocol (length '{}')", what_,
                            cleaned_text(digits, 16)),
                "check that the address is that of a git repository");
  }
  if (*length < kLengthDigits) {
    begin_ += kLengthDigits;
    const Packet::Kind kinds[] = {Packet::Kind::Flush, Packet::Kind::Delimiter, Packet::Kind::ResponseEnd};
    return Packet{kinds[*length], {}};
  }
  const auto has_payload = fill(*length);
  if (!has_payload) return fail(has_payload.error());
  if (!*has_payload) return cut();
  const std::string_view payload(buffer_.data() + begin_ + kLengthDigits, *length - kLengthDigits);
  begin_ += *length;
  return Packet{Packet::Kind::Data, payload};
}

Result<Packet> PacketReader::read() {
  auto result = next(false);
  if (result && result->is_data() && result->payload.starts_with(kErrorPrefix)) {
    return fail(error_from_remote(what_, result->payload.substr(kErrorPrefix.size())));
  }
  return result;
}

Result<Packet> PacketReader::read_or_end() {
  auto result = next(true);
  if (result && result->is_data() && result->payload.starts_with(kErrorPrefix)) {
    return fail(error_from_remote(what_, result->payload.substr(kErrorPrefix.size())));
  }
  return result;
}

Result<std::size_t> PacketReader::read_raw(std::span<char> out) {
  if (begin_ == end_) return in_.read(out);
  const auto count = std::min(out.size(), end_ - begin_);
  std::memcpy(out.data(), buffer_.data() + begin_, count);
  begin_ += count;
  return count;
}

}  // namespace gitferry
