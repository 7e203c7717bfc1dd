#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/git/pkt_line.h"
#include "agent/git/remote_text.h"
#include "agent/git/side_band.h"
#include "agent/git/upload_pack.h"
#include "agent/git/upload_pack_conversation.h"

namespace gitferry {
namespace {

tl::unexpected<Error> unexpected_line(const PacketReader& packets, std::string_view line) {
  return fail(ErrorCode::ProtocolError,
              fmt::format("{}: the answer '{}' was not expected", packets.what(), cleaned_text(line, 80)),
              "try a plain git fetch from there");
}

tl::unexpected<Error> shallow_source(const std::string& what) {
  return fail(ErrorCode::RejectedByRemote, what + ": it is a shallow clone, its history is not complete",
              "complete it with git fetch --unshallow, or bind the repository that it was cloned from");
}

/// What one round of a negotiation brought.
struct Round {
  bool is_common = false;  ///< some have is known to the source
  bool is_ready = false;   ///< and that is enough: the pack can be had
  bool pack_follows = false;
};

/// The `acknowledgments` section of v2.
Result<Round> read_acknowledgments(PacketReader& packets) {
  Round round;
  for (;;) {
    const auto packet = packets.read();
    if (!packet) return fail(packet.error());
    if (!packet->is_data()) {
      round.pack_follows = packet->kind == Packet::Kind::Delimiter;
      return round;
    }
    const auto line = packet->line();
    if (line == "ready") {
      round.is_ready = true;
    } else if (line.starts_with("ACK ")) {
      round.is_common = true;
    } else if (line != "NAK") {
      return unexpected_line(packets, line);
    }
  }
}

/// v0: the answer to a `done`. What comes before the last ACK or NAK only repeats what is common.
Status read_last_acknowledgment(PacketReader& packets) {
  for (;;) {
    const auto packet = packets.read();
    if (!packet) return fail(packet.error());
    const auto line = packet->line();
    if (line == "NAK") return {};
    if (!packet->is_data() || !line.starts_with("ACK ")) return unexpected_line(packets, line);
    const bool is_last = line.find(' ', 4) == std::string_view::npos;
    if (is_last) return {};
  }
}

/// v0: the answer to haves that a flush ended, in any of the acknowledgment modes of
/// gitprotocol-capabilities.
Result<Round> read_round_v0(PacketReader& packets, bool no_done) {
  Round round;
  for (;;) {
    const auto packet = packets.read();
    if (!packet) return fail(packet.error());
    const auto line = packet->line();
    if (packet->is_data() && line == "NAK") {
      if (!(no_done && round.is_ready)) return round;
      continue;
    }
    if (!packet->is_data() || !line.starts_with("ACK ")) return unexpected_line(packets, line);
    round.is_common = true;
    // Only multi_ack_detailed tells whether what is common suffices; the older modes leave it to the pack.
    if (line.ends_with(" ready") || line.ends_with(" continue")) round.is_ready = true;
    if (line.find(' ', 4) == std::string_view::npos) {
      round.pack_follows = no_done && round.is_ready;
      round.is_ready = true;
      return round;
    }
  }
}

}  // namespace

/// The pack of an answer, with the conversation that brings it.
class UploadPack::PackStream final : public ByteReader {
 public:
  PackStream(std::unique_ptr<Conversation> conversation, bool has_side_band, bool is_stateless)
      : conversation_(std::move(conversation)),
        side_band_(conversation_->packets, progress_),
        has_side_band_(has_side_band),
        is_stateless_(is_stateless) {}

  Result<std::size_t> read(std::span<char> out) override {
    if (!has_side_band_) return conversation_->packets.read_raw(out);
    auto count = side_band_.read(out);
    if (count && *count == 0 && is_stateless_) take_end(conversation_->packets);
    return count;
  }
  bool has_bytes(std::chrono::milliseconds patience) override {
    return has_side_band_ ? side_band_.has_bytes(patience) : conversation_->packets.has_bytes(patience);
  }

 private:
  std::unique_ptr<Conversation> conversation_;
  RemoteText progress_;
  SideBandReader side_band_;
  bool has_side_band_;
  bool is_stateless_;
};

FetchAnswer UploadPack::pack_answer(std::unique_ptr<Conversation> conversation) {
  return {FetchAnswer::Kind::Pack,
          std::make_unique<PackStream>(std::move(conversation), has_side_band(), connection_.is_stateless())};
}

bool UploadPack::has_side_band() const {
  const auto& offered = advertisement_.capabilities;
  return advertisement_.version == 2 || offered.has("side-band-64k") || offered.has("side-band");
}

bool UploadPack::negotiates_no_done() const {
  const auto& offered = advertisement_.capabilities;
  return connection_.is_stateless() && offered.has("multi_ack_detailed") && offered.has("no-done");
}

bool UploadPack::offers_filter() const {
  const auto& offered = advertisement_.capabilities;
  return advertisement_.version == 2 ? offered.value_holds("fetch", "filter") : offered.has("filter");
}

Result<FetchAnswer> UploadPack::fetch(const FetchRequest& request) {
  if (advertisement_.is_shallow)
    return shallow_source(fmt::format("fetching from the source '{}'", address_));
  auto answer = advertisement_.version == 2 ? fetch_v2(request) : fetch_v0(request);
  if (!answer) cache_.forget(address_);
  return answer;
}

Result<FetchAnswer> UploadPack::fetch_v2(const FetchRequest& request) {
  auto body = command_v2("fetch");
  if (request.thin_pack) body += packet("thin-pack\n");
  if (request.ofs_delta) body += packet("ofs-delta\n");
  body += packet("no-progress\n");
  if (request.without_trees) body += packet("filter tree:0\n");
  for (const auto& want : request.wants) body += packet(fmt::format("want {}\n", want.hex()));
  for (const auto& have : request.haves) body += packet(fmt::format("have {}\n", have.hex()));
  if (request.done) body += packet("done\n");
  auto conversation = ask(body + std::string(kFlushPacket));
  if (!conversation) return fail(conversation.error());
  crash_point(CrashPoint::FetchSent);

  auto& packets = (*conversation)->packets;
  for (;;) {
    const auto section = packets.read();
    if (!section) return fail(section.error());
    const auto name = section->line();
    if (name == "packfile") return pack_answer(std::move(*conversation));
    if (name == "shallow-info") return shallow_source(packets.what());
    if (name != "acknowledgments") return unexpected_line(packets, name);
    const auto round = read_acknowledgments(packets);
    if (!round) return fail(round.error());
    if (round->pack_follows) continue;
    if (connection_.is_stateless()) take_end(packets);
    return FetchAnswer{round->is_common ? FetchAnswer::Kind::NotReady : FetchAnswer::Kind::NoCommon, nullptr};
  }
}

std::string UploadPack::wants_v0(const FetchRequest& request) const {
  const auto& offered = advertisement_.capabilities;
  std::string capabilities;
  const auto use = [&](std::string_view name) { capabilities += fmt::format(" {}", name); };
  const auto use_if_offered = [&](std::string_view name) {
    if (offered.has(name)) use(name);
    return offered.has(name);
  };
  if (!use_if_offered("multi_ack_detailed")) use_if_offered("multi_ack");
  if (!use_if_offered("side-band-64k")) use_if_offered("side-band");
  if (negotiates_no_done()) use("no-done");
  if (request.thin_pack) use_if_offered("thin-pack");
  if (request.ofs_delta) use_if_offered("ofs-delta");
  use_if_offered("no-progress");
  if (request.without_trees) use("filter");
  if (offered.has("object-format")) use(fmt::format("object-format={}", name_of(format_)));
  if (offered.has("agent")) use(kUploadPackAgent);

  std::string wants;
  for (const auto& want : request.wants) {
    wants += packet(fmt::format("want {}{}\n", want.hex(), capabilities));
    capabilities.clear();
  }
  if (request.without_trees) wants += packet("filter tree:0\n");
  wants += kFlushPacket;
  for (const auto& have : request.haves) wants += packet(fmt::format("have {}\n", have.hex()));
  return wants;
}

Result<FetchAnswer> UploadPack::fetch_v0(const FetchRequest& request) {
  const auto wants = wants_v0(request);
  const auto done = packet("done\n");
  auto conversation = ask(wants + (request.done ? done : std::string(kFlushPacket)));
  if (!conversation) return fail(conversation.error());
  crash_point(CrashPoint::FetchSent);
  if (!request.done) {
    const auto round = read_round_v0((*conversation)->packets, negotiates_no_done());
    if (!round) return fail(round.error());
    if (round->pack_follows) return pack_answer(std::move(*conversation));
    if (connection_.is_stateless()) take_end((*conversation)->packets);
    if (!round->is_common) return FetchAnswer{FetchAnswer::Kind::NoCommon, nullptr};
    if (!round->is_ready) return FetchAnswer{FetchAnswer::Kind::NotReady, nullptr};
    if (!connection_.is_stateless()) {
      if (auto written = (*conversation)->exchange->write(done); !written) return fail(written.error());
      // A server without multi_ack has acknowledged once already and goes on with the pack.
      const auto& offered = advertisement_.capabilities;
      if (!offered.has("multi_ack_detailed") && !offered.has("multi_ack"))
        return pack_answer(std::move(*conversation));
    } else {
      conversation = ask(wants + done);
      if (!conversation) return fail(conversation.error());
    }
  }
  if (auto acknowledged = read_last_acknowledgment((*conversation)->packets); !acknowledged) {
    return fail(acknowledged.error());
  }
  return pack_answer(std::move(*conversation));
}

}  // namespace gitferry
