#include "agent/git/pack_meter.h"

namespace gitferry {
namespace {

// Of gitformat-pack: "PACK", the version, and the number of objects.
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kCountOffset = 8;

/// What counting may cost: a moment, and a twentieth of the time that the transfer takes.
constexpr std::chrono::milliseconds kMoment{20};
constexpr int kShare = 20;

}  // namespace

PackMeter::PackMeter(TransferProgress* progress) : progress_(progress) {
  if (progress_ == nullptr) return;
  progress_->objects_total = 0;
  progress_->objects_done = 0;
  progress_->bytes_received = 0;
  progress_->bytes_sent = 0;
}

void PackMeter::enter(TransferPhase phase) {
  if (progress_ != nullptr) progress_->phase = phase;
}

void PackMeter::received(std::string_view bytes) {
  if (progress_ == nullptr) return;
  if (header_size_ < kHeaderSize) take_header(bytes);
  progress_->bytes_received += bytes.size();
}

void PackMeter::take_header(std::string_view bytes) {
  for (const char c : bytes.substr(0, kHeaderSize - header_size_)) {
    if (header_size_++ >= kCountOffset) total_ = (total_ << 8U) | static_cast<unsigned char>(c);
  }
  if (header_size_ == kHeaderSize) progress_->objects_total = total_;
}

void PackMeter::begin_sending(std::size_t id_size) {
  if (progress_ == nullptr) return;
  counter_.emplace(id_size);
  sending_since_ = std::chrono::steady_clock::now();
}

void PackMeter::sending(std::string_view bytes) {
  if (!counter_) return;
  const auto begin = std::chrono::steady_clock::now();
  counter_->feed(bytes);
  const auto end = std::chrono::steady_clock::now();
  spent_ += end - begin;
  progress_->objects_done = counter_->count();
  const bool is_through = counter_->count() == total_;
  if (is_through || (counter_->is_counting() && spent_ <= kMoment + (end - sending_since_) / kShare)) return;
  progress_->objects_done = 0;
  counter_.reset();
}

void PackMeter::sent(std::size_t bytes) {
  if (progress_ != nullptr) progress_->bytes_sent += bytes;
}

}  // namespace gitferry
