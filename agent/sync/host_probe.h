#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/sync/host_breakers.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// What probe_host() may take.
constexpr std::chrono::seconds kLongestProbe{180};

/// Asks `host` once for what the next run would ask it first: the branches of `repository`. A host that
/// answers with an error of its own may do so for that repository alone: it is asked for up to two others
/// too, which `fraction` chooses.
///
/// Unset: nothing was learnt, since the probe was stopped, or the host could not be asked at all (credentials
/// are missing, the repository is there no longer): its run will tell.
/// Blocking: until it answers, at most kLongestProbe.
std::optional<HostNews> probe_host(Engine& engine, const BindingSnapshot& bindings,
                                   const std::string& repository, const std::string& host,
                                   const CredentialLookup& credentials,
                                   const std::function<double()>& fraction, const std::stop_token& stop);

}  // namespace gitferry
