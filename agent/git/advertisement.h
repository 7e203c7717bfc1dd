#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/asked_refs.h"
#include "agent/git/engine.h"
#include "agent/git/pkt_line.h"
#include "agent/model/object_id.h"

namespace gitferry {

/// The capabilities of one service (gitprotocol-capabilities, gitprotocol-v2): `name` or `name=value`.
class Capabilities {
 public:
  void add(std::string_view capability);
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The value of the first `name=value`; empty where it has none or is missing.
  [[nodiscard]] std::string_view value(std::string_view name) const;
  /// Whether the value of `name`, a list separated by blanks, holds `word` (v2: `fetch=shallow filter`).
  [[nodiscard]] bool value_holds(std::string_view name, std::string_view word) const;
  /// `object-format`; SHA-1 where it is not told. Errors: ProtocolError for an unknown one.
  [[nodiscard]] Result<ObjectFormat> object_format() const;
  /// Bytes kept, for limits.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  [[nodiscard]] const std::string* find(std::string_view name) const;

  std::vector<std::string> entries_;
  std::size_t size_ = 0;
};

/// Ids without their names, 20 or 32 bytes each: a host may advertise a million of them.
class IdList {
 public:
  void add(const ObjectId& id) { raw_ += id.raw(); }
  [[nodiscard]] std::size_t size() const { return raw_.size() / raw_size(format); }
  [[nodiscard]] std::size_t bytes() const { return raw_.size(); }
  [[nodiscard]] ObjectId at(std::size_t index) const;
  [[nodiscard]] bool contains(const ObjectId& id) const;

  ObjectFormat format = ObjectFormat::Sha1;

 private:
  std::string raw_;
};

/// Of the refs that stand in the way of one, so many are named.
constexpr std::size_t kBlockersKept = 16;

/// What to keep of an advertisement.
struct AdvertisementQuery {
  AskedRefs asked;         ///< those whose tips are wanted
  bool keep_refs = false;  ///< keep all of `refs/heads/` and `refs/tags/` by name
  bool keep_tips = false;  ///< keep the ids of all refs, for haves
};

/// What a service said first, in protocol v0, v1 or v2. With v2 there are capabilities only.
struct Advertisement {
  int version = 0;
  Capabilities capabilities;
  ObjectFormat format = ObjectFormat::Sha1;
  std::map<std::string, ObjectId, std::less<>> tips;  ///< of the refs that were asked for
  /// For each of those that the host cannot have beside others: up to kBlockersKept of these.
  std::map<std::string, std::vector<std::string>, std::less<>> in_the_way;
  std::size_t branches_and_tags = 0;
  /// Where HEAD points to: a branch, as a full name. Empty where the host does not say.
  std::string head_target;
  std::vector<RefTip> refs;  ///< with keep_refs
  /// In the order in which they are worth telling to a source: usual default branches, other branches, other
  /// refs, and what the host has through alternates (`.have`).
  IdList default_tips, branch_tips, other_tips, alternate_tips;
  bool is_shallow = false;

  /// The tip of a ref that was asked for; unset where the host has no such ref.
  [[nodiscard]] std::optional<ObjectId> tip_of(std::string_view ref) const;
  /// Whether the host told that it has `id` as the tip of some ref.
  [[nodiscard]] bool advertises(const ObjectId& id) const;
  /// Takes those out of `ids` that advertises() would be true for, in one pass.
  void leave_out_advertised(std::set<ObjectId>& ids) const;
  /// Up to `limit` different tips, the most useful first.
  [[nodiscard]] std::vector<ObjectId> best_tips(std::size_t limit) const;
};

/// One line `<id> SP <ref>`; `rest` is what stands behind another blank (v2 ref attributes).
struct RefLine {
  ObjectId id;
  std::string_view ref;
  std::string_view symref_target = {};  ///< of `symref-target:<ref>`, which v2 tells where it is asked to
};
/// Errors: ProtocolError where it is not one, or the id is not of `format`.
Result<RefLine> parse_ref_line(std::string_view line, ObjectFormat format, const std::string& what);

/// Counts what a host may send of refs: a million lines, 64 MiB.
class RefLimit {
 public:
  Status count(std::size_t bytes, const std::string& what);

 private:
  std::size_t lines_ = 0;
  std::size_t bytes_ = 0;
};

/// Reads an advertisement up to its flush. The answer to a request for v2 may be v0 or v1: it takes what
/// comes.
///
/// Errors: those of PacketReader, ProtocolError, LimitExceeded (more than a million refs or 64 MiB).
Result<Advertisement> read_advertisement(PacketReader& packets, const AdvertisementQuery& query);

}  // namespace gitferry
