#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/mirror_directory.h"
#include "agent/git/mirror_repository.h"
#include "agent/git/ref_batch.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

struct MirrorOptions {
  std::string directory;      ///< where mirrors are kept, and packs that are larger than memory
  bool delete_after = false;  ///< no mirror is left when a run ends, however it ends
};

/// Brings refs from source to target by way of a bare repository of its own, one for each pair of addresses.
/// It costs a clone and the time to pack, and can tell everything: any fast-forward, how far two branches
/// went apart, whether what the source sent is whole.
///
/// The wire is the relay's: the same hosts, listings, policies, backups and errors. No ref moves before all
/// that it reaches was found in the mirror, and success is what the target says of the ref.
///
/// The mirror may be deleted at any time between runs. Whatever is found wrong with it in a run is mended in
/// the same run, once, by deleting and fetching it anew; RunReport::mirror_renewed tells of it.
class MirrorEngine final : public Engine {
 public:
  /// `clock` must outlive it.
  MirrorEngine(std::unique_ptr<Transport> transport, const TransferLimits& limits, MirrorOptions options,
               const Clock& clock);

  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override;
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override;

 private:
  /// One run: the mirror that it holds, and what it had to do to it.
  struct Run {
    const SyncRequest& request;
    const Waiting& waiting;
    const MirrorDirectory& directory;
    std::unique_ptr<MirrorRepository> mirror = nullptr;
    bool has_renewed = false;
  };

  void sync_held(const SyncRequest& request, std::span<BatchItem> items, const Waiting& waiting);
  /// As one push, and once more for what lost a race. Whether the target refused all of it.
  bool sync_items(Run& run, std::span<BatchItem> items) const;
  /// One attempt, and another where the mirror had to be made anew. Whether the target refused all of it.
  bool attempt(Run& run, std::span<BatchItem> items) const;
  static Status open(Run& run);
  static Status renew(Run& run);
  /// After the last push: few packs, and none that are of no use.
  static void tidy(Run& run);

  std::unique_ptr<Transport> transport_;
  TransferLimits limits_;
  MirrorOptions options_;
  const Clock& clock_;
  mutable CapabilityCache sources_;
};

}  // namespace gitferry
