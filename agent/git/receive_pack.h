#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/advertisement.h"
#include "agent/git/pkt_line.h"
#include "agent/git/transport.h"

namespace gitferry {

/// What the target is asked to do with one ref: move it from `old_tip` (null: it must not exist) to
/// `new_tip` (null: delete it).
struct RefUpdate {
  std::string ref;
  ObjectId old_tip;
  ObjectId new_tip;
};

/// What the target answered to a push.
struct PushOutcome {
  std::optional<Error> error;  ///< of the push as a whole: then no ref is known to have moved
  bool unpack_failed = false;  ///< it could not take the pack: another one, without thin deltas, may do
  /// For each update, in order: unset where the target said `ok` for this very ref. Empty with `error`.
  std::vector<std::optional<Error>> refs;
  std::string remote_text;  ///< what its hooks said

  /// The error of the whole or, without one, that of the update.
  [[nodiscard]] const std::optional<Error>& error_of(std::size_t update) const {
    return error ? error : refs.at(update);
  }
  [[nodiscard]] bool says_no() const {
    return error || std::ranges::any_of(refs, [](const auto& refused) { return refused.has_value(); });
  }
};

/// Client of a target's `git-receive-pack` (always protocol v0).
///
/// Use: start(), list(), then once: open(), write() the pack (none where refs are only deleted), finish().
/// Errors: those of the transport and of PacketReader.
class ReceivePack {
 public:
  /// `address` names the target in errors. The connection must outlive it.
  ReceivePack(Connection& connection, std::string address);

  /// Asks for the advertisement, and returns without waiting for it.
  Status start();
  /// Reads it; the advertisement stays valid as long as this object. `refs`: whose tips are wanted.
  Status list(const std::vector<std::string>& refs);
  [[nodiscard]] const Advertisement& advertisement() const { return advertisement_; }
  [[nodiscard]] bool takes_thin_packs() const { return !advertisement_.capabilities.has("no-thin"); }
  [[nodiscard]] bool takes_ofs_deltas() const { return advertisement_.capabilities.has("ofs-delta"); }

  [[nodiscard]] bool takes_deletions() const { return advertisement_.capabilities.has("delete-refs"); }

  /// Opens the request with its commands, at least one: the target carries them out in this order, each on
  /// its own (no `atomic`). `pack_size`: unset where it is not known.
  Status open(std::vector<RefUpdate> updates, std::optional<std::uint64_t> pack_size);
  Status write(std::string_view pack_bytes);
  /// As Exchange::write_some().
  Result<std::size_t> write_some(std::string_view pack_bytes, std::chrono::milliseconds patience);
  /// Ends the request and waits for the target's verdict.
  PushOutcome finish();
  /// The verdict after write() failed with `failure`: a target that gave up may have said why.
  PushOutcome explain(const Error& failure);

 private:
  [[nodiscard]] std::string commands() const;
  [[nodiscard]] std::string what() const;
  Status read_report(PacketReader& packets, PushOutcome& outcome) const;
  Result<PushOutcome> read_answer();

  Connection& connection_;
  std::string address_;
  Advertisement advertisement_;
  std::vector<RefUpdate> updates_;
  std::unique_ptr<Exchange> exchange_;
};

/// The error for an `ng` line's reason. `what` says what was attempted.
Error error_from_refusal(std::string_view what, std::string_view reason);

}  // namespace gitferry
