#include "api/webhook/change_list.h"

#include <utility>

#include "agent/model/ref_name.h"
#include "api/json.h"
#include "api/webhook/payload.h"

namespace gitferry::api::webhook {
namespace {

Result<std::optional<RefChange>> listed_change(const Json::Value& element) {
  auto change = ref_change(element);
  if (!change) return fail(std::move(change.error()));
  return std::optional(std::move(*change));
}

}  // namespace

Result<std::optional<RefChange>> change_of(std::string_view field, std::string_view ref,
                                           std::string_view before, std::string_view after) {
  RefChange change;
  change.before = ObjectId::from_hex(before);
  change.after = ObjectId::from_hex(after);
  if (!is_valid_ref(ref)) return bad_field(std::string(field) + " (its ref)");
  if (!change.before || !change.after) return bad_field(std::string(field) + " (its object ids)");
  change.ref = ref;
  change.deleted = change.after->is_null() && !change.before->is_null();
  return std::optional(std::move(change));
}

Result<PushEvent> with_changes(PushEvent event, const Json::Value& list, std::string_view field,
                               ChangeReader read) {
  if (!list.isArray() || list.size() > kChangesLimit) {
    return fail(ErrorCode::InvalidArgument, "read the payload: the field " + std::string(field) +
                                                " is not a list of at most " + std::to_string(kChangesLimit) +
                                                " changes");
  }
  std::optional<Error> flaw;
  bool has_test = false;
  for (const auto& element : list) {
    auto change = read(element);
    if (!change) {
      flaw = std::move(change.error());
    } else if (*change && is_test(**change)) {
      has_test = true;
    } else if (*change) {
      event.changes.push_back(std::move(**change));
    }
  }
  if (!event.changes.empty()) return event;
  if (flaw) return fail(std::move(*flaw));
  return ignored(std::move(event), has_test ? "test_delivery" : "no_changes");
}

Result<PushEvent> several_changes(PushEvent event, const Json::Value& document) {
  return with_changes(std::move(event), member(document, "changes"), "changes", &listed_change);
}

}  // namespace gitferry::api::webhook
