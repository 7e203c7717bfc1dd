#include "agent/sync/binding_registry.h"

#include <utility>

#include "agent/base/guarded.h"

namespace gitferry {
namespace {

class Registry final : public BindingRegistry {
 public:
  Registry(Parts parts, Snapshot snapshot) : parts_(std::move(parts)), snapshot_(std::move(snapshot)) {}

  [[nodiscard]] Snapshot snapshot() const override { return *snapshot_.lock(); }
  Status reload(BindingSnapshot file, const Actor&) override {
    const Snapshot made = std::make_shared<const BindingSnapshot>(std::move(file));
    *snapshot_.lock() = made;
    parts_.publish(made);
    return {};
  }
  Result<RepositoryBinding> bind_repository(const RepositoryToBind&, const Actor&) override {
    return refused();
  }
  Status set_repository_enabled(std::string_view, bool, const Actor&) override { return refused(); }
  Status change_addresses(std::string_view, const AddressChange&, const Actor&) override { return refused(); }
  Status unbind_repository(std::string_view, const Actor&) override { return refused(); }
  Status reset_repository(std::string_view, const Actor&) override { return refused(); }
  Result<BranchBinding> bind_branch(std::string_view, const BranchBinding&, const Actor&) override {
    return refused();
  }
  Status set_branch_enabled(std::string_view, std::string_view, bool, const Actor&) override {
    return refused();
  }
  Status unbind_branch(std::string_view, std::string_view, const Actor&) override { return refused(); }

 private:
  static tl::unexpected<Error> refused() {
    return fail(ErrorCode::Unavailable, "change the bindings: only the file can, for now");
  }

  Parts parts_;
  mutable Guarded<Snapshot> snapshot_;
};

}  // namespace

Result<std::unique_ptr<BindingRegistry>> BindingRegistry::open(Parts parts, BindingSnapshot file) {
  return std::make_unique<Registry>(std::move(parts),
                                    std::make_shared<const BindingSnapshot>(std::move(file)));
}

}  // namespace gitferry
