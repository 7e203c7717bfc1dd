#include "agent/git/redacting_engine.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::string_view kMask = "***";
/// What shortened() puts where it cut a text.
constexpr std::string_view kEllipsis = "\u2026";

/// How many bytes at the beginning of `text` are a secret's: enough of them to be taken for it, otherwise 0.
std::size_t secret_at(std::string_view text, std::string_view secret) {
  const auto end = std::mismatch(secret.begin(), secret.end(), text.begin(), text.end()).first;
  const auto same = static_cast<std::size_t>(end - secret.begin());
  const auto enough = text.substr(same).starts_with(kEllipsis) ? Redaction::kEnoughAtCut : Redaction::kEnough;
  return same >= std::min(enough, secret.size()) ? same : 0;
}

void redact(Error& error, const Redaction& redaction) {
  redaction.apply(error.message);
  redaction.apply(error.hint);
}

}  // namespace

void Redaction::add(Secret secret) {
  if (secret.reveal().size() >= kShortest) secrets_.push_back(std::move(secret));
}

void Redaction::add(const std::optional<Credential>& credential) {
  if (!credential || credential->password.empty()) return;
  const auto password = credential->password.reveal();
  // Who gave no name is "git" to a host.
  for (const std::string_view user : {std::string_view(credential->username), std::string_view("git")}) {
    std::string login(user);
    login.append(":").append(password);
    add(Secret(to_base64(Secret(std::move(login)).reveal())));
  }
  add(Secret(percent_encode(password)));
  add(credential->password);
}

bool Redaction::is_in(std::string_view text) const {
  return std::any_of(secrets_.begin(), secrets_.end(), [&](const Secret& secret) {
    return text.find(secret.reveal().substr(0, kEnoughAtCut)) != std::string_view::npos;
  });
}

void Redaction::apply(std::string& text) const {
  if (!is_in(text)) return;
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    // Of secrets that begin alike the one that goes on the longest: the end of the other would be left.
    std::size_t taken = 0;
    for (const auto& secret : secrets_) taken = std::max(taken, secret_at(rest, secret.reveal()));
    if (taken > 0) {
      out += kMask;
    } else {
      out += rest.front();
    }
    rest.remove_prefix(std::max<std::size_t>(taken, 1));
  }
  text = std::move(out);
}

std::vector<RunReport> RedactingEngine::sync(const SyncRequest& request, std::stop_token stop) {
  auto reports = engine_->sync(request, std::move(stop));
  Redaction redaction;
  redaction.add(request.source.credential);
  redaction.add(request.target.credential);
  for (auto& report : reports) {
    redaction.apply(report.remote_text);
    if (report.error) redact(*report.error, redaction);
  }
  return reports;
}

Result<std::vector<RefTip>> RedactingEngine::list_refs(const Remote& remote, RefScope scope,
                                                       std::stop_token stop) {
  auto listed = engine_->list_refs(remote, scope, std::move(stop));
  if (listed) return listed;
  Redaction redaction;
  redaction.add(remote.credential);
  redact(listed.error(), redaction);
  return listed;
}

}  // namespace gitferry
