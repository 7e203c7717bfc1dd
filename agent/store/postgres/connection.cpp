#include "agent/store/postgres/connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "agent/base/supervision.h"
#include "agent/base/text.h"
#include "agent/store/postgres/failure.h"
#include "agent/store/postgres/words.h"
#include "agent/store/sql_dialect.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Types of parameters, as PostgreSQL numbers them (pg_type.dat).
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kBytea = 17;

// After a failure: a database that is away must not cost every request the time of an attempt.
constexpr milliseconds kBetweenAttempts{500};
// How long the database is asked what became of a commit whose answer was lost.
constexpr std::chrono::seconds kLongestDoubt{10};
constexpr milliseconds kBetweenQuestions{200};

#define GITFERRY_WRITERS_LOCK \
  "SELECT pg_advisory_xact_lock(hashtextextended('gitferry.writer.' || current_schema(), 0)); "
#define GITFERRY_CHANNEL "'gitferry_' || md5(current_schema())"

constexpr std::array kAllNews{StoreNews::LanesMarked, StoreNews::OverridesChanged};

Oid oid_of(SqlType type) {
  switch (type) {
    case SqlType::Integer:
      return kInt8;
    case SqlType::Text:
      return kText;
    case SqlType::Bytes:
      return kBytea;
  }
  return kText;
}

/// PostgreSQL keeps neither a NUL nor what is not UTF-8. Names are checked before they come here; what is
/// left are words of strangers, for people.
std::string storable(const std::string& text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  if (text.find('\0') == std::string::npos && is_valid_utf8(text)) return text;
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (length <= 4 && !is_valid_utf8(std::string_view(text).substr(at, length))) ++length;
    const bool is_character = length <= 4 && at + length <= text.size() && text[at] != '\0';
    kept += is_character ? std::string_view(text).substr(at, length) : replacement;
    at += is_character ? length : 1;
  }
  return kept;
}

std::string hex_of_bytes(const std::string& bytes) {
  std::string hex = "\\x";
  for (const auto byte : bytes)
    fmt::format_to(std::back_inserter(hex), "{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 2; at + 1 < hex.size(); at += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

/// ?1, ?2, … are $1, $2, … here. No statement has a question mark elsewhere.
std::string with_dollars(std::string sql) {
  std::replace(sql.begin(), sql.end(), '?', '$');
  return sql;
}

}  // namespace

template <typename Action>
PostgresConnection::Answer PostgresConnection::once_or_again(Action action) {
  const bool may_repeat = !is_in_transaction() && !has_begun_;
  try {
    make_ready();
    return action();
  } catch (const SqlFailure&) {
    if (!may_repeat || !is_lost() || steady_clock::now() < next_attempt_) throw;
  }
  make_ready();
  return action();
}

class PostgresConnection::Statement final : public SqlStatement {
 public:
  Statement(PostgresConnection& connection, std::string sql, std::string name)
      : connection_(connection), sql_(std::move(sql)), name_(std::move(name)) {}

  void bind(int index, std::int64_t value) override { put(index, SqlType::Integer, std::to_string(value)); }
  void bind(int index, const std::string& text) override { put(index, SqlType::Text, storable(text)); }
  void bind(int index, const Blob& blob) override { put(index, SqlType::Bytes, hex_of_bytes(blob.bytes)); }
  void bind_null(int index, SqlType type) override { put(index, type, std::nullopt); }

  bool step() override {
    if (!answer_) run();
    return ++row_ < PQntuples(answer_.get());
  }
  std::int64_t insert() override {
    gives_id_ = true;
    step();
    return integer(0);
  }
  [[nodiscard]] std::int64_t integer(int column) const override {
    const std::string_view text(PQgetvalue(answer_.get(), row_, column));
    if (text == "t" || text == "f") return text == "t" ? 1 : 0;
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  [[nodiscard]] std::string text(int column) const override {
    return {PQgetvalue(answer_.get(), row_, column),
            static_cast<std::size_t>(PQgetlength(answer_.get(), row_, column))};
  }
  [[nodiscard]] std::string bytes(int column) const override {
    return bytes_of_hex(PQgetvalue(answer_.get(), row_, column));
  }
  [[nodiscard]] bool is_null(int column) const override {
    return PQgetisnull(answer_.get(), row_, column) != 0;
  }
  void reset() noexcept override {
    answer_.reset();
    row_ = -1;
    values_.clear();
  }

 private:
  void put(int index, SqlType type, std::optional<std::string> value) {
    const auto at = static_cast<std::size_t>(index);
    if (values_.size() < at) values_.resize(at);
    if (types_.size() < at) types_.resize(at, kText);
    types_[at - 1] = oid_of(type);
    values_[at - 1] = std::move(value);
  }
  void run() {
    answer_ = connection_.once_or_again([&] { return attempt_to_run(); });
  }
  Answer attempt_to_run() {
    auto* raw = connection_.connection_.get();
    if (prepared_for_ != connection_.connections_made_) {
      const auto sql = gives_id_ ? sql_ + " RETURNING id" : sql_;
      connection_.checked(
          PQprepare(raw, name_.c_str(), sql.c_str(), static_cast<int>(types_.size()), types_.data()));
      prepared_for_ = connection_.connections_made_;
    }
    // What was not bound is null.
    values_.resize(types_.size());
    std::vector<const char*> values;
    values.reserve(values_.size());
    for (const auto& value : values_) values.push_back(value ? value->c_str() : nullptr);
    return connection_.checked(PQexecPrepared(raw, name_.c_str(), static_cast<int>(values.size()),
                                              values.data(), nullptr, nullptr, 0));
  }

  PostgresConnection& connection_;
  const std::string sql_;
  const std::string name_;
  bool gives_id_ = false;
  std::size_t prepared_for_ = 0;
  std::vector<Oid> types_;
  std::vector<std::optional<std::string>> values_;
  Answer answer_;
  int row_ = -1;
};

PostgresConnection::PostgresConnection(PostgresTarget target) : target_(std::move(target)) {
  connect();
}

PostgresConnection::~PostgresConnection() = default;

bool PostgresConnection::is_lost() const {
  return !connection_ || PQstatus(connection_.get()) != CONNECTION_OK;
}

bool PostgresConnection::is_in_transaction() const {
  if (is_lost()) return false;
  const auto state = PQtransactionStatus(connection_.get());
  return state == PQTRANS_INTRANS || state == PQTRANS_INERROR || state == PQTRANS_ACTIVE;
}

void PostgresConnection::connect() {
  if (!last_failure_.empty() && steady_clock::now() < next_attempt_)
    throw SqlFailure(postgres_away(last_failure_));
  const std::string password(target_.password.reveal());
  // What comes after the address counts more than it, and what comes before it less.
  std::vector<const char*> keys{"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                "keepalives_count", "tcp_user_timeout", "fallback_application_name",
                                "dbname",           "client_encoding"};
  std::vector<const char*> values{"5", "5", "2", "3", "10000", "gitferry", target_.url.c_str(), "UTF8"};
  if (!password.empty()) {
    keys.push_back("password");
    values.push_back(password.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
  if (is_lost()) {
    last_failure_ = connection_ ? first_line(PQerrorMessage(connection_.get())) : "out of memory";
    next_attempt_ = steady_clock::now() + kBetweenAttempts;
    connection_.reset();
    throw SqlFailure(postgres_away(last_failure_));
  }
  last_failure_.clear();
  ++connections_made_;
  identity_ = 0;
  try {
    set_up_session();
  } catch (const SqlFailure&) {
    connection_.reset();
    throw;
  }
}

void PostgresConnection::set_up_session() {
  // A commit must be on the disk before it is answered for. A server that is told not to wait for it is told
  // otherwise; one that waits for more, such as its replicas, does so.
  simple(fmt::format(
      "SET client_min_messages = warning; SET statement_timeout = '60s'; SET lock_timeout = '10s'; "
      "SET idle_in_transaction_session_timeout = {}; "
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
      "'off'; "
      "SELECT set_config('gitferry.agent', '0', false)",
      target_.silence.count()));
  if (listens_) listen();
}

void PostgresConnection::take_identity() {
  const auto wanted = target_.agent->load();
  if (wanted == identity_) return;
  simple(fmt::format("SELECT set_config('gitferry.agent', '{}', false)", wanted));
  identity_ = wanted;
}

void PostgresConnection::make_ready() {
  if (is_in_transaction()) return;
  // What belongs to a transaction that is gone must not be done outside of it.
  if (has_begun_) throw SqlFailure(postgres_away("the connection was lost in the middle of a transaction"));
  if (is_lost()) connect();
  take_identity();
}

PostgresConnection::Answer PostgresConnection::checked(PGresult* answer) {
  Answer owned(answer);
  const auto status = PQresultStatus(answer);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return owned;
  auto error = postgres_failure(connection_.get(), answer);
  if (has_ended_session(answer)) connection_.reset();
  throw SqlFailure(std::move(error));
}

PostgresConnection::Answer PostgresConnection::simple(const std::string& sql) {
  return checked(PQexec(connection_.get(), sql.c_str()));
}

Query PostgresConnection::query(const char* sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto made = std::make_unique<Statement>(*this, with_dollars(in_dialect(sql, postgres_words())),
                                            fmt::format("s{}", statements_.size()));
    found = statements_.emplace(sql, std::move(made)).first;
  }
  return Query(*found->second);
}

void PostgresConnection::execute(const char* sql) {
  make_ready();
  simple(sql);
}

void PostgresConnection::begin_writing() {
  news_.clear();
  begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; " GITFERRY_WRITERS_LOCK);
}

void PostgresConnection::begin_reading() {
  begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

void PostgresConnection::begin(const char* sql) {
  has_begun_ = false;
  try {
    once_or_again([&] { return simple(sql); });
  } catch (const SqlFailure&) {
    if (is_in_transaction()) roll_back();
    throw;
  }
  has_begun_ = true;
}

std::string PostgresConnection::announcements() const {
  std::string sql;
  for (const auto news : news_) {
    sql +=
        fmt::format("SELECT pg_notify(" GITFERRY_CHANNEL ", '{} {}'); ", static_cast<int>(news), identity_);
  }
  return sql;
}

void PostgresConnection::commit() {
  const auto number = ++writes_;
  has_begun_ = false;
  Answer answer;
  try {
    answer = simple(write_mark(number) + announcements() + "COMMIT");
  } catch (const SqlFailure&) {
    if (!is_lost() || !was_committed(number)) throw;
    return;
  }
  if (std::string_view(PQcmdStatus(answer.get())) == "COMMIT") return;
  throw SqlFailure(
      {ErrorCode::StoreFailed, "the transaction was rolled back in the place of its commit", "", {}});
}

/// By which the agent finds out what became of a commit. A transaction's own number does not tell: one that a
/// crash took back may be given out again.
std::string PostgresConnection::write_mark(std::int64_t number) const {
  if (identity_ == 0) return {};
  return fmt::format(
      "INSERT INTO agent_write (agent_id, number) VALUES ({0}, {1}) "
      "ON CONFLICT (agent_id) DO UPDATE SET number = {1}; ",
      identity_, number);
}

/// Whoever has the writers' lock knows that the transaction which had it before is over, one way or the
/// other.
bool PostgresConnection::was_committed(std::int64_t number) {
  const auto agent = identity_;
  const auto give_up = steady_clock::now() + kLongestDoubt;
  while (agent != 0 && steady_clock::now() < give_up) {
    beat();
    try {
      if (is_lost()) connect();
      const auto answer =
          simple(fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED; " GITFERRY_WRITERS_LOCK
                             "SELECT EXISTS (SELECT 1 FROM agent_write WHERE agent_id = {} AND number = {})",
                             agent, number));
      const std::string_view found(PQgetvalue(answer.get(), 0, 0));
      const bool is_there = found == "t";
      roll_back();
      return is_there;
    } catch (const SqlFailure&) {
      // Away, or the lock is not free yet: asked again until it is too late.
      if (is_in_transaction()) connection_.reset();
    }
    std::this_thread::sleep_for(kBetweenQuestions);
  }
  throw SqlFailure(
      {ErrorCode::StoreBusy,
       "the connection was lost during a commit, and the database could not be asked whether it took it",
       "send it again: what was taken is recognised, or done twice without harm",
       {}});
}

void PostgresConnection::roll_back() {
  news_.clear();
  has_begun_ = false;
  // The server rolls back what was begun on a connection that is lost.
  if (is_in_transaction()) simple("ROLLBACK");
}

void PostgresConnection::begin_part() {
  simple("SAVEPOINT part");
}
void PostgresConnection::undo_part() {
  simple("ROLLBACK TO SAVEPOINT part");
}
void PostgresConnection::end_part() {
  simple("RELEASE SAVEPOINT part");
}

void PostgresConnection::listen() {
  listens_ = true;
  has_missed_news_ = true;  // whatever was said before this
  const auto answer = simple("SELECT " GITFERRY_CHANNEL);
  simple(fmt::format("LISTEN \"{}\"", PQgetvalue(answer.get(), 0, 0)));
}

std::vector<StoreNews> PostgresConnection::wait_for_news(milliseconds longest, int wake) {
  make_ready();
  if (std::exchange(has_missed_news_, false)) return {kAllNews.begin(), kAllNews.end()};
  // Some may have come along with an answer.
  if (auto heard = news_heard(); !heard.empty()) return heard;
  std::array<pollfd, 2> sources{pollfd{PQsocket(connection_.get()), POLLIN, 0}, pollfd{wake, POLLIN, 0}};
  if (::poll(sources.data(), sources.size(), static_cast<int>(longest.count())) > 0 &&
      PQconsumeInput(connection_.get()) == 0)
    throw SqlFailure(postgres_failure(connection_.get(), nullptr));
  return news_heard();
}

std::vector<StoreNews> PostgresConnection::news_heard() {
  struct FreeNotice {
    void operator()(PGnotify* notice) const { PQfreemem(notice); }
  };
  std::vector<StoreNews> heard;
  while (const std::unique_ptr<PGnotify, FreeNotice> notice{PQnotifies(connection_.get())}) {
    const auto words = split(notice->extra, ' ');
    const auto kind = parse_number(words.front());
    const bool is_own = parse_number(words.back()) == identity_;
    if (!kind || *kind >= static_cast<std::int64_t>(kAllNews.size()) || is_own) continue;
    const auto news = kAllNews.at(static_cast<std::size_t>(*kind));
    if (std::find(heard.begin(), heard.end(), news) == heard.end()) heard.push_back(news);
  }
  return heard;
}

}  // namespace gitferry
