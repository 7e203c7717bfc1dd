#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/git/pkt_line.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// One request of an upload-pack client and its answer: what the two files of UploadPack share.
struct UploadPack::Conversation {
  Conversation(std::unique_ptr<Exchange> exchange_, std::string what)
      : exchange(std::move(exchange_)), packets(*exchange, std::move(what)) {}
  std::unique_ptr<Exchange> exchange;
  PacketReader packets;
};

inline constexpr std::string_view kUploadPackAgent = "agent=gitferry/" GITFERRY_VERSION;

/// Over http an answer ends behind its last packet. Taking that end lets the connection be used again.
void take_end(PacketReader& packets);

}  // namespace gitferry
