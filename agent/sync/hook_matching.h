#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/model/binding.h"
#include "agent/model/push_event.h"
#include "agent/model/webhook_source.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// Whether a repository is among those that the hook is for (OrganisationHook::owners), by its full name.
/// One without a name is not, unless the hook is for all.
bool admits(const OrganisationHook& hook, const RepositoryIdentity& repository);

/// Finds what a delivery of an organisation's hook is for, among all bindings of a snapshot.
///
/// A side of a binding fires where its address is the named repository at the hook's instance: the instance
/// comes from the configuration, never from the payload. Some instances give their repositories addresses at
/// another host (one for ssh, say): an address that the payload gives counts too, unless its path is not the
/// named repository's, or its host is known to be another instance.
///
/// Memory:    8 bytes a binding and 8 an address, made at the first delivery after a change of the bindings.
/// Threading: all calls from any thread.
class HookMatching {
 public:
  /// In the order of the bindings' names, the internal side first; no target twice.
  [[nodiscard]] std::vector<HookTarget> targets(const Snapshot& bindings, const OrganisationHook& hook,
                                                const RepositoryIdentity& repository);

 private:
  class Index;
  [[nodiscard]] std::shared_ptr<const Index> index_of(const Snapshot& bindings);

  Guarded<std::shared_ptr<const Index>> index_;
};

}  // namespace gitferry
