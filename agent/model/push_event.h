#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/object_id.h"

namespace gitferry {

/// How a ref changed, as a payload says. A hint only: what a run does is decided from the hosts' own tips.
struct RefChange {
  std::string ref;  ///< full name, valid by is_valid_ref()
  std::optional<ObjectId> before;
  std::optional<ObjectId> after;
  bool deleted = false;
};

/// The repository that a payload names, in the forms it uses. Never connected to, only compared.
struct RepositoryIdentity {
  std::string full_name;  ///< `acme/robot`, as sent
  std::vector<std::string> urls;
};

/// A verified webhook in the one form that routing knows: 0..n ref changes of one repository.
struct PushEvent {
  std::string provider;
  std::string event;        ///< the provider's own word (`push`, `Push Hook`, `ping`)
  std::string delivery_id;  ///< as sent, unsigned: for people, never for deciding
  /// The part of the proof that is used once (Standard Webhooks' id): the only reason to call a delivery a
  /// duplicate. Empty where the provider signs none.
  std::string signed_id;
  RepositoryIdentity repository;
  std::vector<RefChange> changes;
  /// Something moved, but the payload does not say what: the whole repository is to be compared. `changes` is
  /// empty then.
  bool is_unspecific = false;
  /// Why there is nothing to do (`ping`, `unsupported_event`, `test_delivery`); empty for a push.
  std::string ignored_reason;
};

}  // namespace gitferry
