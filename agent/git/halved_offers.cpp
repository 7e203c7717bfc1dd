#include "agent/git/halved_offers.h"

#include <algorithm>

namespace gitferry {

void HalvedOffers::make(std::span<BatchItem> items) {
  if (items.size() > 1) --left_;
  const bool is_refused_whole = offer_(items);
  if (!is_refused_whole || left_ <= 0) return;
  const auto rest = std::partition(items.begin(), items.end(),
                                   [](const BatchItem& item) { return !item.is_in_push || item.is_alone; });
  const auto refused = std::span<BatchItem>(rest, items.end());
  if (refused.size() < 2) return;
  make(refused.first(refused.size() / 2));
  make(refused.subspan(refused.size() / 2));
}

}  // namespace gitferry
