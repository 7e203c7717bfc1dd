#include "api/webhook/hook_answer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <json/value.h>

#include "api/envelope.h"
#include "api/json.h"

namespace gitferry::api::webhook {
namespace {

Response answer(int status, const Json::Value& body) {
  Response response;
  response.status = status;
  response.body = to_text(body);
  return response;
}

Json::Value outcome_json(const DeliveryOutcome& outcome) {
  Json::Value body(Json::objectValue);
  body["status"] = std::string(name_of(outcome.verdict));
  body["delivery_id"] = static_cast<Json::Int64>(outcome.delivery_id);
  if (!outcome.repository.empty()) body["repo_name"] = clean_text(outcome.repository);
  if (outcome.duplicate_of) body["duplicate_of"] = static_cast<Json::Int64>(*outcome.duplicate_of);
  if (!outcome.reason.empty()) body["reason"] = clean_text(outcome.reason);
  if (outcome.refs.empty()) return body;
  body["refs"] = Json::Value(Json::arrayValue);
  for (const auto& verdict : outcome.refs) {
    Json::Value row(Json::objectValue);
    row["ref"] = clean_text(verdict.ref);
    if (!verdict.reason.empty()) row["reason"] = verdict.reason;
    body["refs"].append(std::move(row));
  }
  return body;
}

/// The best that became of it anywhere.
Verdict overall(const std::vector<DeliveryOutcome>& outcomes) {
  for (const auto best : {Verdict::Accepted, Verdict::Duplicate}) {
    if (std::any_of(outcomes.begin(), outcomes.end(),
                    [&](const DeliveryOutcome& outcome) { return outcome.verdict == best; })) {
      return best;
    }
  }
  return Verdict::Ignored;
}

}  // namespace

Response refused(int status, std::string_view reason, std::string_view detail) {
  Json::Value body(Json::objectValue);
  body["status"] = "refused";
  body["reason"] = std::string(reason);
  if (!detail.empty()) body["detail"] = clean_text(detail);
  return answer(status, body);
}

Response refused_for_now(int status, std::string_view reason, std::chrono::seconds retry_after) {
  return with_retry_after(refused(status, reason), retry_after);
}

Response ignored_unseen(std::string_view reason) {
  Json::Value body(Json::objectValue);
  body["status"] = "ignored";
  body["reason"] = std::string(reason);
  return answer(200, body);
}

Response delivered(const std::vector<DeliveryOutcome>& outcomes) {
  const auto verdict = overall(outcomes);
  const int status = verdict == Verdict::Accepted ? 202 : 200;
  if (outcomes.size() == 1) return answer(status, outcome_json(outcomes.front()));
  Json::Value body(Json::objectValue);
  body["status"] = std::string(name_of(verdict));
  body["deliveries"] = Json::Value(Json::arrayValue);
  for (const auto& outcome : outcomes) body["deliveries"].append(outcome_json(outcome));
  return answer(status, body);
}

}  // namespace gitferry::api::webhook
