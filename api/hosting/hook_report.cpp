#include "api/hosting/hook_report.h"

#include <fmt/format.h>
#include <json/value.h>

#include "agent/base/text.h"
#include "api/json.h"
#include "api/values.h"

namespace gitferry::api::hosting {
namespace {

Json::Value names_of(const std::vector<Flaw>& flaws) {
  Json::Value names(Json::arrayValue);
  for (const auto flaw : flaws) names.append(text_value(name_of(flaw)));
  return names;
}

Json::Value numbers(const std::vector<std::int64_t>& ids) {
  Json::Value list(Json::arrayValue);
  for (const auto id : ids) list.append(number(id));
  return list;
}

Json::Value common_row(const HookReport& report) {
  Json::Value row;
  row["repository"] = text_or_null(report.repository);
  row["side"] = report.side ? text_value(name_of(*report.side)) : Json::Value();
  row["organisation"] = text_or_null(report.organisation);
  row["owner"] = text_or_null(report.owner);
  row["provider"] = report.provider;
  row["url"] = report.url;
  row["api_url"] = text_or_null(report.api_url);
  row["error"] = report.error ? Json::Value(report.error->text()) : Json::Value();
  return row;
}

Json::Value row_of(const HostDelivery& delivery) {
  Json::Value row;
  row["at"] = time_or_null(delivery.at_ms);
  row["arrived"] = delivery.arrived;
  row["status"] = delivery.status == 0 ? Json::Value() : Json::Value(delivery.status);
  row["result"] = text_or_null(delivery.result);
  return row;
}

Json::Value row_of(const HookArrival& arrival) {
  Json::Value row;
  row["at"] = time_or_null(arrival.received_at_ms);
  row["event"] = arrival.event;
  row["verdict"] = text_value(name_of(arrival.verdict));
  row["reason"] = text_or_null(arrival.reason);
  return row;
}

void put_found(Json::Value& row, const FoundHook& found) {
  row["hook_id"] = number(found.id);
  row["flaws"] = names_of(found.flaws);
  row["spare_ids"] = numbers(found.spare_ids);
  if (found.last_delivery) row["last_delivery"] = row_of(*found.last_delivery);
}

std::string list_of(const std::vector<Flaw>& flaws) {
  std::string text;
  for (const auto flaw : flaws) text += (text.empty() ? "" : ", ") + std::string(text_of(flaw));
  return text;
}

/// What was wrong, and that the secret went with it.
std::string reason_of(const SetUpHook& done) {
  if (done.mended.empty()) return "its secret";
  return list_of(done.mended) + "; its secret was set, too";
}

}  // namespace

std::string installations_json(const std::vector<HookReport>& reports) {
  Json::Value rows(Json::arrayValue);
  for (const auto& report : reports) {
    auto row = common_row(report);
    row["dry_run"] = report.dry_run;
    row["action"] = report.set_up ? text_value(name_of(report.set_up->action)) : Json::Value();
    row["hook_id"] = report.set_up ? id_or_null(report.set_up->id) : Json::Value();
    row["mended"] = report.set_up ? names_of(report.set_up->mended) : Json::Value(Json::arrayValue);
    row["spare_ids"] = report.set_up ? numbers(report.set_up->spare_ids) : Json::Value(Json::arrayValue);
    rows.append(std::move(row));
  }
  return to_text(rows);
}

std::string checks_json(const std::vector<HookReport>& reports) {
  Json::Value rows(Json::arrayValue);
  for (const auto& report : reports) {
    auto row = common_row(report);
    row["delivers"] = report.health ? Json::Value(report.health->delivers) : Json::Value();
    row["problem"] = report.health ? text_or_null(report.health->problem) : Json::Value();
    row["advice"] = report.health ? text_or_null(report.health->advice) : Json::Value();
    for (const auto* name : {"hook_id", "last_delivery"}) row[name] = Json::Value();
    for (const auto* name : {"flaws", "spare_ids"}) row[name] = Json::Value(Json::arrayValue);
    if (report.found) put_found(row, *report.found);
    row["last_arrival"] = report.arrival ? row_of(*report.arrival) : Json::Value();
    rows.append(std::move(row));
  }
  return to_text(rows);
}

std::string installation_text(const HookReport& report) {
  const auto& done = *report.set_up;
  const std::string would = report.dry_run ? "would be" : "was";
  std::string text;
  switch (done.action) {
    case HookAction::None:
      text = fmt::format("webhook {} is right as it is", done.id);
      break;
    case HookAction::Created:
      text = report.dry_run ? "a webhook would be created" : fmt::format("webhook {} was created", done.id);
      break;
    case HookAction::Changed:
      text = fmt::format("webhook {} {} changed: {}", done.id, would, reason_of(done));
      break;
    case HookAction::Replaced:
      text = fmt::format("the webhook {} replaced by one with the secret, which this host changes in none",
                         would);
      break;
  }
  text += fmt::format(" ({})", report.url);
  for (const auto id : done.spare_ids)
    text += fmt::format("; webhook {} has the same address: remove it at the host", id);
  return text;
}

std::string delivery_text(const HostDelivery& delivery) {
  const auto result = delivery.status == 0 ? delivery.result : std::to_string(delivery.status);
  if (delivery.arrived) return result;
  return result.empty() ? "failed" : fmt::format("failed ({})", result);
}

}  // namespace gitferry::api::hosting
