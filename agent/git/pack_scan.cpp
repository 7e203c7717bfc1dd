#include "agent/git/pack_scan.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "agent/base/crypto.h"
#include "agent/git/pack_delta.h"

namespace gitferry {
namespace {

// Object types of gitformat-pack.
constexpr unsigned kCommit = 1;
constexpr unsigned kTag = 4;
constexpr unsigned kOffsetDelta = 6;
constexpr unsigned kRefDelta = 7;

constexpr std::size_t kHeaderSize = 12;

tl::unexpected<Error> damaged(std::string_view how) {
  return fail(ErrorCode::ProtocolError, fmt::format("the source's pack is damaged: {}", how),
              "run git fsck --full on the source");
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

PackScan::PackScan(std::span<const TipPair> pairs, Depth depth, std::size_t cache_limit)
    : format_(pairs.front().new_tip.format()), walk_(pairs), depth_(depth), cache_limit_(cache_limit) {}

Status PackScan::feed(std::string_view bytes) {
  while (!bytes.empty() && !is_settled()) {
    const auto before = bytes.size();
    if (auto done = step(bytes); !done) return done;
    offset_ += before - bytes.size();
    const bool is_between_objects = state_ == State::ObjectHeader && size_shift_ == 0;
    if (is_between_objects) begin_object();
  }
  return {};
}

Status PackScan::finish() {
  if (state_ == State::End || is_settled()) return {};
  return fail(ErrorCode::ConnectionFailed, "the source's pack ended in the middle",
              "it is tried again; if it repeats, look into the source's log");
}

PackScan::Verdict PackScan::verdict(std::size_t pair) const {
  if (walk_.is_found(pair)) return Verdict::Found;
  return hidden_.empty() && !commits_are_over_ ? Verdict::NotFound : Verdict::Undecided;
}

void PackScan::hide(std::string_view reason) {
  if (hidden_.empty()) hidden_ = reason;
}

bool PackScan::collect(std::string_view& bytes, std::size_t size) {
  const auto count = std::min(size - field_.size(), bytes.size());
  field_ += bytes.substr(0, count);
  bytes.remove_prefix(count);
  return field_.size() == size;
}

Status PackScan::step(std::string_view& bytes) {
  const auto first = static_cast<std::uint8_t>(bytes.front());
  switch (state_) {
    case State::Header:
      return collect(bytes, kHeaderSize) ? take_header() : Status{};
    case State::ObjectHeader:
      bytes.remove_prefix(1);
      return take_object_header(first);
    case State::BaseOffset:
      bytes.remove_prefix(1);
      return take_base_offset(first);
    case State::BaseId: {
      if (!collect(bytes, raw_size(format_))) return {};
      const auto found = offset_of_.find(field_);
      // Where the base is not a commit of the pack, nobody can tell what the object is.
      if (found == offset_of_.end()) hide("an object is a delta of one that the pack does not hold");
      begin_data(found == offset_of_.end() ? nullptr : commit_at(found->second));
      return {};
    }
    case State::Data:
      return inflate_some(bytes);
    case State::Trailer:
      if (collect(bytes, raw_size(format_))) state_ = State::End;
      return {};
    case State::End:
      return damaged("bytes follow behind its end");
  }
  return {};
}

Status PackScan::take_header() {
  const auto version = big_endian(std::string_view(field_).substr(4));
  objects_left_ = big_endian(std::string_view(field_).substr(8));
  if (!field_.starts_with("PACK") || (version != 2 && version != 3))
    return damaged("it does not begin as a pack");
  if (objects_left_ > kObjectLimit) {
    return fail(ErrorCode::LimitExceeded, fmt::format("the source's pack holds {} objects", objects_left_),
                fmt::format("at most {} are taken at a time", kObjectLimit));
  }
  field_.clear();
  state_ = objects_left_ == 0 ? State::Trailer : State::ObjectHeader;
  return {};
}

void PackScan::begin_object() {
  object_offset_ = offset_;
  object_size_ = 0;
  base_distance_ = 0;
}

Status PackScan::take_object_header(std::uint8_t byte) {
  if (size_shift_ == 0) {
    object_type_ = (byte >> 4U) & 7U;
    object_size_ = byte & 15U;
    size_shift_ = 4;
  } else {
    if (size_shift_ > 53) return damaged("an object's size is out of range");
    object_size_ |= static_cast<std::uint64_t>(byte & 0x7FU) << size_shift_;
    size_shift_ += 7;
  }
  if ((byte & 0x80U) != 0) return {};
  size_shift_ = 0;
  field_.clear();
  if (object_type_ == kOffsetDelta) {
    state_ = State::BaseOffset;
  } else if (object_type_ == kRefDelta) {
    state_ = State::BaseId;
  } else if (object_type_ >= kCommit && object_type_ <= kTag) {
    begin_data(nullptr);
  } else {
    return damaged(fmt::format("it holds an object of the unknown type {}", object_type_));
  }
  return {};
}

Status PackScan::take_base_offset(std::uint8_t byte) {
  // Each byte but the first adds one, so that no number has two forms.
  const std::uint64_t carried = field_.empty() ? 0 : base_distance_ + 1;
  if (carried > (std::numeric_limits<std::uint64_t>::max() >> 8U))
    return damaged("a delta's base is out of range");
  base_distance_ = (carried << 7U) | (byte & 0x7FU);
  field_ = "more";
  if ((byte & 0x80U) != 0) return {};
  if (base_distance_ == 0 || base_distance_ > object_offset_)
    return damaged("a delta's base is out of range");
  const auto base_offset = object_offset_ - base_distance_;
  if (base_offset < evicted_below_) hide("a commit is a delta of one too far back to be kept");
  begin_data(commit_at(base_offset));
  return {};
}

void PackScan::begin_data(const CachedCommit* base) {
  base_.reset();
  if (base != nullptr) base_ = base->content;
  keeps_content_ = object_type_ == kCommit || base_.has_value();
  if (depth_ == Depth::Commits && !keeps_content_) commits_are_over_ = true;
  if (keeps_content_ && object_size_ > kCommitLimit) {
    hide("a commit is larger than the limit");
    keeps_content_ = false;
  }
  field_.clear();
  content_.clear();
  inflated_ = 0;
  inflater_.begin();
  state_ = State::Data;
}

Status PackScan::inflate_some(std::string_view& bytes) {
  const auto outcome = inflater_.inflate(bytes, [&](std::string_view piece) {
    inflated_ += piece.size();
    if (inflated_ > object_size_) return false;
    if (keeps_content_) content_ += piece;
    return true;
  });
  if (inflated_ > object_size_) return damaged("an object is larger than it says");
  if (outcome == ObjectInflater::Outcome::Damaged) return damaged("an object does not inflate");
  return outcome == ObjectInflater::Outcome::Ended ? end_object() : Status{};
}

Status PackScan::end_object() {
  if (inflated_ != object_size_) return damaged("an object is smaller than it says");
  state_ = --objects_left_ == 0 ? State::Trailer : State::ObjectHeader;
  if (!keeps_content_) return {};
  if (!base_) return take_commit(std::move(content_));
  auto content = apply_delta(*base_, content_, kCommitLimit);
  if (!content) return damaged("a delta does not fit its base");
  return take_commit(std::move(*content));
}

Status PackScan::take_commit(std::string content) {
  auto object = fmt::format("commit {}", content.size());
  object += '\0';
  object += content;
  const auto raw = format_ == ObjectFormat::Sha1 ? sha1(object) : sha256(object);
  const auto id = ObjectId::from_raw(raw);
  if (!id) return damaged("a commit has no id");
  ++commits_seen_;
  if (auto added = walk_.add(*id, content); !added) return added;
  if (see_commit_) {
    if (auto seen = see_commit_(*id, content); !seen) return seen;
  }
  keep({object_offset_, raw, std::move(content)});
  return {};
}

const PackScan::CachedCommit* PackScan::commit_at(std::uint64_t offset) const {
  const auto found = std::ranges::lower_bound(cache_, offset, {}, &CachedCommit::offset);
  return found != cache_.end() && found->offset == offset ? &*found : nullptr;
}

void PackScan::keep(CachedCommit commit) {
  cached_bytes_ += commit.content.size();
  offset_of_.insert_or_assign(commit.raw_id, commit.offset);
  cache_.push_back(std::move(commit));
  while (cached_bytes_ > cache_limit_ && !cache_.empty()) {
    const auto& oldest = cache_.front();
    cached_bytes_ -= oldest.content.size();
    evicted_below_ = oldest.offset + 1;
    offset_of_.erase(oldest.raw_id);
    cache_.pop_front();
  }
}

}  // namespace gitferry
