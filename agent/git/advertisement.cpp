#include "agent/git/advertisement.h"

#include <set>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/git/remote_text.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

constexpr std::size_t kRefCountLimit = 1'000'000;
constexpr std::size_t kRefBytesLimit = 64U << 20U;
/// More refs in each other's way than any two hosts have.
constexpr std::size_t kBlockedStepsLimit = 1'000'000;
constexpr std::size_t kCapabilitiesLimit = 256U << 10U;

constexpr std::string_view kAlternate = ".have";
constexpr std::string_view kNoRefs = "capabilities^{}";
constexpr std::string_view kShallowPrefix = "shallow ";

tl::unexpected<Error> not_understood(const std::string& what, std::string_view line) {
  return fail(
      ErrorCode::ProtocolError,
      fmt::format("{}: the line '{}' of the advertisement was not understood", what, cleaned_text(line, 80)),
      "check that the address is that of a git repository");
}

class AdvertisementParser {
 public:
  AdvertisementParser(PacketReader& packets, const AdvertisementQuery& query)
      : packets_(packets), query_(query) {}

  Result<Advertisement> parse() {
    for (;;) {
      const auto packet = packets_.read();
      if (!packet) return fail(packet.error());
      if (packet->kind == Packet::Kind::Flush) return std::move(result_);
      if (!packet->is_data()) return not_understood(packets_.what(), "delimiter");
      if (auto counted = limit_.count(packet->payload.size(), packets_.what()); !counted)
        return fail(counted.error());
      if (auto taken = take(packet->line()); !taken) return fail(taken.error());
    }
  }

 private:
  Status take(std::string_view line) {
    if (is_first_) {
      if (line == "version 2" || line == "version 1") {
        result_.version = line.back() - '0';
        is_first_ = result_.version == 1;
        return {};
      }
      is_first_ = false;
      return take_first_ref(line);
    }
    return result_.version == 2 ? take_capability(line) : take_ref(line);
  }

  Status take_capability(std::string_view capability) {
    if (result_.capabilities.size() + capability.size() > kCapabilitiesLimit) {
      return fail(ErrorCode::LimitExceeded, packets_.what() + ": the host advertises too many capabilities",
                  "check that the address is that of a git repository");
    }
    result_.capabilities.add(capability);
    constexpr std::string_view head = "symref=HEAD:";
    if (capability.starts_with(head)) result_.head_target = capability.substr(head.size());
    if (!capability.starts_with("object-format=")) return {};
    const auto format = result_.capabilities.object_format();
    if (!format) return fail(format.error());
    set_format(*format);
    return {};
  }

  Status take_first_ref(std::string_view line) {
    const auto end = line.find('\0');
    if (end == std::string_view::npos) return not_understood(packets_.what(), line);
    for (const auto capability : split(line.substr(end + 1), ' ')) {
      if (capability.empty()) continue;
      if (auto taken = take_capability(capability); !taken) return taken;
    }
    return take_ref(line.substr(0, end));
  }

  Status take_ref(std::string_view line) {
    if (line.starts_with(kShallowPrefix)) {
      result_.is_shallow = true;
      return {};
    }
    const auto parsed = parse_ref_line(line, result_.format, packets_.what());
    if (!parsed) return fail(parsed.error());
    keep(*parsed);
    return {};
  }

  void keep(const RefLine& line) {
    if (line.ref == kNoRefs || line.ref.ends_with("^{}") || line.id.is_null()) return;
    if (query_.asked.contains(line.ref)) result_.tips.insert_or_assign(std::string(line.ref), line.id);
    const bool is_branch = line.ref.starts_with(kHeadsPrefix);
    if (is_branch || line.ref.starts_with(kTagsPrefix)) {
      note_blocked(line.ref);
      ++result_.branches_and_tags;
      if (query_.keep_refs) result_.refs.push_back({std::string(line.ref), line.id});
    }
    if (!query_.keep_tips) return;
    if (line.ref == kAlternate) {
      result_.alternate_tips.add(line.id);
    } else if (line.ref == "HEAD" || line.ref == "refs/heads/main" || line.ref == "refs/heads/master") {
      result_.default_tips.add(line.id);
    } else {
      (is_branch ? result_.branch_tips : result_.other_tips).add(line.id);
    }
  }

  void note_blocked(std::string_view listed) {
    // A host that lists a name again and again must not have us look for ever.
    if (blocked_steps_ > kBlockedStepsLimit) return;
    for (const auto blocked : query_.asked.blocked_by(listed)) {
      ++blocked_steps_;
      auto& blockers = result_.in_the_way[std::string(blocked)];
      if (blockers.size() < kBlockersKept) blockers.emplace_back(listed);
    }
  }

  void set_format(ObjectFormat format) {
    result_.format = format;
    for (auto* list :
         {&result_.default_tips, &result_.branch_tips, &result_.other_tips, &result_.alternate_tips}) {
      list->format = format;
    }
  }

  PacketReader& packets_;
  const AdvertisementQuery& query_;
  Advertisement result_;
  RefLimit limit_;
  std::size_t blocked_steps_ = 0;
  bool is_first_ = true;
};

}  // namespace

void Capabilities::add(std::string_view capability) {
  entries_.emplace_back(capability);
  size_ += capability.size();
}

const std::string* Capabilities::find(std::string_view name) const {
  for (const auto& entry : entries_) {
    if (entry.starts_with(name) && (entry.size() == name.size() || entry[name.size()] == '=')) return &entry;
  }
  return nullptr;
}

std::string_view Capabilities::value(std::string_view name) const {
  const auto* entry = find(name);
  if (entry == nullptr || entry->size() == name.size()) return {};
  return std::string_view(*entry).substr(name.size() + 1);
}

bool Capabilities::value_holds(std::string_view name, std::string_view word) const {
  for (const auto part : split(value(name), ' ')) {
    if (part == word) return true;
  }
  return false;
}

Result<ObjectFormat> Capabilities::object_format() const {
  const auto name = value("object-format");
  if (name.empty() || name == name_of(ObjectFormat::Sha1)) return ObjectFormat::Sha1;
  if (name == name_of(ObjectFormat::Sha256)) return ObjectFormat::Sha256;
  return fail(ErrorCode::ProtocolError,
              fmt::format("the host's repository has the unknown object format '{}'", cleaned_text(name, 40)),
              "only sha1 and sha256 repositories can be synced");
}

ObjectId IdList::at(std::size_t index) const {
  const auto width = raw_size(format);
  return ObjectId::from_raw(std::string_view(raw_).substr(index * width, width))
      .value_or(ObjectId::null(format));
}

bool IdList::contains(const ObjectId& id) const {
  const auto width = raw_size(format);
  if (id.raw().size() != width) return false;
  for (auto found = raw_.find(id.raw()); found != std::string::npos; found = raw_.find(id.raw(), found + 1)) {
    if (found % width == 0) return true;
  }
  return false;
}

std::optional<ObjectId> Advertisement::tip_of(std::string_view ref) const {
  const auto found = tips.find(ref);
  return found == tips.end() ? std::nullopt : std::optional(found->second);
}

bool Advertisement::advertises(const ObjectId& id) const {
  return default_tips.contains(id) || branch_tips.contains(id) || other_tips.contains(id) ||
         alternate_tips.contains(id);
}

void Advertisement::leave_out_advertised(std::set<ObjectId>& ids) const {
  for (const auto* list : {&default_tips, &branch_tips, &other_tips, &alternate_tips}) {
    for (std::size_t i = 0; i < list->size() && !ids.empty(); ++i) ids.erase(list->at(i));
  }
}

std::vector<ObjectId> Advertisement::best_tips(std::size_t limit) const {
  std::vector<ObjectId> result;
  std::set<ObjectId> seen;
  for (const auto* list : {&default_tips, &branch_tips, &other_tips, &alternate_tips}) {
    for (std::size_t i = 0; i < list->size() && result.size() < limit; ++i) {
      if (auto id = list->at(i); seen.insert(id).second) result.push_back(std::move(id));
    }
  }
  return result;
}

Result<RefLine> parse_ref_line(std::string_view line, ObjectFormat format, const std::string& what) {
  const auto width = hex_size(format);
  if (line.size() < width + 2 || line[width] != ' ') return not_understood(what, line);
  auto id = ObjectId::from_hex(line.substr(0, width));
  if (!id) return not_understood(what, line);
  const auto rest = line.substr(width + 1);
  const auto end = rest.find(' ');
  RefLine parsed{*std::move(id), rest.substr(0, end)};
  if (end == std::string_view::npos) return parsed;
  constexpr std::string_view target = "symref-target:";
  for (const auto attribute : split(rest.substr(end + 1), ' ')) {
    if (attribute.starts_with(target)) parsed.symref_target = attribute.substr(target.size());
  }
  return parsed;
}

Status RefLimit::count(std::size_t bytes, const std::string& what) {
  bytes_ += bytes;
  if (++lines_ <= kRefCountLimit && bytes_ <= kRefBytesLimit) return {};
  return fail(ErrorCode::LimitExceeded,
              what + ": the host advertises more than a million refs or 64 MiB of them",
              "hide refs on the host (transfer.hideRefs)");
}

Result<Advertisement> read_advertisement(PacketReader& packets, const AdvertisementQuery& query) {
  return AdvertisementParser(packets, query).parse();
}

}  // namespace gitferry
