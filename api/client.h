#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/binding.h"

namespace gitferry::api {

/// What of the API's rows the command line shows. Unknown texts are empty, unknown times 0.

/// How far a transfer is.
struct ProgressLine {
  std::string phase;
  std::int64_t objects_done = 0;
  std::int64_t objects_total = 0;  ///< 0: not known
  std::int64_t bytes_received = 0;
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_per_second = 0;
  std::int64_t elapsed_seconds = 0;
  std::optional<std::int64_t> remaining_seconds = std::nullopt;
  std::int64_t refs_in_transfer = 1;
};

struct StatusLine {
  std::string repository;
  std::string internal_branch;
  std::string external_branch;
  std::string status;
  std::string source_tip;
  std::string target_tip;
  std::string error;
  std::string reason;
  std::int64_t last_success_at_ms = 0;
  std::int64_t next_retry_at_ms = 0;
  std::optional<ProgressLine> progress = std::nullopt;  ///< unset: no transfer goes on
};

/// What became of one lane that a delivery marked.
struct DeliveryRunLine {
  std::int64_t run_id = 0;  ///< 0: none has begun
  std::string state;
  int code_status = 0;
};

struct DeliveryLine {
  std::int64_t id = 0;
  std::int64_t received_at_ms = 0;
  std::string repository;
  std::string provider;
  std::string event;
  std::string verdict;
  std::string reason;
  std::vector<std::string> refs;
  std::int64_t replay_of = 0;
  std::int64_t duplicate_of = 0;
  std::vector<DeliveryRunLine> runs = {};
};

struct RunLine {
  std::string direction;
  std::string internal_ref;
  std::string external_ref;
  bool finished = false;
  bool dry_run = false;
  int code_status = 0;
  std::string detail;
  std::string plan;
  std::string source_tip;
  std::string target_tip_before;
  std::int64_t pack_bytes = 0;
  std::int64_t duration_ms = 0;
};

/// An envelope. `rows` and `json` hold what was asked for: `data`, or the `runs` of a sync.
template <typename Row>
struct ApiAnswer {
  int http_status = 0;
  int code_status = 0;
  std::string msg;
  std::string detail;
  std::vector<Row> rows;
  std::string json;  ///< the array as the API gave it, in one line; `null` where it gave none
  std::int64_t total = 0;
};

struct DeliveryQuery {
  std::string repository;  ///< empty: all
  std::string verdict;     ///< empty: all
  std::int64_t limit = 20;
};

struct SyncCall {
  std::string repository;
  std::string branch;                  ///< empty: the whole repository
  std::optional<Direction> direction;  ///< unset: the binding's own
  std::chrono::seconds wait{60};
  bool dry_run = false;
  bool force = false;
};

/// Whether a gitferry answers at this address; asked without a token. `certificate_file` is that of HttpCall.
/// Errors: those of send(), ConnectionFailed for "no server there"; ProtocolError where it is another
/// program.
Status find_agent(const std::string& base_url, const std::string& certificate_file = {});

enum class HealthQuestion { Live, Ready };
struct Health {
  bool is_well = false;
  std::string text;  ///< `ok`, or what is wrong, in one line
};
/// Asks /livez or /readyz, without a token. Errors: those of send(), and ProtocolError where what answers is
/// no health route.
Result<Health> ask_health(const std::string& base_url, const std::string& certificate_file,
                          HealthQuestion question);

/// The management API of a running agent, as the command line asks it.
///
/// Blocking:  each call until the answer: a sync for its `wait` and a little more.
/// Errors:    those of send(), and ProtocolError for an answer that is no envelope. A refusal of the agent is
/// an answer, not an error.
class ApiClient {
 public:
  ApiClient(std::string base_url, Secret token, std::string certificate_file = {})
      : base_url_(std::move(base_url)),
        certificate_file_(std::move(certificate_file)),
        token_(std::move(token)) {}

  /// All pages.
  [[nodiscard]] Result<ApiAnswer<StatusLine>> status(const std::string& repository) const;
  /// The newest ones.
  [[nodiscard]] Result<ApiAnswer<DeliveryLine>> deliveries(const DeliveryQuery& query) const;
  [[nodiscard]] Result<ApiAnswer<RunLine>> sync(const SyncCall& call) const;
  /// Sets the level of the agent's log, and says which one it is then: one row. `level` empty: only says.
  [[nodiscard]] Result<ApiAnswer<std::string>> log_level(const std::string& level) const;

  [[nodiscard]] const std::string& base_url() const { return base_url_; }
  [[nodiscard]] const std::string& certificate_file() const { return certificate_file_; }

 private:
  std::string base_url_;
  std::string certificate_file_;
  Secret token_;
};

}  // namespace gitferry::api
