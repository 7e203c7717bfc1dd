#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/model/allowed_addresses.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/binding_registry.h"
#include "agent/sync/overlay.h"

namespace gitferry {

/// An audit row of what `actor` does to a repository, without the texts of before and after.
AuditEntry entry_of(const Actor& actor, std::string_view action, std::string_view repository);

/// What the registry keeps: the file's bindings, the overrides, and what is in force of both. It writes a
/// change that was checked, and puts it in force.
///
/// Owns:      the file's bindings, a copy of the store's overrides, the snapshot.
/// Threading: snapshot() from any thread; everything else from one at a time.
/// Blocking:  changes until they are on the disk; no reader of the snapshot waits for that.
/// Errors:    those of Store. After an error nothing has changed.
/// Invariant: what is in force is the overlay of the file and of what the store has.
class BindingBook {
 public:
  struct Parts {
    Store& store;
    AllowedAddresses allowed;
    std::function<void(const Snapshot&)> publish;  ///< as of BindingRegistry::Parts
  };

  /// Reads the overrides and puts them on the file's bindings; allots ids.
  static Result<std::unique_ptr<BindingBook>> open(Parts parts, BindingSnapshot file);

  [[nodiscard]] Snapshot snapshot() const { return *snapshot_.lock(); }
  /// The file's entry; nullptr where it has none.
  [[nodiscard]] const RepositoryBinding* file(std::string_view name) const { return file_.find(name); }
  [[nodiscard]] RepositoryOverrides overrides_of(std::string_view name) const;

  /// Writes the overrides that one repository has from now on with these audit rows, and puts them in force.
  Status apply(std::string_view name, RepositoryOverrides wanted, std::vector<AuditEntry> audit);
  /// The same with one audit row, of what the change does to the repository as a whole.
  Status apply(std::string_view name, RepositoryOverrides wanted, AuditEntry entry);
  /// The file's bindings are others now. One audit row a repository whose binding in force changes by it.
  Status replace_file(BindingSnapshot file, const Actor& actor);
  /// For a store that others write to as well: puts in force what it has now.
  Status read_overrides_again();

 private:
  BindingBook(Parts parts, BindingSnapshot file, OverridesByName overrides, BindingSnapshot in_force)
      : parts_(std::move(parts)),
        file_(std::move(file)),
        overrides_(std::move(overrides)),
        snapshot_(std::make_shared<const BindingSnapshot>(std::move(in_force))) {}

  Status commit(std::string_view name, RepositoryOverrides wanted, std::optional<RepositoryBinding> binding,
                std::vector<AuditEntry> audit);
  void put_in_force(BindingSnapshot bindings);

  Parts parts_;
  BindingSnapshot file_;
  OverridesByName overrides_;  ///< what the store had when they were last read or written
  mutable Guarded<Snapshot> snapshot_;
};

}  // namespace gitferry
