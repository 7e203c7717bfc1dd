#include "agent/store/writer.h"

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/base/supervision.h"

namespace gitferry {

Writer::Writer(std::unique_ptr<SqlConnection> connection, std::size_t queue_limit)
    : connection_(std::move(connection)), queue_limit_(queue_limit) {
  metrics();  // made here, where an exception has somewhere to go
  thread_ = std::thread([this] { work(); });
}

Writer::~Writer() {
  queue_.lock()->closing = true;
  arrived_.notify_one();
  thread_.join();
}

Writer::Counters Writer::counters() {
  return queue_.lock()->counters;
}

Status Writer::submit(std::string_view attempted, std::function<Status(SqlConnection&)> job) {
  const auto began = std::chrono::steady_clock::now();
  std::future<Status> committed;
  {
    auto queue = queue_.lock();
    if (queue->closing || queue->waiting.size() >= queue_limit_) {
      metrics().store_failures.add({info(ErrorCode::Unavailable).name});
      return fail(ErrorCode::Unavailable,
                  fmt::format("{}: {} writes wait for the disk already", attempted, queue->waiting.size()),
                  "send it again in a moment");
    }
    auto& request = queue->waiting.emplace_back();
    request.attempted = attempted;
    request.job = std::move(job);
    committed = request.promise.get_future();
  }
  arrived_.notify_one();
  auto outcome = committed.get();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  metrics().store_write.observe(took.count());
  return outcome;
}

std::vector<Writer::Request> Writer::take_all() {
  auto queue = queue_.lock();
  wait_beating(queue, arrived_, std::chrono::steady_clock::time_point::max(),
               [](const Queue& now) { return now.closing || !now.waiting.empty(); });
  return std::exchange(queue->waiting, {});
}

void Writer::work() {
  const SupervisedThread supervised("writer");
  for (auto group = take_all(); !group.empty(); group = take_all()) {
    commit(group);
    {
      auto queue = queue_.lock();
      queue->counters.jobs += group.size();
      queue->counters.commits += 1;
      if (!queue->waiting.empty()) crash_point(CrashPoint::SecondGroupWaiting);
    }
    metrics().store_writes.add({}, static_cast<double>(group.size()));
    metrics().store_commits.add();
    for (auto& request : group) request.promise.set_value(std::move(request.outcome));
  }
}

void Writer::commit(std::vector<Request>& group) {
  const auto committed = attempt("write to the database", [&] { return run_group(group); });
  if (committed) return;
  roll_back();
  log::error("commit failed", {{"jobs", group.size()}, {"error", committed.error().text()}});
  for (auto& request : group) {
    request.outcome = fail(committed.error());
    request.outcome.error().message = fmt::format("{}: {}", request.attempted, committed.error().message);
  }
}

Status Writer::run_group(std::vector<Request>& group) {
  connection_->begin_writing();
  for (auto& request : group) {
    request.outcome = run_as_part(request);
    // A full disk may end the whole transaction at a statement (https://sqlite.org/lang_transaction.html),
    // and so does a connection that is lost: then the jobs before this one are undone too.
    if (!connection_->is_in_transaction()) return request.outcome;
  }
  crash_point(CrashPoint::BeforeCommit);
  connection_->commit();
  crash_point(CrashPoint::AfterCommit);
  return {};
}

Status Writer::run_as_part(Request& request) {
  connection_->begin_part();
  auto outcome = attempt(request.attempted, [&] { return request.job(*connection_); });
  if (!connection_->is_in_transaction()) {
    if (outcome)
      return fail(ErrorCode::StoreFailed, request.attempted + ": the transaction ended in the middle");
    return outcome;
  }
  if (!outcome) connection_->undo_part();
  connection_->end_part();
  return outcome;
}

void Writer::roll_back() {
  if (!connection_->is_in_transaction()) return;
  const auto rolled_back = attempt("roll back", [&]() -> Status {
    connection_->roll_back();
    return {};
  });
  if (!rolled_back) log::error("roll back failed", {{"error", rolled_back.error().text()}});
}

}  // namespace gitferry
