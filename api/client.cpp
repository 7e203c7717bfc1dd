#include "api/client.h"

#include <algorithm>

#include <json/value.h>

#include "agent/base/text.h"
#include "api/http_client.h"
#include "api/json.h"

namespace gitferry::api {
namespace {

constexpr const char* kPurpose = "ask the agent";
constexpr std::int64_t kPageSize = 100;
constexpr std::size_t kAnswerValues = 1'000'000;  ///< a sync of a repository has a row a branch
constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kHealthTimeout{
    4};  ///< who asks does so again soon, and has a limit of his own
/// Beyond the time that the agent was asked to wait for runs.
constexpr std::chrono::seconds kAnswerTimeout{30};

using Query = std::vector<std::pair<std::string, std::string>>;

std::string with_query(std::string path, const Query& query) {
  char separator = '?';
  for (const auto& [name, value] : query) {
    path += separator + name + "=" + percent_encode(value);
    separator = '&';
  }
  return path;
}

std::int64_t number_at(const Json::Value& row, const char* name) {
  const auto& value = member(row, name);
  return value.isInt64() ? value.asInt64() : 0;
}

std::string string_at(const Json::Value& row, const char* name) {
  return text_at(row, name).value_or("");
}

bool flag_at(const Json::Value& row, const char* name) {
  const auto& value = member(row, name);
  return value.isBool() && value.asBool();
}

std::int64_t time_at(const Json::Value& row, const char* name) {
  return parse_rfc3339(string_at(row, name)).value_or(0);
}

std::optional<ProgressLine> progress_line(const Json::Value& row) {
  if (!row.isObject()) return std::nullopt;
  ProgressLine line{string_at(row, "phase"),           number_at(row, "objects_done"),
                    number_at(row, "objects_total"),   number_at(row, "bytes_received"),
                    number_at(row, "bytes_sent"),      number_at(row, "bytes_per_second"),
                    number_at(row, "elapsed_seconds"), std::nullopt,
                    number_at(row, "refs_in_transfer")};
  if (member(row, "remaining_seconds").isNumeric())
    line.remaining_seconds = number_at(row, "remaining_seconds");
  return line;
}

StatusLine status_line(const Json::Value& row) {
  return {string_at(row, "repo_name"),
          string_at(row, "internal_branch_name"),
          string_at(row, "external_branch_name"),
          string_at(row, "status"),
          string_at(row, "source_tip"),
          string_at(row, "target_tip"),
          string_at(row, "error"),
          string_at(row, "reason"),
          time_at(row, "last_success_at"),
          time_at(row, "next_retry_at"),
          progress_line(member(row, "progress"))};
}

DeliveryLine delivery_line(const Json::Value& row) {
  DeliveryLine line{number_at(row, "id"),        time_at(row, "received_at"),
                    string_at(row, "repo_name"), string_at(row, "provider"),
                    string_at(row, "event"),     string_at(row, "verdict"),
                    string_at(row, "reason"),    {},
                    number_at(row, "replay_of"), number_at(row, "duplicate_of")};
  for (const auto& ref : member(row, "refs")) line.refs.push_back(string_at(ref, "ref"));
  for (const auto& lane : member(row, "lanes")) {
    line.runs.push_back({number_at(lane, "run_id"), string_at(lane, "run_state"),
                         static_cast<int>(number_at(lane, "code_status"))});
  }
  return line;
}

RunLine run_line(const Json::Value& row) {
  return {string_at(row, "sync_direct"),  string_at(row, "internal_ref"),
          string_at(row, "external_ref"), flag_at(row, "finished"),
          flag_at(row, "dry_run"),        static_cast<int>(number_at(row, "code_status")),
          string_at(row, "detail"),       string_at(row, "plan"),
          string_at(row, "source_tip"),   string_at(row, "target_tip_before"),
          number_at(row, "pack_bytes"),   number_at(row, "duration_ms")};
}

struct Envelope {
  int http_status = 0;
  Json::Value body;
};

tl::unexpected<Error> other_program(const std::string& base_url, int http_status) {
  return fail(ErrorCode::ProtocolError,
              "ask the agent at " + base_url + ": what answers there (HTTP " + std::to_string(http_status) +
                  ") is not gitferry",
              "is another program listening there?");
}

Result<Envelope> ask(const ApiClient& client, const Secret& token, HttpCall call) {
  call.purpose = kPurpose;
  call.base_url = client.base_url();
  call.certificate_file = client.certificate_file();
  call.connect_timeout = kConnectTimeout;
  call.headers = {{"Authorization", "Bearer " + std::string(token.reveal())},
                  {"Accept-Language", "en"},
                  {"X-Gitferry-Client", "command-line"}};
  const auto reply = send(call);
  if (!reply) return fail(reply.error());
  auto body = parse_json_object(reply->body, {.values = kAnswerValues});
  if (!body || !member(*body, "code_status").isInt()) {
    return other_program(client.base_url(), reply->status);
  }
  return Envelope{reply->status, std::move(*body)};
}

template <typename Row>
ApiAnswer<Row> answer_from(const Envelope& envelope, const Json::Value& array,
                           Row (*line)(const Json::Value&)) {
  ApiAnswer<Row> answer;
  answer.http_status = envelope.http_status;
  answer.code_status = static_cast<int>(number_at(envelope.body, "code_status"));
  answer.msg = string_at(envelope.body, "msg");
  answer.detail = string_at(envelope.body, "detail");
  answer.total = number_at(envelope.body, "total");
  answer.json = to_text(array);
  if (array.isArray()) {
    for (const auto& row : array) answer.rows.push_back(line(row));
  }
  return answer;
}

struct ListCall {
  std::string path;
  Query query;
  std::int64_t limit = 0;
};

/// The first `limit` rows; several pages where one does not hold them.
template <typename Row>
Result<ApiAnswer<Row>> list(const ApiClient& client, const Secret& token, const ListCall& wanted,
                            Row (*line)(const Json::Value&)) {
  const auto page_size = std::min(kPageSize, wanted.limit);
  Json::Value all(Json::arrayValue);
  for (std::int64_t page = 1;; ++page) {
    auto query = wanted.query;
    query.emplace_back("page_num", std::to_string(page));
    query.emplace_back("page_size", std::to_string(page_size));
    HttpCall call;
    call.method = "GET";
    call.path = with_query(wanted.path, query);
    call.answer_timeout = kAnswerTimeout;
    const auto envelope = ask(client, token, std::move(call));
    if (!envelope) return fail(envelope.error());
    const auto& data = member(envelope->body, "data");
    if (!data.isArray()) return answer_from(*envelope, data, line);
    for (const auto& row : data) {
      if (static_cast<std::int64_t>(all.size()) < wanted.limit) all.append(row);
    }
    const auto last = std::min(wanted.limit, number_at(envelope->body, "total"));
    if (data.empty() || page * page_size >= last) return answer_from(*envelope, all, line);
  }
}

}  // namespace

Status find_agent(const std::string& base_url, const std::string& certificate_file) {
  HttpCall call;
  call.purpose = kPurpose;
  call.base_url = base_url;
  call.certificate_file = certificate_file;
  call.method = "GET";
  call.path = "/version";
  call.connect_timeout = kConnectTimeout;
  const auto reply = send(call);
  if (!reply) return fail(reply.error());
  const auto body = parse_json_object(reply->body, {.values = kAnswerValues});
  if (!body || text_at(*body, "name") != "gitferry") return other_program(base_url, reply->status);
  return {};
}

Result<Health> ask_health(const std::string& base_url, const std::string& certificate_file,
                          HealthQuestion question) {
  HttpCall call;
  call.purpose = kPurpose;
  call.base_url = base_url;
  call.certificate_file = certificate_file;
  call.method = "GET";
  call.path = question == HealthQuestion::Live ? "/livez" : "/readyz?verbose";
  call.connect_timeout = kHealthTimeout;
  call.answer_timeout = kHealthTimeout;
  const auto reply = send(call);
  if (!reply) return fail(reply.error());
  const auto body = parse_json_object(reply->body, {.values = kAnswerValues});
  const auto status = body ? text_at(*body, "status") : std::nullopt;
  if (!status) return other_program(base_url, reply->status);
  Health health{reply->status == 200, *status};
  const auto threads = string_at(member(*body, "checks"), "threads");
  if (!threads.empty() && threads != "ok") health.text = threads;
  return health;
}

Result<ApiAnswer<StatusLine>> ApiClient::status(const std::string& repository) const {
  ListCall call{"/cerobot/sync/status", {}, INT64_MAX};
  if (!repository.empty()) call.query.emplace_back("repo_name", repository);
  return list(*this, token_, call, &status_line);
}

Result<ApiAnswer<DeliveryLine>> ApiClient::deliveries(const DeliveryQuery& query) const {
  ListCall call{"/cerobot/sync/deliveries", {}, query.limit};
  if (!query.repository.empty()) call.query.emplace_back("repo_name", query.repository);
  if (!query.verdict.empty()) call.query.emplace_back("verdict", query.verdict);
  return list(*this, token_, call, &delivery_line);
}

Result<ApiAnswer<RunLine>> ApiClient::sync(const SyncCall& wanted) const {
  Query query{{"wait", std::to_string(wanted.wait.count())}};
  if (wanted.direction)
    query.emplace_back("sync_direct", std::to_string(static_cast<int>(*wanted.direction)));
  if (wanted.dry_run) query.emplace_back("dry_run", "true");
  if (wanted.force) query.emplace_back("force", "true");
  const auto repository = percent_encode(wanted.repository);
  HttpCall call;
  call.method = "POST";
  call.path = with_query(wanted.branch.empty()
                             ? "/cerobot/sync/repo/" + repository
                             : "/cerobot/sync/" + repository + "/branch/" + percent_encode(wanted.branch),
                         query);
  call.answer_timeout = wanted.wait + kAnswerTimeout;
  const auto envelope = ask(*this, token_, std::move(call));
  if (!envelope) return fail(envelope.error());
  return answer_from(*envelope, member(envelope->body, "runs"), &run_line);
}

Result<ApiAnswer<std::string>> ApiClient::log_level(const std::string& level) const {
  HttpCall call;
  call.method = level.empty() ? "GET" : "PUT";
  call.path = with_query("/cerobot/sync/log-level", level.empty() ? Query{} : Query{{"level", level}});
  call.answer_timeout = kAnswerTimeout;
  const auto envelope = ask(*this, token_, std::move(call));
  if (!envelope) return fail(envelope.error());
  Json::Value rows(Json::arrayValue);
  const auto& data = member(envelope->body, "data");
  if (data.isObject()) rows.append(data);
  return answer_from<std::string>(*envelope, rows,
                                  [](const Json::Value& row) { return string_at(row, "level"); });
}

}  // namespace gitferry::api
