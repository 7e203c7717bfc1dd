#include "agent/git/object_counter.h"

namespace gitferry {
namespace {

// Of gitformat-pack.
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kCountOffset = 8;
constexpr unsigned kOffsetDelta = 6;
constexpr unsigned kRefDelta = 7;
constexpr std::uint8_t kMore = 0x80;

}  // namespace

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
  inflater_.begin();
  field_size_ = 0;
  state_ = type_ == kOffsetDelta ? State::BaseOffset : type_ == kRefDelta ? State::BaseId : State::Data;
}

void ObjectCounter::inflate_some(std::string_view& bytes) {
  switch (inflater_.inflate(bytes, [](std::string_view) { return true; })) {
    case ObjectInflater::Outcome::More:
      return;
    case ObjectInflater::Outcome::Ended:
      ++count_;
      state_ = count_ == total_ ? State::Stopped : State::FirstByte;
      return;
    case ObjectInflater::Outcome::Damaged:
      state_ = State::Stopped;
      return;
  }
}

}  // namespace gitferry
