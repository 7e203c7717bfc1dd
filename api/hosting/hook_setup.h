#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/store/hook_history.h"
#include "api/hosting/hook_client.h"
#include "api/hosting/hook_host.h"

namespace gitferry::api::hosting {

/// What was done, or would be, to have one hook that is right.
enum class HookAction {
  None,  ///< it is right as it is
  Created,
  Changed,
  Replaced,  ///< a new one with the new secret, and the old one removed: where a host changes none
};
std::string_view name_of(HookAction action);

struct SetupOptions {
  bool dry_run = false;  ///< nothing is changed
  bool rotate = false;   ///< the secret is set even where all else is right: no host tells which one it has
};

struct SetUpHook {
  HookAction action = HookAction::None;
  std::int64_t id = 0;                  ///< 0: of one that is not there yet
  std::vector<Flaw> mended;             ///< what was wrong
  std::vector<std::int64_t> spare_ids;  ///< further ones with our address, which are left alone
};

/// Sees to it that the host has one hook with our address, and that it is right. Hooks with another address
/// are not touched; of several with ours, the best is. Whatever is changed, the secret is set with it. At the
/// end the host is asked again: what it says then counts.
///
/// Errors: those of HookClient; RejectedByRemote where the host took a change and still says otherwise.
Result<SetUpHook> set_up(HookClient& client, const WantedHook& wanted, const SetupOptions& options);

/// How a hook stands, by its host's account.
struct FoundHook {
  std::int64_t id = 0;
  std::vector<Flaw> flaws;
  std::optional<HostDelivery> last_delivery;
  std::vector<std::int64_t> spare_ids;
};
/// nullopt: there is none with our address. Errors: those of HookClient.
Result<std::optional<FoundHook>> look_up(HookClient& client, const WantedHook& wanted);

/// Whether a hook delivers, and if not, why, and what to do.
struct HookHealth {
  bool delivers = false;
  std::string problem;  ///< empty: there is none
  std::string advice;   ///< what to do next; may also be set where it delivers
};
/// What our database knows.
struct KnownArrival {
  std::optional<HookArrival> last;  ///< unset: none is kept
  std::int64_t kept_since_ms = 0;   ///< what is older than that may have been deleted
};
/// `who` is how the commands name the hook: `robot --side internal`.
HookHealth judge(const std::optional<FoundHook>& found, const KnownArrival& arrival, std::string_view who);

}  // namespace gitferry::api::hosting
