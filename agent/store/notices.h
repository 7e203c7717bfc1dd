#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/store/notice_book.h"
#include "agent/store/sql.h"

namespace gitferry {

/// SQL of the tables `told`, `notice`, `notice_message` and `notice_channel`. All throw what the connection
/// throws.

std::vector<LaneHealth> lanes_in_trouble(SqlConnection& connection);
std::vector<Told> all_told(SqlConnection& connection);
std::vector<MissedPushes> find_missed_pushes(SqlConnection& connection, std::int64_t since_ms);

void put_told(SqlConnection& connection, const Told& told);
void forget_told(SqlConnection& connection, const NoticeSubject& subject);
/// As NoticeBook::tell() says of one copy.
void queue_notice(SqlConnection& connection, const Telling::Copy& copy);

/// Gives up what waits for a channel beyond kMostWaitingNotices: a receiver that is gone for long must not
/// fill the disk.
void give_up_oldest(SqlConnection& connection, const std::string& channel);

/// The notices of a message, by age.
std::vector<Notice> notices_of(SqlConnection& connection, const std::string& message);

}  // namespace gitferry
