#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gitferry {

/// Names of refs that are looked for in a listing.
///
/// Git keeps no ref beside one whose name is a directory of its own name (`a` and `a/b`), so it also says
/// which of them a listed ref stands in the way of.
class AskedRefs {
 public:
  AskedRefs() = default;
  explicit AskedRefs(const std::vector<std::string>& names) : names_(names.begin(), names.end()) {}

  [[nodiscard]] bool contains(std::string_view name) const { return names_.contains(name); }
  /// Those that cannot exist beside `listed`. Valid as long as this object.
  [[nodiscard]] std::vector<std::string_view> blocked_by(std::string_view listed) const;

 private:
  std::set<std::string, std::less<>> names_;
};

}  // namespace gitferry
