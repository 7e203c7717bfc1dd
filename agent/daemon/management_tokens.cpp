#include "agent/daemon/management_tokens.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/daemon/private_files.h"

namespace gitferry::daemon {
namespace {

api::Role role_from(std::string_view name) {
  if (name == "admin") return api::Role::Admin;
  return name == "operate" ? api::Role::Operate : api::Role::Read;
}

Result<config::Token> made_token(const std::string& data_directory) {
  const auto made = ensure_admin_token(data_directory);
  if (!made) return fail(made.error());
  log::info(
      made->is_new ? "no token is configured: made one" : "no token is configured: using the one made before",
      {{"file", made->path}, {"role", "admin"}});
  return config::Token{"admin-token", "admin", {made->path, ""}};
}

}  // namespace

Status ManagementTokens::replace(const std::vector<config::Token>& tokens,
                                 const std::string& data_directory) {
  Book next;
  next.tokens = tokens;
  if (next.tokens.empty()) {
    auto made = made_token(data_directory);
    if (!made) return fail(std::move(made.error()));
    next.tokens.push_back(std::move(*made));
  }
  const Book before = *book_.lock();
  auto reading = read(next.tokens, before);
  for (const auto& failure : reading.failed) {
    const bool is_kept = std::any_of(reading.hashes.begin(), reading.hashes.end(),
                                     [&](const api::TokenHash& hash) { return hash.name == failure.first; });
    if (!is_kept) return fail(failure.second);
  }
  next.hashes = std::make_shared<const std::vector<api::TokenHash>>(std::move(reading.hashes));
  *book_.lock() = std::move(next);
  return {};
}

void ManagementTokens::look() {
  const Book before = *book_.lock();
  auto reading = read(before.tokens, before);
  std::set<std::string> unread;
  for (const auto& [name, error] : reading.failed) {
    unread.insert(name);
    if (before.unread.count(name) == 0)
      log::warn("a token cannot be read again: its last value stays valid",
                {{"token", name}, {"reason", error.text()}});
  }
  auto hashes = std::make_shared<const std::vector<api::TokenHash>>(std::move(reading.hashes));
  auto book = book_.lock();
  book->hashes = std::move(hashes);
  book->unread = std::move(unread);
}

api::TokenHashes ManagementTokens::get() {
  return book_.lock()->hashes;
}

ManagementTokens::Reading ManagementTokens::read(const std::vector<config::Token>& tokens,
                                                 const Book& known) const {
  Reading reading;
  for (const auto& token : tokens) {
    const api::Role role = role_from(token.role);
    if (const auto secret = config::read_secret(token.source, environment_)) {
      reading.hashes.push_back({token.name, role, sha256(secret->reveal())});
      continue;
    } else {
      reading.failed.emplace(token.name, secret.error());
    }
    const auto same_source = std::find_if(
        known.tokens.begin(), known.tokens.end(),
        [&](const config::Token& other) { return other.name == token.name && other.source == token.source; });
    const auto last = std::find_if(known.hashes->begin(), known.hashes->end(),
                                   [&](const api::TokenHash& hash) { return hash.name == token.name; });
    if (same_source != known.tokens.end() && last != known.hashes->end())
      reading.hashes.push_back({token.name, role, last->sha256});
  }
  return reading;
}

}  // namespace gitferry::daemon
