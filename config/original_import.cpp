#include "config/original_import.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/ip_address.h"
#include "agent/base/text.h"
#include "agent/model/address_policy.h"
#include "agent/model/binding.h"
#include "agent/model/ref_name.h"
#include "agent/model/remote_url.h"
#include "config/tree_text.h"

namespace gitferry::config {
namespace {

/// What the service showed a host along with a token.
constexpr std::string_view kTokenUser = "oauth2";
constexpr std::size_t kShownLimit = 80;

YamlNode word(std::string text, bool is_quoted = true) {
  YamlNode node;
  node.kind = YamlNode::Kind::Scalar;
  node.text = std::move(text);
  node.is_quoted = is_quoted;
  return node;
}
YamlNode flag(bool value) {
  return word(value ? "true" : "false", false);
}
YamlNode empty(YamlNode::Kind kind) {
  YamlNode node;
  node.kind = kind;
  return node;
}
void put(YamlNode& map, std::string key, YamlNode value) {
  map.members.push_back({std::move(key), {}, std::move(value)});
}

/// Without what a terminal would obey: names of the dump are anybody's.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      '?');
  return text;
}

std::string shown(std::string_view text) {
  return json_string(shortened(text, kShownLimit));
}

/// One side of a repository, checked.
struct ImportedSide {
  RemoteUrl url;
  std::string username;
  Secret token;
};

/// Builds the configuration, a repository at a time.
class Importer {
 public:
  Importer(const OriginalDump& dump, const std::string& directory) : dump_(dump), directory_(directory) {
    for (const auto& branch : dump.branches) branches_of_[branch.repository_id].push_back(&branch);
    for (const auto& repository : dump.repositories) ids_.insert(repository.id);
  }

  OriginalImport run() {
    for (const auto& repository : dump_.repositories) add(repository);
    for (const auto& branch : dump_.branches) {
      if (ids_.count(branch.repository_id) == 0)
        leave_out("a branch of the repository number " + std::to_string(branch.repository_id), branch.line,
                  "no repository has that number");
    }
    add_remarks();
    result_.yaml = yaml_text(whole());
    return std::move(result_);
  }

 private:
  void leave_out(const std::string& what, std::size_t line, const std::string& why) {
    result_.left_out.push_back(printable(what + " (line " + std::to_string(line) + " of the dump): " + why));
  }
  void remark(std::string text) { result_.remarks.push_back(printable(std::move(text))); }

  void add(const OriginalRepository& original) {
    const auto what = "the repository " + shown(original.name);
    const auto refuse = [&](const Error& error) { leave_out(what, original.line, error.text()); };
    const auto name = checked_repository_name(original.name);
    if (!name) return refuse(name.error());
    if (!names_.insert(*name).second) return leave_out(what, original.line, "a second one of that name");
    const auto granularity = granularity_from(original.granularity);
    const auto direction = direction_from(original.direction);
    if (!granularity || !direction)
      return leave_out(what, original.line, "its granularity or direction is none that the service had");
    auto internal = side_of(original.internal_address, original.internal_token);
    if (!internal) return refuse(internal.error());
    auto external = side_of(original.external_address, original.external_token);
    if (!external) return refuse(external.error());
    if (internal->url.identity() == external->url.identity())
      return leave_out(what, original.line, "both addresses are those of one repository");
    add_token(*name, Side::Internal, *internal);
    add_token(*name, Side::External, *external);
    add_repository(original, *name, internal->url, external->url, *granularity);
  }

  /// What `parse_remote_url()` says of an address never holds its password.
  static Result<ImportedSide> side_of(const std::string& address, const Secret& token) {
    auto parsed = parse_remote_url(address, any_scheme());
    if (!parsed) return fail(std::move(parsed.error()));
    ImportedSide side;
    side.url = std::move(parsed->url);
    const bool has_own = token.empty();
    side.username = has_own ? parsed->username : std::string(kTokenUser);
    if (has_own)
      side.token = std::move(parsed->password);
    else
      side.token = token;
    if (side.username.empty()) side.username = kTokenUser;
    return side;
  }

  void add_token(const std::string& name, Side side, const ImportedSide& imported) {
    if (imported.token.empty()) return;
    const auto whose = "the token of " + name + ", " + std::string(name_of(side)) + " side";
    const auto scheme = imported.url.scheme;
    if (scheme != Scheme::Https && scheme != Scheme::Http)
      return remark(whose + ", is left out: its address is not one of https, and a token is of no use there");
    if (directory_.empty()) {
      ++tokens_left_out_;
      return;
    }
    const auto address = imported.url.str();
    const auto file = directory_ + "/" + name + "-" + std::string(name_of(side)) + "-token";
    const auto known = rules_.find(address);
    if (known != rules_.end()) {
      if (!equal_in_constant_time(result_.secrets[known->second].secret.reveal(), imported.token.reveal()))
        remark(whose + ", is left out: " + address + " has another one already, in " +
               result_.secrets[known->second].file);
      return;
    }
    rules_.emplace(address, result_.secrets.size());
    result_.secrets.push_back({file, imported.token});
    YamlNode rule = empty(YamlNode::Kind::Map);
    put(rule, "match", word(address));
    put(rule, "username", word(imported.username));
    put(rule, "password_file", word(file));
    credentials_.items.push_back(std::move(rule));
  }

  void add_repository(const OriginalRepository& original, const std::string& name, const RemoteUrl& internal,
                      const RemoteUrl& external, Granularity granularity) {
    schemes_.insert({internal.scheme, external.scheme});
    for (const auto* url : {&internal, &external}) {
      const auto literal = parse_ip_address(url->host);
      if (literal && !AddressPolicy().allows(*literal))
        private_hosts_.insert(to_string(AddressRange{*literal, 128}));
    }
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "name", word(name));
    put(map, "enable", flag(original.enabled));
    put(map, "internal", word(internal.str()));
    put(map, "external", word(external.str()));
    put(map, "granularity", word(original.granularity));
    put(map, "direction", word(original.direction));
    auto branches = branches_for(original, name, granularity);
    if (granularity == Granularity::One) put(map, "branches", std::move(branches));
    repositories_.items.push_back(std::move(map));
    ++result_.repositories;
  }

  YamlNode branches_for(const OriginalRepository& original, const std::string& name,
                        Granularity granularity) {
    YamlNode list = empty(YamlNode::Kind::List);
    const auto found = branches_of_.find(original.id);
    if (found == branches_of_.end()) return list;
    if (granularity == Granularity::All) {
      remark(name + ": its " + std::to_string(found->second.size()) +
             " branch bindings are left out, as they never counted: every branch is synced");
      return list;
    }
    // The service let a pair be bound twice; it synced where either was enabled.
    std::map<std::pair<std::string, std::string>, std::size_t> pairs;
    for (const auto* branch : found->second) {
      const auto what = "the branch " + shown(branch->internal_name) + " -> " + shown(branch->external_name) +
                        " of " + name;
      const auto internal = checked_branch(branch->internal_name);
      const auto external = checked_branch(branch->external_name);
      if (!internal || !external) {
        leave_out(what, branch->line, (internal ? external : internal).error().text());
        continue;
      }
      const auto [known, is_new] = pairs.emplace(std::pair(*internal, *external), list.items.size());
      if (!is_new) {
        remark(what + " was bound twice, and is one binding now");
        if (branch->enabled) list.items[known->second].members.back().value = flag(true);
        continue;
      }
      YamlNode pair = empty(YamlNode::Kind::Map);
      put(pair, "internal", word(*internal));
      put(pair, "external", word(*external));
      put(pair, "enable", flag(branch->enabled));
      list.items.push_back(std::move(pair));
      ++result_.branches;
    }
    return list;
  }

  void add_remarks() {
    if (!dump_.says_complete)
      remark("nothing in the dump says that it is all there: compare the numbers with the service's lists");
    if (tokens_left_out_ > 0)
      remark(std::to_string(tokens_left_out_) +
             " tokens are left out: with --secrets DIRECTORY each goes to a file of its own there");
    if (schemes_.count(Scheme::Http) != 0)
      remark("some addresses are of plain http, which anybody on the way can read and change: use https");
    if (!private_hosts_.empty())
      remark("some addresses are of private networks: network.allow_cidrs names each host that is one");
    if (schemes_.count(Scheme::Ssh) != 0)
      remark("ssh addresses need a key and known_hosts of the user that gitferry runs as, or a credential");
    remark(
        "the service took no webhooks: until each repository has one, it is compared every "
        "sync.reconcile_interval");
    remark("a branch that was synced in both directions by calls needs 'direction: both' here");
  }

  /// Of the network, what is not allowed by default and the addresses need.
  [[nodiscard]] YamlNode what_is_reached() const {
    YamlNode network = empty(YamlNode::Kind::Map);
    if (schemes_.count(Scheme::Http) + schemes_.count(Scheme::File) != 0) {
      YamlNode schemes = empty(YamlNode::Kind::List);
      for (const auto scheme : {Scheme::Https, Scheme::Ssh, Scheme::Http, Scheme::File}) {
        if (scheme == Scheme::Https || scheme == Scheme::Ssh || schemes_.count(scheme) != 0)
          schemes.items.push_back(word(std::string(name_of(scheme))));
      }
      put(network, "allow_schemes", std::move(schemes));
    }
    if (!private_hosts_.empty()) {
      YamlNode ranges = empty(YamlNode::Kind::List);
      for (const auto& host : private_hosts_) ranges.items.push_back(word(host));
      put(network, "allow_cidrs", std::move(ranges));
    }
    return network;
  }

  [[nodiscard]] YamlNode whole() {
    YamlNode root = empty(YamlNode::Kind::Map);
    put(root, std::string(kComment), word("Made by gitferry import of the original service's database."));
    put(root, "version", word("1", false));
    auto network = what_is_reached();
    if (!network.members.empty()) put(root, "network", std::move(network));
    if (!credentials_.items.empty()) put(root, "credentials", std::move(credentials_));
    put(root, "repos", std::move(repositories_));
    return root;
  }

  const OriginalDump& dump_;
  const std::string& directory_;
  std::map<std::int64_t, std::vector<const OriginalBranch*>> branches_of_;
  std::set<std::int64_t> ids_;
  std::set<std::string> names_;
  std::set<Scheme> schemes_;
  std::set<std::string> private_hosts_;       ///< as ranges of one address
  std::map<std::string, std::size_t> rules_;  ///< address -> its secret
  std::size_t tokens_left_out_ = 0;
  YamlNode credentials_ = empty(YamlNode::Kind::List);
  YamlNode repositories_ = empty(YamlNode::Kind::List);
  OriginalImport result_;
};

}  // namespace

OriginalImport import_original(const OriginalDump& dump, const std::string& secrets_directory) {
  return Importer(dump, secrets_directory).run();
}

}  // namespace gitferry::config
