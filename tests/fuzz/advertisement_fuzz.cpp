#include "agent/git/advertisement.h"
#include "agent/model/ref_name.h"
#include "tests/fuzz/fuzz_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  fuzz::FuzzBytes bytes(data, size);
  PacketReader packets(bytes, "fuzz");
  const auto read = read_advertisement(
      packets, {.asked = gitferry::AskedRefs({"refs/heads/main"}), .keep_refs = true, .keep_tips = true});
  if (!read) {
    fuzz::require(!read.error().message.empty());
    return 0;
  }
  fuzz::require(read->version >= 0 && read->version <= 2);
  const auto tip = read->tip_of("refs/heads/main");
  fuzz::require(!tip || tip->format() == read->format);
  for (const auto& ref : read->refs) {
    fuzz::require(ref.ref.starts_with("refs/") && ref.tip.format() == read->format);
  }
  const auto tips = read->best_tips(16);
  fuzz::require(tips.size() <= 16);
  for (const auto& tip : tips) fuzz::require(read->advertises(tip));
  return 0;
}
