#include "agent/git/pipe_connection.h"

#include <chrono>
#include <utility>

namespace gitferry {

class PipeConnection::Stream final : public Exchange {
 public:
  Stream(ChildProcess& child, const ExplainExit& explain) : child_(child), explain_(explain) {}

  Result<std::size_t> read(std::span<char> out) override {
    auto count = child_.read(out);
    if (!count || *count > 0) return count;
    const auto exit = child_.wait_for_exit();
    if (exit.status != 0) return fail(explain_(exit));
    return std::size_t{0};
  }

  Status write(std::string_view bytes) override {
    auto written = child_.write(bytes);
    if (written || written.error().code != ErrorCode::ConnectionFailed) return written;
    return fail(explain_(child_.wait_for_exit()));
  }

  bool has_bytes(std::chrono::milliseconds patience) override { return child_.has_bytes(patience); }

  Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience) override {
    auto taken = child_.write_some(bytes, patience);
    if (taken || taken.error().code != ErrorCode::ConnectionFailed) return taken;
    return fail(explain_(child_.wait_for_exit()));
  }

  Status finish_request() override {
    // The other side reads on for the next request; git's own flush packets end this one.
    return {};
  }

 private:
  ChildProcess& child_;
  const ExplainExit& explain_;
};

/// Hands the one stream out again; forgetting the view leaves the stream as it is.
class PipeConnection::StreamView final : public Exchange {
 public:
  explicit StreamView(Exchange& stream) : stream_(stream) {}
  Result<std::size_t> read(std::span<char> out) override { return stream_.read(out); }
  bool has_bytes(std::chrono::milliseconds patience) override { return stream_.has_bytes(patience); }
  Status write(std::string_view bytes) override { return stream_.write(bytes); }
  Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience) override {
    return stream_.write_some(bytes, patience);
  }
  Status finish_request() override { return stream_.finish_request(); }

 private:
  Exchange& stream_;
};

PipeConnection::PipeConnection(ChildCommand command, ExplainExit explain, const Waiting& waiting)
    : command_(std::move(command)), explain_(std::move(explain)), waiting_(waiting) {}

Status PipeConnection::start_advertisement() {
  if (child_) return {};
  auto child = ChildProcess::start(command_, waiting_);
  if (!child) return fail(std::move(child.error()));
  child_ = std::move(*child);
  stream_ = std::make_unique<Stream>(*child_, explain_);
  return {};
}

Result<ByteReader*> PipeConnection::advertisement() {
  if (auto started = start_advertisement(); !started) return fail(std::move(started.error()));
  return stream_.get();
}

Result<std::unique_ptr<Exchange>> PipeConnection::request(std::optional<std::uint64_t> /*length*/) {
  if (auto started = start_advertisement(); !started) return fail(std::move(started.error()));
  return std::make_unique<StreamView>(*stream_);
}

}  // namespace gitferry
