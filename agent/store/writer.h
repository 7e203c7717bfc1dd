#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/store/sql.h"

namespace gitferry {

/// The one thread that writes.
///
/// It takes every job that waits, runs them in one transaction, each as a part of it that can be undone, and
/// commits once: what arrives during a commit shares the next one. A job that fails is undone alone; when the
/// commit fails, every job of the group gets that error.
///
/// Owns:      the writing connection.
/// Threading: write() from any thread; the job runs on the writer's thread, and the caller waits for it.
/// Blocking:  write() until the commit is on the disk.
/// Errors:    Unavailable where `queue_limit` jobs wait already; what the job or the commit says.
class Writer {
 public:
  struct Counters {
    std::uint64_t jobs = 0;
    std::uint64_t commits = 0;
  };

  explicit Writer(std::unique_ptr<SqlConnection> connection, std::size_t queue_limit = 4096);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Finishes the jobs that wait.
  ~Writer();

  /// Runs `job(SqlConnection&)`, which gives a Result or a Status, and returns what it gave once it is
  /// committed. `attempted` names the job in errors. The job may run only once and must not wait for
  /// anything.
  template <typename Job>
  auto write(std::string_view attempted, Job job) -> std::invoke_result_t<Job&, SqlConnection&> {
    std::optional<std::invoke_result_t<Job&, SqlConnection&>> answer;
    const Status committed = submit(attempted, [&](SqlConnection& connection) -> Status {
      answer.emplace(job(connection));
      if (!*answer) return fail(answer->error());
      return {};
    });
    if (!committed) return fail(committed.error());
    return std::move(*answer);
  }

  [[nodiscard]] Counters counters();

 private:
  struct Request {
    std::string attempted;
    std::function<Status(SqlConnection&)> job;
    std::promise<Status> promise;
    Status outcome;
  };
  struct Queue {
    std::vector<Request> waiting;
    bool closing = false;
    Counters counters;
  };

  Status submit(std::string_view attempted, std::function<Status(SqlConnection&)> job);
  void work();
  std::vector<Request> take_all();
  void commit(std::vector<Request>& group);
  Status run_group(std::vector<Request>& group);
  Status run_as_part(Request& request);
  void roll_back();

  const std::unique_ptr<SqlConnection> connection_;
  const std::size_t queue_limit_;
  Guarded<Queue> queue_;
  std::condition_variable arrived_;
  std::thread thread_;
};

}  // namespace gitferry
