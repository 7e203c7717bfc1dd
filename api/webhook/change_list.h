#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "agent/base/result.h"
#include "agent/model/push_event.h"

namespace gitferry::api::webhook {

/// For the hosts that put all refs of a push into one delivery.

/// More refs than any host lets one push move.
constexpr std::size_t kChangesLimit = 10'000;

/// Reads one element of the list; nullopt for what is no branch or tag of git.
using ChangeReader = Result<std::optional<RefChange>> (*)(const Json::Value&);

/// `event` with the changes that `list` holds; `field` names the list in errors. An element that cannot be
/// read is left out where another can: one bad ref must not keep the others from being synced. Ignored where
/// nothing is left to do.
///
/// Errors: InvalidArgument where `list` is not a list of at most kChangesLimit elements, or none of them can
/// be read.
Result<PushEvent> with_changes(PushEvent event, const Json::Value& list, std::string_view field,
                               ChangeReader read);

/// The list `changes` of `document`, whose elements are those of ref_change().
Result<PushEvent> several_changes(PushEvent event, const Json::Value& document);

/// A change from its parts. Errors name the part as `field`'s.
Result<std::optional<RefChange>> change_of(std::string_view field, std::string_view ref,
                                           std::string_view before, std::string_view after);

}  // namespace gitferry::api::webhook
