#include <algorithm>

#include "agent/git/pack_scan.h"
#include "tests/fuzz/fuzz_bytes.h"

/// A found old tip ends in a stream of any cut; the verdict must not depend on how the bytes are cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  const auto new_tip = ObjectId::from_hex("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").value();
  const auto old_tip = ObjectId::from_hex("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb").value();
  const fuzz::FuzzBytes input(data, size);

  const TipPair tips{new_tip, old_tip};
  PackScan whole({&tips, 1}, PackScan::Depth::Whole, 4096);
  auto of_whole = whole.feed(input.rest());
  if (of_whole) of_whole = whole.finish();

  PackScan cut({&tips, 1}, PackScan::Depth::Whole, 4096);
  Status of_cut;
  for (auto rest = input.rest(); !rest.empty() && of_cut;
       rest = rest.substr(std::min(input.piece(), rest.size()))) {
    of_cut = cut.feed(rest.substr(0, input.piece()));
  }
  if (of_cut) of_cut = cut.finish();

  fuzz::require(of_whole.has_value() == of_cut.has_value());
  fuzz::require(whole.commits_seen() == cut.commits_seen());
  // No commit hashes to the new tip, so nothing can lead from it to the old one.
  fuzz::require(!whole.is_found(0) && !cut.is_found(0));
  if (of_whole) fuzz::require(whole.verdict() == cut.verdict());
  return 0;
}
