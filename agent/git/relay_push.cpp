#include "agent/git/relay_push.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "agent/base/crash_point.h"

namespace gitferry {

Status push_pack(RefBatch& batch, HeldPack* pack, const RelayOptions& options, const std::string& what) {
  auto updates = batch.updates();
  if (updates.empty()) return {};
  const bool only_deletes = batch.only_deletes();
  // It was fetched for what did not come to it.
  if (only_deletes) pack = nullptr;
  auto& target = batch.link().target();
  const auto format = batch.link().source().format();
  const auto empty = only_deletes ? std::string() : empty_pack(format);
  std::optional<std::uint64_t> size = empty.size();
  if (pack != nullptr) {
    if (auto received = pack->receive(options.bytes_before_push()); !received) return received;
    size = pack->has_ended() ? std::optional(pack->size()) : std::nullopt;
  }
  batch.note_push();
  Status written = target.open(std::move(updates), size);
  crash_point(CrashPoint::PushOpened);
  bool has_source_failed = false;
  if (written && pack != nullptr) {
    written = pack->send(target, format);
    has_source_failed = !written && !pack->write_failed();
  } else if (written && !empty.empty()) {
    written = target.write(empty);
  }
  batch.note_sent(pack != nullptr ? pack->bytes_sent() : empty.size());
  if (pack != nullptr) batch.note_spooled(pack->bytes_on_disk());
  if (has_source_failed) {
    written.error().message = what + ": " + written.error().message;
    return written;
  }
  return batch.take_outcome(written ? target.finish() : target.explain(written.error()));
}

}  // namespace gitferry
