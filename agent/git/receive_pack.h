#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/git/advertisement.h"
#include "agent/git/pkt_line.h"
#include "agent/git/transport.h"

namespace gitferry {

/// What the target is asked to do with one ref: move it from `old_tip` (null: it must not exist) to
/// `new_tip`.
struct RefUpdate {
  std::string ref;
  ObjectId old_tip;
  ObjectId new_tip;
};

/// What the target answered. Without an error, it said `ok` for this very ref.
struct PushOutcome {
  std::optional<Error> error;
  bool unpack_failed = false;  ///< it could not take the pack: another one, without thin deltas, may do
  std::string remote_text;     ///< what its hooks said
};

/// Client of a target's `git-receive-pack` (always protocol v0).
///
/// Use: start(), list(), then once: open(), write() the pack, finish().
/// Errors: those of the transport and of PacketReader.
class ReceivePack {
 public:
  /// `address` names the target in errors. The connection must outlive it.
  ReceivePack(Connection& connection, std::string address);

  /// Asks for the advertisement, and returns without waiting for it.
  Status start();
  /// Reads it; the advertisement stays valid as long as this object.
  Status list(const std::string& ref);
  [[nodiscard]] const Advertisement& advertisement() const { return advertisement_; }
  [[nodiscard]] bool takes_thin_packs() const { return !advertisement_.capabilities.has("no-thin"); }
  [[nodiscard]] bool takes_ofs_deltas() const { return advertisement_.capabilities.has("ofs-delta"); }

  /// Opens the request with its command. `pack_size`: unset where it is not known.
  Status open(const RefUpdate& update, std::optional<std::uint64_t> pack_size);
  Status write(std::string_view pack_bytes);
  /// As Exchange::write_some().
  Result<std::size_t> write_some(std::string_view pack_bytes, std::chrono::milliseconds patience);
  /// Ends the request and waits for the target's verdict.
  PushOutcome finish();
  /// The verdict after write() failed with `failure`: a target that gave up may have said why.
  PushOutcome explain(const Error& failure);

 private:
  [[nodiscard]] std::string command(const RefUpdate& update) const;
  Status read_report(PacketReader& packets, PushOutcome& outcome) const;
  Result<PushOutcome> read_answer();

  Connection& connection_;
  std::string address_;
  Advertisement advertisement_;
  RefUpdate update_;
  std::unique_ptr<Exchange> exchange_;
};

/// The error for an `ng` line's reason. `what` says what was attempted.
Error error_from_refusal(std::string_view what, std::string_view reason);

}  // namespace gitferry
