#include "agent/sync/hook_matching.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace gitferry {
namespace {

/// What an instance puts before the names of its repositories in http addresses, and nowhere else.
struct Infix {
  std::string_view provider;
  std::string_view segment;
};
constexpr std::array kInfixes{Infix{"bitbucket-server", "scm/"}, Infix{"gerrit", "a/"}};

bool is_web(const RemoteUrl& url) {
  return url.scheme == Scheme::Https || url.scheme == Scheme::Http;
}

std::string_view last_segment(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// A request to find one repository, made ready for comparing it with many addresses.
struct Wanted {
  RepositoryPlace instance;
  std::string name;                     ///< as plain_repository_name()
  std::vector<std::string> paths;       ///< that its http addresses may have
  std::vector<std::string> identities;  ///< of the addresses in the payload that count
};

bool is_another_instance(const std::string& host, const OrganisationHook& hook,
                         const BindingSnapshot& bindings) {
  if (host == hook.instance.place().host) return false;
  const auto& hooks = bindings.hooks;
  if (std::any_of(hooks.begin(), hooks.end(),
                  [&](const OrganisationHook& other) { return other.instance.place().host == host; })) {
    return true;
  }
  const auto kinds = webhook_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const WebhookKind& kind) {
    constexpr std::string_view scheme = "https://";
    return kind.instance.size() > scheme.size() && kind.instance.substr(scheme.size()) == host;
  });
}

/// The name in the payload; where that has none, the one in its first address.
std::string name_in(const RepositoryIdentity& repository) {
  if (!repository.full_name.empty()) return plain_repository_name(repository.full_name);
  for (const auto& text : repository.urls) {
    if (const auto parsed = parse_remote_url(text, any_scheme())) return parsed->url.full_name();
  }
  return {};
}

/// The paths that the http addresses of the repository may have at the hook's instance.
std::vector<std::string> web_paths(const OrganisationHook& hook, const std::string& name) {
  const auto at = hook.instance.place().path;
  const auto prefix = at.empty() ? std::string() : at + "/";
  std::vector<std::string> paths{prefix + name};
  for (const auto& infix : kInfixes) {
    if (infix.provider == hook.source.provider) paths.push_back(prefix + std::string(infix.segment) + name);
  }
  // The path of an instance of Azure DevOps is the organisation, which its full names begin with as well.
  if (hook.source.provider == "azure" && name.starts_with(prefix)) paths.push_back(name);
  return paths;
}

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

Wanted wanted_of(const BindingSnapshot& bindings, const OrganisationHook& hook,
                 const RepositoryIdentity& repository) {
  Wanted made;
  made.instance = hook.instance.place();
  made.name = name_in(repository);
  made.paths = web_paths(hook, made.name);
  for (const auto& text : repository.urls) {
    const auto parsed = parse_remote_url(text, any_scheme());
    if (!parsed || parsed->url.scheme == Scheme::File) continue;
    const auto place = parsed->url.place();
    const bool is_of_name = place.path == made.name || contains(made.paths, place.path);
    if (is_of_name && !is_another_instance(place.host, hook, bindings))
      made.identities.push_back(parsed->url.identity());
  }
  return made;
}

bool is_wanted(const Wanted& wanted, const RemoteUrl& address) {
  if (address.scheme == Scheme::File) return false;
  const auto place = address.place();
  if (place.host == wanted.instance.host) {
    // The port of ssh is another one than the instance's, and says nothing.
    if (!is_web(address) && place.path == wanted.name) return true;
    if (is_web(address) && place.port == wanted.instance.port && contains(wanted.paths, place.path)) {
      return true;
    }
  }
  return !wanted.identities.empty() && contains(wanted.identities, address.identity());
}

}  // namespace

bool admits(const OrganisationHook& hook, const RepositoryIdentity& repository) {
  if (hook.owners.empty()) return true;
  const auto name = name_in(repository);
  return std::any_of(hook.owners.begin(), hook.owners.end(), [&](const std::string& owner) {
    return name.starts_with(owner) && (name.size() == owner.size() || name[owner.size()] == '/');
  });
}

/// The addresses of a snapshot by the last segment of their paths, which is the same in every form of an
/// address. What is found is compared as a whole afterwards.
class HookMatching::Index {
 public:
  explicit Index(const Snapshot& bindings) : of_(bindings) {
    bindings_.reserve(bindings->repositories.size());
    entries_.reserve(bindings->repositories.size() * 2);
    for (const auto& [name, binding] : bindings->repositories) {
      const auto number = static_cast<std::uint32_t>(bindings_.size());
      bindings_.push_back(&binding);
      for (const auto side : {Side::Internal, Side::External}) {
        entries_.push_back({hash_of(plain_repository_name(binding.address(side).path)),
                            number << 1U | (side == Side::External ? 1U : 0U)});
      }
    }
    std::sort(entries_.begin(), entries_.end());
  }

  [[nodiscard]] bool is_of(const Snapshot& bindings) const { return of_.lock() == bindings; }

  /// The bindings of the index must still be alive: whoever asks holds their snapshot.
  void find(const Wanted& wanted, std::vector<HookTarget>& found) const {
    const auto hash = hash_of(wanted.name);
    const auto first = std::lower_bound(entries_.begin(), entries_.end(), Entry{hash, 0});
    for (auto entry = first; entry != entries_.end() && entry->hash == hash; ++entry) {
      const auto& binding = *bindings_[entry->place >> 1U];
      const auto side = (entry->place & 1U) == 0 ? Side::Internal : Side::External;
      if (is_wanted(wanted, binding.address(side))) found.push_back({binding.name, side});
    }
  }

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  ///< twice the number of the binding, and one more for the external side
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
    auto operator<=>(const Entry&) const = default;
  };

  static std::uint32_t hash_of(std::string_view path) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(last_segment(path)));
  }

  std::weak_ptr<const BindingSnapshot> of_;
  std::vector<const RepositoryBinding*> bindings_;
  std::vector<Entry> entries_;
};

std::shared_ptr<const HookMatching::Index> HookMatching::index_of(const Snapshot& bindings) {
  // Built under the lock: who comes meanwhile needs it just as much, and it takes milliseconds.
  auto index = index_.lock();
  if (!*index || !(*index)->is_of(bindings)) *index = std::make_shared<const Index>(bindings);
  return *index;
}

std::vector<HookTarget> HookMatching::targets(const Snapshot& bindings, const OrganisationHook& hook,
                                              const RepositoryIdentity& repository) {
  std::vector<HookTarget> found;
  const auto what = wanted_of(*bindings, hook, repository);
  if (!what.name.empty()) index_of(bindings)->find(what, found);
  return found;
}

}  // namespace gitferry
