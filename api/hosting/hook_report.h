#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/error.h"
#include "agent/model/binding.h"
#include "api/hosting/hook_setup.h"

namespace gitferry::api::hosting {

/// What the commands tell of one hook: of a binding's side, or of an organisation.
struct HookReport {
  std::string repository;    ///< name of the binding; empty: an organisation's
  std::optional<Side> side;  ///< of the binding
  std::string organisation;  ///< name in `webhooks`; empty: a binding's
  std::string owner;         ///< which of its owners; empty: none is named
  std::string provider;
  std::string url;      ///< that the hook has or should have
  std::string api_url;  ///< empty: none was asked
  bool dry_run = false;
  std::optional<SetUpHook> set_up;  ///< of an installation
  std::optional<FoundHook> found;   ///< of a check; unset: there is none, or nobody was asked
  std::optional<HookArrival> arrival;
  std::optional<HookHealth> health;  ///< of a check; unset: it is not known
  std::optional<Error> error;        ///< why the host could not be asked, or did not do it
};

/// A JSON array with an object for each, as gitferry(1) has it.
std::string installations_json(const std::vector<HookReport>& reports);
std::string checks_json(const std::vector<HookReport>& reports);

/// `webhook 12 was created`; what of `set_up` is to be said.
std::string installation_text(const HookReport& report);
/// What the host tells of its latest delivery: `200, 2026-11-27T…`, `failed (401)`; empty where it tells
/// nothing.
std::string delivery_text(const HostDelivery& delivery);

}  // namespace gitferry::api::hosting
