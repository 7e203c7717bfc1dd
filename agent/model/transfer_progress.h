#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace gitferry {

/// What a transfer is doing at the moment.
enum class TransferPhase {
  Listing,  ///< both hosts are asked for their tips
  Proving,  ///< the pack is read, and held until a fast-forward is proved
  Sending,  ///< the pack goes to the target
  Waiting,  ///< all of it is there; the target checks it
};

constexpr std::string_view name_of(TransferPhase phase) {
  switch (phase) {
    case TransferPhase::Listing:
      return "listing";
    case TransferPhase::Proving:
      return "proving";
    case TransferPhase::Sending:
      return "sending";
    case TransferPhase::Waiting:
      return "waiting";
  }
  return "listing";
}

/// How far one transfer is: written by the engine that runs it, read by whoever shows it.
///
/// Threading: any thread. The numbers are not of one moment; each only grows within an attempt, and begins
/// anew where the engine has to try again.
struct TransferProgress {
  std::atomic<TransferPhase> phase = TransferPhase::Listing;
  std::atomic<std::uint64_t> objects_total = 0;  ///< of the pack, as its header says; 0: not known yet
  /// Those on their way to the target; 0 where nobody counts, as on a line that is faster than counting.
  std::atomic<std::uint64_t> objects_done = 0;
  std::atomic<std::uint64_t> bytes_received = 0;  ///< of the pack, from the source
  std::atomic<std::uint64_t> bytes_sent = 0;      ///< of the pack, to the target
};

}  // namespace gitferry
