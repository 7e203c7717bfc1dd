#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/text.h"
#include "api/etag.h"
#include "api/json.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"
#include "api/rows.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

Result<std::optional<Verdict>> verdict_of(const Parameters& parameters) {
  const auto given = parameters.text("verdict");
  if (!given) return fail(given.error());
  if (!*given) return std::nullopt;
  for (const auto verdict : {Verdict::Accepted, Verdict::Ignored, Verdict::Duplicate, Verdict::Refused}) {
    if (**given == name_of(verdict)) return verdict;
  }
  return fail(ErrorCode::InvalidArgument,
              "read the parameter verdict: accepted, ignored, duplicate or refused is expected");
}

Result<Response> get_deliveries(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page();
  if (!page) return fail(page.error());
  const auto repository = parameters->text("repo_name");
  if (!repository) return fail(repository.error());
  const auto verdict = verdict_of(*parameters);
  if (!verdict) return fail(verdict.error());
  const auto search = parameters->text("search");
  if (!search) return fail(search.error());
  const DeliveryFilter filter{repository->value_or(""), *verdict, search->value_or("")};
  auto answer = listing(call, context.store.deliveries(filter, *page), &delivery_json);
  if (!answer) return answer;
  return with_etag(call.request, std::move(*answer));
}

/// What the delivery said, as far as it was kept: its refs. Routing needs no more, for the hosts are asked
/// for the tips.
PushEvent event_of(const DeliveryRecord& record) {
  PushEvent event;
  event.provider = record.provider;
  event.event = record.event;
  event.delivery_id = record.provider_delivery_id;
  // Not its signed id: whoever asks for a replay wants it to run.
  event.repository.full_name = record.named_repository;
  for (const auto& ref : refs_json(record.refs)) {
    RefChange change;
    change.ref = text_at(ref, "ref").value_or("");
    change.deleted = member(ref, "deleted") == Json::Value(true);
    event.changes.push_back(std::move(change));
  }
  return event;
}

Json::Value replay_json(const DeliveryOutcome& outcome) {
  Json::Value data(Json::objectValue);
  data["delivery_id"] = number(outcome.delivery_id);
  data["verdict"] = std::string(name_of(outcome.verdict));
  data["reason"] = text_or_null(outcome.reason);
  data["refs"] = Json::Value(Json::arrayValue);
  for (const auto& verdict : outcome.refs) {
    Json::Value row(Json::objectValue);
    row["ref"] = clean_text(verdict.ref);
    row["verdict"] = std::string(name_of(verdict.reason.empty() ? Verdict::Accepted : Verdict::Ignored));
    row["reason"] = text_or_null(verdict.reason);
    data["refs"].append(std::move(row));
  }
  return data;
}

Result<DeliveryRow> recorded_delivery(ApiContext& context, const std::string& id_text) {
  const auto id = parse_number(id_text);
  if (!id)
    return fail(ErrorCode::InvalidArgument, "read the id of the delivery in the path: it is no number");
  auto recorded = context.store.delivery(*id);
  if (!recorded) return fail(std::move(recorded.error()));
  if (*recorded) return std::move(**recorded);
  return fail(ErrorCode::NoData, "find delivery " + id_text + ": there is none of that id any more",
              "GET /cerobot/sync/deliveries lists those that are kept");
}

Result<Response> get_delivery(ApiContext& context, const Call& call) {
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  const auto delivery = recorded_delivery(context, call.argument("id"));
  if (!delivery) return fail(delivery.error());
  return with_etag(call.request, success(call.request, delivery_json(*delivery)));
}

/// A delivery that reached no binding, or was refused, kept nothing that could be run: whose it was was not
/// known, or it was not what it had to be.
Status check_replayable(const DeliveryRow& delivery) {
  const auto attempted = "replay delivery " + std::to_string(delivery.id);
  if (delivery.record.verdict == Verdict::Refused) {
    return fail(ErrorCode::NoData, attempted + ": it was refused (" + delivery.record.reason + ")",
                "mend the webhook at the host and let the host deliver again");
  }
  if (delivery.record.repository.empty()) {
    return fail(ErrorCode::RepositoryUnknown, attempted + ": it reached no binding",
                "bind the repository and let the host deliver again");
  }
  return {};
}

Result<Response> post_replay(ApiContext& context, const Call& call) {
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  const auto delivery = recorded_delivery(context, call.argument("id"));
  if (!delivery) return fail(delivery.error());
  if (const auto replayable = check_replayable(*delivery); !replayable) return fail(replayable.error());
  const auto& record = delivery->record;
  const auto bindings = context.bindings.snapshot();
  const auto* binding = bindings->find(record.repository);
  if (binding == nullptr) return fail(repository_unknown("replay a delivery", record.repository));
  IncomingDelivery again;
  again.event = event_of(record);
  again.hook = record.hook;
  again.request_id = call.request.id;
  again.targets.push_back(
      {record.repository, record.side.value_or(source_side(first_direction(binding->direction)))});
  again.source_address = call.request.client_address;
  again.received_at = context.clock.now();
  again.replay_of = delivery->id;
  const auto outcome = context.sync.deliver(again);
  if (!outcome) return fail(outcome.error());
  log::info("delivery replayed", {{"verdict", name_of(outcome->front().verdict)},
                                  {"reason", outcome->front().reason},
                                  {"repo", record.repository},
                                  {"replay_of", delivery->id},
                                  {"delivery_id", outcome->front().delivery_id},
                                  {"by", call.caller.name},
                                  {"address", call.request.client_address},
                                  {"request_id", call.request.id}});
  return success(call.request, replay_json(outcome->front()));
}

}  // namespace

std::vector<Route> delivery_routes(ApiContext& context) {
  return {
      route(context, "GET", "/cerobot/sync/deliveries", Role::Read, get_deliveries),
      route(context, "GET", "/cerobot/sync/deliveries/{id}", Role::Read, get_delivery),
      route(context, "POST", "/cerobot/sync/deliveries/{id}/replay", Role::Operate, post_replay),
  };
}

}  // namespace gitferry::api
