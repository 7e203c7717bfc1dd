#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <libpq-fe.h>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/store/sql.h"

namespace gitferry {

/// Where the database is, and as whom.
struct PostgresTarget {
  std::string url;  ///< as libpq takes it; checked by check_postgres_url()
  Secret password;  ///< empty: what libpq finds elsewhere, or none is asked for
  /// A transaction whose client is silent for so long is ended by the server: a process that is stopped must
  /// not keep others from writing.
  std::chrono::milliseconds silence{10'000};
  /// Which agent this process is (membership.h); 0: none.
  std::shared_ptr<std::atomic<std::int64_t>> agent = std::make_shared<std::atomic<std::int64_t>>(0);
};

/// Errors: ConfigurationInvalid where it is no `postgresql://` address, or has a password in it.
Status check_postgres_url(const std::string& url);
/// The same address without what is not for everybody: its host and database. For messages.
std::string shown_postgres_url(const std::string& url);

/// One connection to PostgreSQL. Where it was lost, the next use outside of a transaction connects again; not
/// more often than every so many milliseconds, and meanwhile it fails at once.
///
/// Writers take one lock of the database from the beginning of a transaction to its end: so all writes of all
/// processes are in one order, as if they were one process's, and what a transaction read stays so until it
/// is committed.
///
/// Threading: one thread at a time. Errors: SqlFailure: StoreBusy where the database is away, or somebody
/// holds a lock for too long; StoreFull, StoreDamaged, StoreFailed.
class PostgresConnection final : public SqlConnection {
 public:
  /// Connects.
  explicit PostgresConnection(PostgresTarget target);
  ~PostgresConnection() override;

  Query query(const char* sql) override;
  void execute(const char* sql) override;
  [[nodiscard]] bool is_in_transaction() const override;
  void begin_writing() override;
  void begin_reading() override;
  /// Where the connection is lost meanwhile, the database is asked what became of the transaction.
  void commit() override;
  void roll_back() override;
  void begin_part() override;
  void undo_part() override;
  void end_part() override;
  void announce(StoreNews news) override { news_.insert(news); }

  /// From now on, also after a lost connection, news of other processes are heard. Everything counts as news
  /// at first.
  void listen();
  /// Waits for news, at most so long, or until `wake` can be read. Those that there are, each once; all
  /// kinds, where the connection had to be made anew, since some may have been missed.
  std::vector<StoreNews> wait_for_news(std::chrono::milliseconds longest, int wake);

 private:
  class Statement;
  struct CloseConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Answer = std::unique_ptr<PGresult, ClearResult>;
  using Time = std::chrono::steady_clock::time_point;

  [[nodiscard]] bool is_lost() const;
  void connect();
  void make_ready();
  void set_up_session();
  void take_identity();
  /// Throws what is wrong with it, if anything is.
  Answer checked(PGresult* answer);
  /// Some statements without parameters; the answer of the last one.
  Answer simple(const std::string& sql);
  /// Makes ready and does it. Where nothing was begun, once more on a new connection, if this one was lost: a
  /// server that was started anew is not noticed before.
  template <typename Action>
  Answer once_or_again(Action action);
  void begin(const char* sql);
  [[nodiscard]] std::string write_mark(std::int64_t number) const;
  bool was_committed(std::int64_t number);
  [[nodiscard]] std::string announcements() const;
  std::vector<StoreNews> news_heard();

  const PostgresTarget target_;
  std::unique_ptr<PGconn, CloseConnection> connection_;
  std::unordered_map<const char*, std::unique_ptr<Statement>> statements_;
  std::size_t connections_made_ = 0;  ///< statements are prepared once for each
  std::int64_t identity_ = 0;         ///< that the session has
  Time next_attempt_{};
  std::string last_failure_;
  bool has_begun_ = false;   ///< a transaction, whether or not it is still there
  std::int64_t writes_ = 0;  ///< that were committed, or tried to be
  std::set<StoreNews> news_;
  bool listens_ = false;
  bool has_missed_news_ = false;
};

}  // namespace gitferry
