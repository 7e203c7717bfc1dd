#include "agent/store/sql_notice_book.h"

#include <set>
#include <utility>

#include "agent/store/json_array.h"
#include "agent/store/notices.h"
#include "agent/store/paging.h"

namespace gitferry {
namespace {

NoticeMessage message_of(SqlConnection& connection, const Query& query) {
  NoticeMessage message;
  message.id = query.text(0);
  message.channel = query.text(1);
  message.made_at_ms = query.integer(2);
  message.attempts = static_cast<int>(query.integer(3));
  message.next_attempt_at_ms = query.integer(4);
  message.notices = notices_of(connection, message.id);
  return message;
}

void note_failure(SqlConnection& connection, const NoticeMessage& message, const std::string& error,
                  std::int64_t now_ms, std::int64_t given_up) {
  connection
      .query(R"sql(
    INSERT INTO notice_channel (name, failing_since_ms, last_error, given_up) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET last_error = ?3, given_up = notice_channel.given_up + ?4,
      failing_since_ms = CASE WHEN notice_channel.failing_since_ms = 0 THEN ?2
        ELSE notice_channel.failing_since_ms END)sql")
      .bind(message.channel, now_ms, error, given_up)
      .run();
}

/// Its notices go with it.
void remove_message(SqlConnection& connection, const std::string& id) {
  connection.query("DELETE FROM notice_message WHERE id = ?1").bind(id).run();
}

}  // namespace

Result<TroubleView> SqlNoticeBook::look() {
  return readers_.read("look at what is bad", [](SqlConnection& connection) -> Result<TroubleView> {
    const ReadTransaction snapshot(connection);
    return TroubleView{lanes_in_trouble(connection), all_told(connection)};
  });
}

Result<std::vector<MissedPushes>> SqlNoticeBook::missed_pushes(std::int64_t since_ms) {
  return readers_.read("look for silent webhooks",
                       [&](SqlConnection& connection) -> Result<std::vector<MissedPushes>> {
                         return find_missed_pushes(connection, since_ms);
                       });
}

Result<std::int64_t> SqlNoticeBook::last_delivery_at_ms(const std::string& repository, Side side) {
  return readers_.read("look for a delivery", [&](SqlConnection& connection) -> Result<std::int64_t> {
    auto query = connection.query(
        "SELECT received_at_ms FROM delivery WHERE repository = ?1 AND side = ?2 ORDER BY id DESC LIMIT 1");
    return query.bind(repository, name_of(side)).next() ? query.integer(0) : 0;
  });
}

Result<bool> SqlNoticeBook::has_succeeded_since(std::span<const std::string> repositories,
                                                std::int64_t since_ms) {
  return readers_.read("look for a success", [&](SqlConnection& connection) -> Result<bool> {
    auto query = connection.query(
        "SELECT 1 FROM lane WHERE repository IN {texts(}?1{)} AND last_success_at_ms > "
        "?2 "
        "LIMIT 1");
    return query.bind(json_array(repositories), since_ms).next();
  });
}

Status SqlNoticeBook::tell(const Telling& telling) {
  return writer_.write("record what is to be told", [&](SqlConnection& connection) -> Status {
    for (const auto& told : telling.put) put_told(connection, told);
    for (const auto& subject : telling.forget) forget_told(connection, subject);
    std::set<std::string> channels;
    for (const auto& copy : telling.copies) {
      queue_notice(connection, copy);
      channels.insert(copy.channel);
    }
    for (const auto& channel : channels) give_up_oldest(connection, channel);
    return {};
  });
}

Result<std::optional<NoticeMessage>> SqlNoticeBook::open_message(const std::string& channel) {
  using Found = std::optional<NoticeMessage>;
  return readers_.read("read a message", [&](SqlConnection& connection) -> Result<Found> {
    const ReadTransaction snapshot(connection);
    auto query = connection.query(R"sql(
      SELECT id, channel, made_at_ms, attempts, next_attempt_at_ms FROM notice_message WHERE channel = ?1
      ORDER BY made_at_ms, id LIMIT 1)sql");
    if (!query.bind(channel).next()) return Found{};
    return Found(message_of(connection, query));
  });
}

Result<std::optional<NoticeMessage>> SqlNoticeBook::make_message(const std::string& channel,
                                                                 const std::string& id, std::size_t most,
                                                                 std::int64_t now_ms) {
  using Made = std::optional<NoticeMessage>;
  return writer_.write("make a message of notices", [&](SqlConnection& connection) -> Result<Made> {
    connection
        .query(
            "INSERT INTO notice_message (id, channel, made_at_ms, next_attempt_at_ms) VALUES (?1, ?2, ?3, "
            "?3)")
        .bind(id, channel, now_ms)
        .run();
    connection
        .query(R"sql(
      UPDATE notice SET message = ?2 WHERE id IN (
        SELECT id FROM notice WHERE channel = ?1 AND message IS NULL ORDER BY id LIMIT ?3))sql")
        .bind(channel, id, most)
        .run();
    auto notices = notices_of(connection, id);
    if (notices.empty()) {
      remove_message(connection, id);
      return Made{};
    }
    return Made(NoticeMessage{id, channel, now_ms, 0, now_ms, std::move(notices)});
  });
}

Status SqlNoticeBook::note_sent(const NoticeMessage& message, std::int64_t now_ms) {
  return writer_.write("note that a message was sent", [&](SqlConnection& connection) -> Status {
    remove_message(connection, message.id);
    connection
        .query(R"sql(
      INSERT INTO notice_channel (name, last_sent_at_ms) VALUES (?1, ?2)
      ON CONFLICT (name) DO UPDATE SET last_sent_at_ms = ?2, failing_since_ms = 0, last_error = '',
        given_up = 0)sql")
        .bind(message.channel, now_ms)
        .run();
    return {};
  });
}

Status SqlNoticeBook::note_failed(const NoticeMessage& message, const std::string& error, std::int64_t now_ms,
                                  std::int64_t next_attempt_at_ms) {
  return writer_.write("note that a message was not sent", [&](SqlConnection& connection) -> Status {
    connection
        .query("UPDATE notice_message SET attempts = attempts + 1, next_attempt_at_ms = ?2 WHERE id = ?1")
        .bind(message.id, next_attempt_at_ms)
        .run();
    note_failure(connection, message, error, now_ms, 0);
    return {};
  });
}

Status SqlNoticeBook::give_up(const NoticeMessage& message, const std::string& error, std::int64_t now_ms) {
  return writer_.write("give a message up", [&](SqlConnection& connection) -> Status {
    remove_message(connection, message.id);
    note_failure(connection, message, error, now_ms, static_cast<std::int64_t>(message.notices.size()));
    return {};
  });
}

Status SqlNoticeBook::keep_channels(std::span<const std::string> names) {
  return writer_.write("forget channels that are gone", [&](SqlConnection& connection) -> Status {
    const auto kept = json_array(names);
    for (const char* sql : {"DELETE FROM notice_message WHERE channel NOT IN {texts(}?1{)}",
                            "DELETE FROM notice WHERE channel NOT IN {texts(}?1{)}",
                            "DELETE FROM notice_channel WHERE name NOT IN {texts(}?1{)}"}) {
      connection.query(sql).bind(kept).run();
    }
    return {};
  });
}

Result<std::vector<ChannelState>> SqlNoticeBook::channels() {
  using States = std::vector<ChannelState>;
  return readers_.read("read how the channels stand", [](SqlConnection& connection) -> Result<States> {
    auto query = connection.query(R"sql(
      SELECT named.name, coalesce(waiting.count, 0), coalesce(waiting.oldest_at_ms, 0),
        coalesce(known.last_sent_at_ms, 0), coalesce(known.failing_since_ms, 0), coalesce(known.last_error, ''),
        coalesce(known.given_up, 0)
      FROM (SELECT name FROM notice_channel UNION SELECT channel FROM notice) AS named
        LEFT JOIN (SELECT channel, count(*) AS count, min(CASE WHEN message IS NULL THEN at_ms END) AS oldest_at_ms
                   FROM notice GROUP BY channel) AS waiting ON waiting.channel = named.name
        LEFT JOIN notice_channel AS known ON known.name = named.name
      ORDER BY named.name)sql");
    States states;
    while (query.next()) {
      states.push_back({query.text(0), query.integer(1), query.integer(2), query.integer(3), query.integer(4),
                        query.text(5), query.integer(6)});
    }
    return states;
  });
}

}  // namespace gitferry
