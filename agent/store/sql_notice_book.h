#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/store/notice_book.h"
#include "agent/store/readers.h"
#include "agent/store/writer.h"

namespace gitferry {

/// The NoticeBook on the store's own connections, which must outlive it.
class SqlNoticeBook final : public NoticeBook {
 public:
  SqlNoticeBook(Writer& writer, Readers& readers) : writer_(writer), readers_(readers) {}

  Result<TroubleView> look() override;
  Result<std::vector<MissedPushes>> missed_pushes(std::int64_t since_ms) override;
  Result<std::int64_t> last_delivery_at_ms(const std::string& repository, Side side) override;
  Result<bool> has_succeeded_since(std::span<const std::string> repositories, std::int64_t since_ms) override;
  Status tell(const Telling& telling) override;
  Result<std::optional<NoticeMessage>> open_message(const std::string& channel) override;
  Result<std::optional<NoticeMessage>> make_message(const std::string& channel, const std::string& id,
                                                    std::size_t most, std::int64_t now_ms) override;
  Status note_sent(const NoticeMessage& message, std::int64_t now_ms) override;
  Status note_failed(const NoticeMessage& message, const std::string& error, std::int64_t now_ms,
                     std::int64_t next_attempt_at_ms) override;
  Status give_up(const NoticeMessage& message, const std::string& error, std::int64_t now_ms) override;
  Status keep_channels(std::span<const std::string> names) override;
  Result<std::vector<ChannelState>> channels() override;

 private:
  Writer& writer_;
  Readers& readers_;
};

}  // namespace gitferry
