#include "agent/git/asked_refs.h"

namespace gitferry {

std::vector<std::string_view> AskedRefs::blocked_by(std::string_view listed) const {
  std::vector<std::string_view> blocked;
  for (auto end = listed.find('/'); end != std::string_view::npos; end = listed.find('/', end + 1)) {
    if (const auto found = names_.find(listed.substr(0, end)); found != names_.end())
      blocked.push_back(*found);
  }
  const auto directory = std::string(listed) + "/";
  for (auto found = names_.lower_bound(directory); found != names_.end(); ++found) {
    if (!found->starts_with(directory)) break;
    blocked.push_back(*found);
  }
  return blocked;
}

}  // namespace gitferry
