#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/advertisement.h"
#include "agent/git/engine.h"
#include "agent/git/transport.h"

namespace gitferry {

/// The v2 capabilities of sources, kept between runs: over http they spare the first round trip.
///
/// Threading: that of the engine that owns it. Entries are forgotten on any error of their source.
class CapabilityCache {
 public:
  [[nodiscard]] const Capabilities* find(const std::string& address) const;
  void remember(const std::string& address, const Capabilities& capabilities);
  void forget(const std::string& address) { entries_.erase(address); }

 private:
  std::map<std::string, Capabilities> entries_;
};

struct FetchRequest {
  std::vector<ObjectId> wants;  ///< at least one
  std::vector<ObjectId> haves;
  /// Send the pack whatever the source knows of `haves`. Without it, a source that knows none sends nothing.
  bool done = false;
  bool thin_pack = true;
  bool ofs_delta = true;
  bool without_trees = false;  ///< commits alone (`filter tree:0`): for a proof. Only where offers_filter()
};

using RefTips = std::map<std::string, ObjectId, std::less<>>;

struct FetchAnswer {
  enum class Kind {
    NoCommon,  ///< the source has none of the haves; nothing was sent
    NotReady,  ///< it has some, but does not see how they help
    Pack,
  };
  Kind kind = Kind::NoCommon;
  /// The pack alone; its end is clean only if the source ended cleanly. Valid as long as the UploadPack.
  std::unique_ptr<ByteReader> pack;
};

/// Client of a source's `git-upload-pack`, in protocol v2, or v0 where the source answers that.
///
/// Use: start(), then tips_of(), or list_refs() or head_branch() alone; then fetch(). After a fetch, another
/// one needs a stateless connection (can_fetch_again()). Errors: those of the transport and of PacketReader;
/// LeaseLost where the source refuses the want because the
///         ref moved; RejectedByRemote for a shallow source.
class UploadPack {
 public:
  /// `address` names the source in errors and in `cache`. Connection and cache must outlive it.
  UploadPack(Connection& connection, std::string address, CapabilityCache& cache);
  ~UploadPack();
  UploadPack(const UploadPack&) = delete;
  UploadPack& operator=(const UploadPack&) = delete;

  /// Sends the first question, and returns without waiting for its answer: `refs` are those that tips_of()
  /// will ask for.
  Status start(const std::vector<std::string>& refs);
  /// The tips of `refs`, as far as the source has them.
  Result<RefTips> tips_of(const std::vector<std::string>& refs);
  Result<std::vector<RefTip>> list_refs(RefScope scope);
  /// The branch that HEAD points to, as a full name; `HEAD` where it has a tip, but the host does not say of
  /// which branch. Empty where it has none.
  Result<std::string> head_branch();
  /// Known after tips_of() or list_refs().
  [[nodiscard]] ObjectFormat format() const { return format_; }
  [[nodiscard]] bool offers_filter() const;
  [[nodiscard]] bool can_fetch_again() const { return connection_.is_stateless(); }
  Result<FetchAnswer> fetch(const FetchRequest& request);

 private:
  struct Conversation;
  class PackStream;

  Status read_first_answer(const AdvertisementQuery& query);
  Result<std::unique_ptr<Conversation>> ask(const std::string& body);
  [[nodiscard]] std::string command_v2(std::string_view name) const;
  using TakeRef = std::function<void(const RefLine&)>;
  [[nodiscard]] std::string list_refs_v2(const std::vector<std::string>& prefixes) const;
  Status read_refs_v2(Conversation& conversation, const TakeRef& take);
  Status refs_v2(const std::vector<std::string>& prefixes, const TakeRef& take);

  Result<FetchAnswer> fetch_v2(const FetchRequest& request);
  Result<FetchAnswer> fetch_v0(const FetchRequest& request);
  [[nodiscard]] std::string wants_v0(const FetchRequest& request) const;
  [[nodiscard]] bool negotiates_no_done() const;
  [[nodiscard]] bool has_side_band() const;
  FetchAnswer pack_answer(std::unique_ptr<Conversation> conversation);

  Connection& connection_;
  std::string address_;
  CapabilityCache& cache_;
  Advertisement advertisement_;
  ObjectFormat format_ = ObjectFormat::Sha1;
  std::unique_ptr<Conversation> early_listing_;
};

}  // namespace gitferry
