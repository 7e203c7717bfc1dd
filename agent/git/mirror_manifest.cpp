#include "agent/git/mirror_manifest.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::string_view kFirstLine = "gitferry mirror 1";
constexpr std::string_view kLastLine = "end";

std::optional<ObjectId> id_among(std::string_view hex) {
  return hex.size() == hex_size(ObjectFormat::Sha1) ? ObjectId::from_hex(hex) : std::nullopt;
}

bool take_line(std::string_view line, MirrorManifest& manifest) {
  const auto words = split(line, ' ');
  if (words.size() == 2 && words[0] == "tip") {
    const auto tip = id_among(words[1]);
    if (tip) manifest.tips.push_back(*tip);
    return tip.has_value();
  }
  if (words.size() != 4 || words[0] != "pack" || !id_among(words[1])) return false;
  const auto pack_bytes = parse_number(words[2]);
  const auto index_bytes = parse_number(words[3]);
  if (!pack_bytes || !index_bytes) return false;
  manifest.packs.push_back({std::string(words[1]), static_cast<std::uint64_t>(*pack_bytes),
                            static_cast<std::uint64_t>(*index_bytes)});
  return true;
}

}  // namespace

void MirrorManifest::add_tips(const std::vector<ObjectId>& added) {
  auto all = added;
  all.insert(all.end(), tips.begin(), tips.end());
  tips.clear();
  for (auto& tip : all) {
    if (tips.size() == kTipLimit) break;
    if (std::ranges::find(tips, tip) == tips.end()) tips.push_back(std::move(tip));
  }
}

void MirrorManifest::add_pack(Pack pack) {
  std::erase_if(packs, [&](const Pack& other) { return other.name == pack.name; });
  packs.push_back(std::move(pack));
}

std::string MirrorManifest::text() const {
  auto text = fmt::format("{}\n", kFirstLine);
  for (const auto& pack : packs) {
    text += fmt::format("pack {} {} {}\n", pack.name, pack.pack_bytes, pack.index_bytes);
  }
  for (const auto& tip : tips) text += fmt::format("tip {}\n", tip.hex());
  return text + fmt::format("{}\n", kLastLine);
}

Result<MirrorManifest> MirrorManifest::parse(const std::string& text) {
  MirrorManifest manifest;
  const auto lines = split(text, '\n');
  const bool is_framed = lines.size() >= 3 && lines.front() == kFirstLine && lines.back().empty() &&
                         lines[lines.size() - 2] == kLastLine;
  bool is_sound = is_framed;
  for (std::size_t i = 1; is_sound && i + 2 < lines.size(); ++i) is_sound = take_line(lines[i], manifest);
  if (is_sound) return manifest;
  return fail(ErrorCode::LocalRepositoryDamaged, "the list of the mirror's packs is damaged");
}

}  // namespace gitferry
