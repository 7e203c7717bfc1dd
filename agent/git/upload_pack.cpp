#include "agent/git/upload_pack.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "agent/git/pkt_line.h"
#include "agent/git/upload_pack_conversation.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

constexpr std::size_t kRememberedSources = 4096;

/// So many refs are asked for by their names; beyond that, a listing of their namespaces is the smaller
/// question.
constexpr std::size_t kNamedPrefixes = 64;

std::vector<std::string> prefixes_for(const std::vector<std::string>& refs) {
  if (refs.size() <= kNamedPrefixes) return refs;
  std::set<std::string> namespaces;
  for (const auto& ref : refs) {
    // `refs/heads/` of `refs/heads/main`
    const auto end = ref.find('/', ref.find('/') + 1);
    namespaces.insert(end == std::string::npos ? ref : ref.substr(0, end + 1));
  }
  return {namespaces.begin(), namespaces.end()};
}

}  // namespace

void take_end(PacketReader& packets) {
  std::array<char, 16> behind{};
  static_cast<void>(packets.read_raw(behind));
}

const Capabilities* CapabilityCache::find(const std::string& address) const {
  const auto found = entries_.find(address);
  return found == entries_.end() ? nullptr : &found->second;
}

void CapabilityCache::remember(const std::string& address, const Capabilities& capabilities) {
  if (entries_.size() >= kRememberedSources) entries_.clear();
  entries_.insert_or_assign(address, capabilities);
}

UploadPack::UploadPack(Connection& connection, std::string address, CapabilityCache& cache)
    : connection_(connection), address_(std::move(address)), cache_(cache) {}

UploadPack::~UploadPack() = default;

Status UploadPack::start(const std::vector<std::string>& refs) {
  const auto* remembered = connection_.is_stateless() ? cache_.find(address_) : nullptr;
  if (remembered == nullptr) return connection_.start_advertisement();
  advertisement_.version = 2;
  advertisement_.capabilities = *remembered;
  format_ = remembered->object_format().value_or(ObjectFormat::Sha1);
  auto asked = ask(list_refs_v2(prefixes_for(refs)));
  if (asked) {
    early_listing_ = std::move(*asked);
    return {};
  }
  cache_.forget(address_);
  return connection_.start_advertisement();
}

Status UploadPack::read_first_answer(const AdvertisementQuery& query) {
  auto stream = connection_.advertisement();
  if (!stream) return fail(stream.error());
  PacketReader packets(**stream, fmt::format("listing the refs of the source '{}'", address_));
  auto read = read_advertisement(packets, query);
  if (!read) return fail(read.error());
  if (connection_.is_stateless()) take_end(packets);
  advertisement_ = std::move(*read);
  format_ = advertisement_.format;
  if (advertisement_.version == 2) cache_.remember(address_, advertisement_.capabilities);
  return {};
}

Result<std::unique_ptr<UploadPack::Conversation>> UploadPack::ask(const std::string& body) {
  auto exchange = connection_.request(body.size());
  if (!exchange) return fail(exchange.error());
  auto conversation = std::make_unique<Conversation>(std::move(*exchange),
                                                     fmt::format("reading from the source '{}'", address_));
  if (auto written = conversation->exchange->write(body); !written) return fail(written.error());
  // On a pipe more may have to follow in the same conversation.
  if (!connection_.is_stateless()) return conversation;
  if (auto finished = conversation->exchange->finish_request(); !finished) return fail(finished.error());
  return conversation;
}

std::string UploadPack::command_v2(std::string_view name) const {
  auto body = packet(fmt::format("command={}\n", name));
  if (advertisement_.capabilities.has("agent")) body += packet(kUploadPackAgent);
  if (advertisement_.capabilities.has("object-format")) {
    body += packet(fmt::format("object-format={}", name_of(format_)));
  }
  return body + std::string(kDelimiterPacket);
}

std::string UploadPack::list_refs_v2(const std::vector<std::string>& prefixes) const {
  auto body = command_v2("ls-refs") + packet("symrefs\n");
  for (const auto& prefix : prefixes) body += packet(fmt::format("ref-prefix {}\n", prefix));
  return body + std::string(kFlushPacket);
}

Status UploadPack::read_refs_v2(Conversation& conversation, const TakeRef& take) {
  RefLimit limit;
  for (;;) {
    const auto packet = conversation.packets.read();
    if (!packet) return fail(packet.error());
    if (!packet->is_data()) break;
    if (auto counted = limit.count(packet->payload.size(), conversation.packets.what()); !counted) {
      return fail(counted.error());
    }
    const auto line = packet->line();
    if (line.starts_with("unborn ")) continue;
    const auto ref = parse_ref_line(line, format_, conversation.packets.what());
    if (!ref) return fail(ref.error());
    take(*ref);
  }
  if (connection_.is_stateless()) take_end(conversation.packets);
  return {};
}

Status UploadPack::refs_v2(const std::vector<std::string>& prefixes, const TakeRef& take) {
  auto conversation = ask(list_refs_v2(prefixes));
  auto read = conversation ? read_refs_v2(**conversation, take) : Status(fail(conversation.error()));
  if (!read) cache_.forget(address_);
  return read;
}

Result<RefTips> UploadPack::tips_of(const std::vector<std::string>& refs) {
  const AskedRefs asked(refs);
  RefTips tips;
  const auto take = [&](const RefLine& line) {
    if (asked.contains(line.ref)) tips.insert_or_assign(std::string(line.ref), line.id);
  };
  if (const auto listing = std::move(early_listing_)) {
    const auto read = read_refs_v2(*listing, take);
    if (read) return tips;
    cache_.forget(address_);
    tips.clear();
    const auto code = read.error().code;
    if (code == ErrorCode::Timeout || code == ErrorCode::Cancelled) return fail(read.error());
    // What was remembered may be out of date: ask from the beginning.
    if (auto started = connection_.start_advertisement(); !started) return fail(started.error());
  }
  if (auto read = read_first_answer({.asked = asked}); !read) return fail(read.error());
  if (advertisement_.version != 2) return std::move(advertisement_.tips);
  if (const auto read = refs_v2(prefixes_for(refs), take); !read) return fail(read.error());
  return tips;
}

Result<std::vector<RefTip>> UploadPack::list_refs(RefScope scope) {
  if (auto started = connection_.start_advertisement(); !started) return fail(started.error());
  if (auto read = read_first_answer({.asked = {}, .keep_refs = true}); !read) return fail(read.error());
  auto listed = std::move(advertisement_.refs);
  std::vector<std::string> prefixes{std::string(kHeadsPrefix)};
  if (scope == RefScope::BranchesAndTags) prefixes.emplace_back(kTagsPrefix);
  if (advertisement_.version == 2) {
    const auto take = [&](const RefLine& line) { listed.push_back({std::string(line.ref), line.id}); };
    if (const auto read = refs_v2(prefixes, take); !read) return fail(read.error());
  }
  std::erase_if(listed, [&](const RefTip& ref) {
    return std::ranges::none_of(prefixes, [&](const auto& prefix) { return ref.ref.starts_with(prefix); });
  });
  std::ranges::sort(listed, {}, &RefTip::ref);
  return listed;
}

Result<std::string> UploadPack::head_branch() {
  if (auto started = connection_.start_advertisement(); !started) return fail(started.error());
  const std::string head = "HEAD";
  if (auto read = read_first_answer({.asked = AskedRefs({head})}); !read) return fail(read.error());
  if (advertisement_.version != 2) {
    return advertisement_.head_target.empty() && advertisement_.tip_of(head) ? head
                                                                             : advertisement_.head_target;
  }
  std::string branch;
  const auto take = [&](const RefLine& line) {
    if (line.ref == head) branch = line.symref_target.empty() ? head : std::string(line.symref_target);
  };
  if (const auto read = refs_v2({"HEAD"}, take); !read) return fail(read.error());
  return branch;
}

}  // namespace gitferry
