#include "agent/git/object_counter.h"

#include <algorithm>
#include <array>
#include <limits>

namespace gitferry {
namespace {

// Of gitformat-pack.
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kCountOffset = 8;
constexpr unsigned kOffsetDelta = 6;
constexpr unsigned kRefDelta = 7;
constexpr std::uint8_t kMore = 0x80;

constexpr std::size_t kOutputSize = 32U << 10U;

}  // namespace

ObjectCounter::ObjectCounter(std::size_t id_size) : id_size_(id_size) {
  if (::inflateInit(&zlib_) != Z_OK) state_ = State::Stopped;
}

ObjectCounter::~ObjectCounter() {
  ::inflateEnd(&zlib_);
}

void ObjectCounter::feed(std::string_view bytes) {
  while (!bytes.empty() && is_counting()) {
    if (state_ == State::Data) {
      inflate_some(bytes);
    } else {
      take_byte(static_cast<std::uint8_t>(bytes.front()));
      bytes.remove_prefix(1);
    }
  }
}

void ObjectCounter::take_byte(std::uint8_t byte) {
  switch (state_) {
    case State::PackHeader:
      if (field_size_ >= kCountOffset) total_ = (total_ << 8U) | byte;
      if (++field_size_ == kHeaderSize) state_ = total_ == 0 ? State::Stopped : State::FirstByte;
      return;
    case State::FirstByte:
      return take_first_byte(byte);
    case State::Size:
      if ((byte & kMore) == 0) end_header();
      return;
    case State::BaseOffset:
      if ((byte & kMore) == 0) state_ = State::Data;
      return;
    case State::BaseId:
      if (++field_size_ == id_size_) state_ = State::Data;
      return;
    case State::Data:
    case State::Stopped:
      return;
  }
}

void ObjectCounter::take_first_byte(std::uint8_t byte) {
  type_ = (byte >> 4U) & 7U;
  if ((byte & kMore) != 0) {
    state_ = State::Size;
  } else {
    end_header();
  }
}

void ObjectCounter::end_header() {
  ::inflateReset(&zlib_);
  field_size_ = 0;
  state_ = type_ == kOffsetDelta ? State::BaseOffset : type_ == kRefDelta ? State::BaseId : State::Data;
}

void ObjectCounter::inflate_some(std::string_view& bytes) {
  std::array<Bytef, kOutputSize> output;  // NOLINT(cppcoreguidelines-pro-type-member-init): zlib fills it
  // zlib's interface predates const.
  zlib_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  zlib_.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max()));
  const auto offered = zlib_.avail_in;
  int result = Z_OK;
  do {
    zlib_.next_out = output.data();
    zlib_.avail_out = static_cast<uInt>(output.size());
    result = ::inflate(&zlib_, Z_NO_FLUSH);
  } while (result == Z_OK && zlib_.avail_out == 0);
  bytes.remove_prefix(offered - zlib_.avail_in);
  if (result == Z_STREAM_END) {
    ++count_;
    state_ = count_ == total_ ? State::Stopped : State::FirstByte;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    state_ = State::Stopped;
  }
}

}  // namespace gitferry
