#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"

namespace gitferry {

/// Where bytes come from: a file, a pipe, an HTTP body, a test's string.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  /// Waits for at least one byte and returns how many were put into `out`; 0 is the clean end.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
  /// Waits at most `patience` for something to read: bytes, the end, or an error. Those whose read() never
  /// waits for long always have something.
  virtual bool has_bytes(std::chrono::milliseconds /*patience*/) { return true; }
};

/// The limits of one run, handed to every wait in it.
struct Waiting {
  TransferLimits limits;
  MonotonicTime total_deadline;
  std::stop_token stop;
};

/// One request to a git service and its answer.
///
/// Blocking: write() until the peer took enough of it (back-pressure: a bounded buffer), read() until a byte
/// or
///           the end came; both within the run's limits.
/// Errors:   Timeout, Cancelled, ConnectionFailed, and what the peer's answer means (401 →
/// AuthenticationFailed,
///           an ssh child's "Permission denied" → SshKeyRefused, …). A peer that answers an error before it
///           took the whole request makes write() fail with it.
class Exchange : public ByteReader {
 public:
  virtual Status write(std::string_view bytes) = 0;
  /// As write(), but waits at most `patience` for room: how many of the first bytes were taken, 0 where there
  /// was none. The stall limit counts across the calls that found no room.
  virtual Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds /*patience*/) {
    if (auto written = write(bytes); !written) return fail(std::move(written.error()));
    return bytes.size();
  }
  /// Nothing more follows in this request. On a pipe the other direction stays open.
  virtual Status finish_request() = 0;
};

enum class GitService { UploadPack, ReceivePack };

constexpr std::string_view name_of(GitService service) {
  return service == GitService::UploadPack ? "git-upload-pack" : "git-receive-pack";
}

/// A git service of one repository.
///
/// Over http each request stands alone (`is_stateless`); over ssh and local pipes there is one conversation,
/// and request() hands out the same stream again. Dropping the object ends the conversation; a child is
/// killed and reaped.
class Connection {
 public:
  virtual ~Connection() = default;
  [[nodiscard]] virtual bool is_stateless() const = 0;
  /// Begins to ask for the advertisement and returns at once, so that two hosts can be asked together.
  virtual Status start_advertisement() = 0;
  /// The bytes of the advertisement, from its first pkt-line that belongs to git itself: the http form's
  /// `# service=…` and its flush are checked and taken off. Valid as long as the connection.
  virtual Result<ByteReader*> advertisement() = 0;
  /// Opens a request. `length`: its size where known (a server may refuse one without); ignored on pipes.
  virtual Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) = 0;
};

/// Makes connections; keeps what is worth keeping between runs (http connections).
///
/// Threading: one thread at a time, like the engine that owns it.
class Transport {
 public:
  virtual ~Transport() = default;
  /// `protocol_version` 2 asks an upload-pack for protocol v2 (gitprotocol-v2); the answer may still be v0.
  /// Nothing is sent before start_advertisement() or request().
  virtual Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service,
                                                      int protocol_version, const Waiting& waiting) = 0;
};

}  // namespace gitferry
