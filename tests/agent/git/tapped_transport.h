#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/git/transport.h"

namespace gitferry::test {

/// What a test sees and changes of the traffic. Offsets count from the connection's first byte.
struct Taps {
  /// Before each call; an error is its outcome.
  std::function<Status()> on_call;
  std::function<Status(GitService, std::optional<std::uint64_t> length)> on_request;
  /// May change the bytes, return fewer, or fail; 0 is a clean end.
  std::function<Result<std::size_t>(GitService, std::span<char> bytes, std::uint64_t offset)> on_read;
  std::function<Status(GitService, std::string& bytes)> on_write;

  [[nodiscard]] Status call() const { return on_call ? on_call() : Status{}; }
};

/// Another transport with taps on it. `inner` and `taps` must outlive it.
class TappedTransport final : public Transport {
 public:
  TappedTransport(Transport& inner, const Taps& taps) : inner_(inner), taps_(taps) {}
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override {
    if (auto called = taps_.call(); !called) return fail(called.error());
    auto connection = inner_.connect(remote, service, protocol_version, waiting);
    if (!connection) return fail(connection.error());
    return std::make_unique<TappedConnection>(std::move(*connection), service, taps_);
  }

 private:
  struct Tap {
    GitService service;
    const Taps& taps;
    std::uint64_t offset = 0;

    Result<std::size_t> read(ByteReader& from, std::span<char> out) {
      if (auto called = taps.call(); !called) return fail(called.error());
      auto count = from.read(out);
      if (!count || *count == 0 || !taps.on_read) return count;
      const auto begin = std::exchange(offset, offset + *count);
      return taps.on_read(service, out.first(*count), begin);
    }
  };

  class TappedReader final : public ByteReader {
   public:
    TappedReader(ByteReader& from, Tap& tap) : from_(from), tap_(tap) {}
    Result<std::size_t> read(std::span<char> out) override { return tap_.read(from_, out); }

   private:
    ByteReader& from_;
    Tap& tap_;
  };

  class TappedExchange final : public Exchange {
   public:
    TappedExchange(std::unique_ptr<Exchange> inner, Tap& tap) : inner_(std::move(inner)), tap_(tap) {}
    Result<std::size_t> read(std::span<char> out) override { return tap_.read(*inner_, out); }
    bool has_bytes(std::chrono::milliseconds patience) override { return inner_->has_bytes(patience); }
    Status write(std::string_view bytes) override {
      if (auto called = tap_.taps.call(); !called) return called;
      if (!tap_.taps.on_write) return inner_->write(bytes);
      std::string changed(bytes);
      if (auto tapped = tap_.taps.on_write(tap_.service, changed); !tapped) return tapped;
      return inner_->write(changed);
    }
    Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience) override {
      if (!tap_.taps.on_write) {
        if (auto called = tap_.taps.call(); !called) return fail(called.error());
        return inner_->write_some(bytes, patience);
      }
      if (auto written = write(bytes); !written) return fail(written.error());
      return bytes.size();
    }
    Status finish_request() override {
      if (auto called = tap_.taps.call(); !called) return called;
      return inner_->finish_request();
    }

   private:
    std::unique_ptr<Exchange> inner_;
    Tap& tap_;
  };

  class TappedConnection final : public Connection {
   public:
    TappedConnection(std::unique_ptr<Connection> inner, GitService service, const Taps& taps)
        : inner_(std::move(inner)), tap_{service, taps} {}
    [[nodiscard]] bool is_stateless() const override { return inner_->is_stateless(); }
    Status start_advertisement() override {
      if (auto called = tap_.taps.call(); !called) return called;
      return inner_->start_advertisement();
    }
    Result<ByteReader*> advertisement() override {
      if (auto called = tap_.taps.call(); !called) return fail(called.error());
      auto reader = inner_->advertisement();
      if (!reader) return reader;
      reader_ = std::make_unique<TappedReader>(**reader, tap_);
      return reader_.get();
    }
    Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override {
      if (auto called = tap_.taps.call(); !called) return fail(called.error());
      if (tap_.taps.on_request) {
        if (auto tapped = tap_.taps.on_request(tap_.service, length); !tapped) return fail(tapped.error());
      }
      auto exchange = inner_->request(length);
      if (!exchange) return exchange;
      return std::make_unique<TappedExchange>(std::move(*exchange), tap_);
    }

   private:
    std::unique_ptr<Connection> inner_;
    Tap tap_;
    std::unique_ptr<TappedReader> reader_;
  };

  Transport& inner_;
  const Taps& taps_;
};

}  // namespace gitferry::test
