#include "agent/git/ssh_failure.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "agent/git/service_exit.h"
#include "agent/git/ssh_settings.h"

namespace gitferry {
namespace {

// Texts of OpenSSH's client (ssh.c, sshconnect.c, sshconnect2.c, packet.c).
constexpr std::array kMeanings{
    Meaning{"too many authentication failures", ErrorCode::SshKeyRefused,
            "name the one key_file for this host in credentials"},
    Meaning{"could not resolve hostname", ErrorCode::HostUnresolved,
            "check the address and the name server of this machine"},
    Meaning{"connection timed out", ErrorCode::Timeout, "check that the host can be reached from here"},
    Meaning{"operation timed out", ErrorCode::Timeout, "check that the host can be reached from here"},
    Meaning{"timeout, server", ErrorCode::Timeout, "the host stopped answering"},
    // "Connection to HOST port N timed out": in the middle of the handshake.
    Meaning{" timed out", ErrorCode::Timeout, "the host stopped answering"},
    Meaning{"connection refused", ErrorCode::ConnectionFailed, "check that the host's ssh port is open"},
    Meaning{"bad owner or permissions on", ErrorCode::SshKeyRefused,
            "make the ssh configuration writable by its owner only"},
    Meaning{"bad configuration option", ErrorCode::GitFailed, "mend the ssh configuration"},
};

/// What stands between `before` and the next `after`; empty where they are not there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const auto start = text.find(before);
  if (start == std::string_view::npos) return {};
  const auto rest = text.substr(start + before.size());
  const auto end = rest.find(after);
  if (end == std::string_view::npos) return {};
  return last_line(rest.substr(0, end));
}

/// The line that holds `fragment`, printable and short.
std::string line_with(std::string_view errors, std::string_view fragment) {
  for (const auto line : split(errors, '\n')) {
    if (line.find(fragment) != std::string_view::npos) return last_line(line);
  }
  return {};
}

/// The name that the host has in known_hosts.
std::string known_name(const SshPlace& place) {
  return place.host_key_alias.empty() ? known_hosts_name(place.host, place.port) : place.host_key_alias;
}

std::string keyscan(const SshPlace& place) {
  const auto port = place.port == 22 ? std::string() : fmt::format("-p {} ", place.port);
  const auto renamed = place.host_key_alias.empty()
                           ? std::string()
                           : fmt::format(" | sed 's/^[^ ]*/{}/'", place.host_key_alias);
  return fmt::format("ssh-keyscan {}{}{}", port, place.host, renamed);
}

Error unknown_host_key(const SshPlace& place, std::string_view errors) {
  const auto name = known_name(place);
  const auto type = between(errors, "No ", " host key is known for");
  auto message = fmt::format("{}: the {}{}host key of '{}' is not known, so the host was not trusted",
                             place.what, type, type.empty() ? "" : " ", name);
  // ssh looks for a plain key after a certificate that does not fit.
  if (const auto certificate = line_with(errors, "Certificate invalid"); !certificate.empty()) {
    message += fmt::format(" ({})", certificate);
  }
  return {
      ErrorCode::SshKeyRefused,
      std::move(message),
      fmt::format("compare what '{0} | ssh-keygen -lf -' shows with the fingerprint that the host's operator "
                  "publishes, then run: {0} >> '{1}'",
                  keyscan(place), place.known_hosts_file),
      {}};
}

Error changed_host_key(const SshPlace& place, std::string_view errors) {
  const auto name = known_name(place);
  const auto type = between(errors, "The fingerprint for the ", " key sent by the remote host");
  const auto fingerprint = between(errors, "key sent by the remote host is", ".\r\n");
  const auto offending = between(errors, "Offending ", "\r\n");
  auto message = fmt::format("{}: the host key of '{}' has changed", place.what, name);
  if (!type.empty() && !fingerprint.empty()) message += fmt::format(": it shows {} {}", type, fingerprint);
  if (!offending.empty()) message += fmt::format(", which is not the {}", offending);
  return {ErrorCode::SshKeyRefused,
          std::move(message),
          fmt::format("find out why first: somebody may stand in between. If the host has a new key, run: "
                      "ssh-keygen -R '{0}' -f '{2}', and after comparing the fingerprint: {1} >> '{2}'",
                      name, keyscan(place), place.known_hosts_file),
          {}};
}

Error revoked_host_key(const SshPlace& place) {
  return {ErrorCode::SshKeyRefused,
          fmt::format("{}: the host key of '{}' is marked as revoked", place.what, known_name(place)),
          fmt::format("see the @revoked line in '{}'; the host needs a new key", place.known_hosts_file),
          {}};
}

/// Whether the private key cannot be read without a passphrase, as ssh-keygen finds out.
bool has_passphrase(const SshPlace& place, const std::string& key_file) {
  Waiting waiting;
  waiting.limits.stall = std::chrono::seconds(5);
  waiting.total_deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  auto child = ChildProcess::start(
      {{"ssh-keygen", "-y", "-P", "", "-f", key_file}, ssh_environment(), place.what}, waiting);
  if (!child) return false;
  return (*child)->wait_for_exit().errors.find("incorrect passphrase") != std::string::npos;
}

Error refused_key(const SshPlace& place, const ChildExit& exit) {
  std::string tried;
  std::string locked;
  for (const auto& file : place.key_files) {
    const bool is_there = ::access(file.c_str(), R_OK) == 0;
    if (!is_there && !place.is_key_configured) continue;
    tried += fmt::format("{}'{}'{}", tried.empty() ? "" : ", ", file, is_there ? "" : " (cannot be read)");
    if (is_there && locked.empty() && has_passphrase(place, file)) locked = file;
  }
  if (place.has_agent) tried += fmt::format("{}the keys of the ssh agent", tried.empty() ? "" : " and ");
  auto refusal = line_with(exit.errors, "Permission denied (");
  if (refusal.ends_with('.')) refusal.pop_back();
  auto message = fmt::format("{}: {}: tried {}", place.what, refusal,
                             tried.empty() ? "no key, because there is none" : tried);
  if (!locked.empty()) {
    message += fmt::format("; '{}' has a passphrase{}", locked,
                           place.has_agent ? " and could be tried only if the agent holds it"
                                           : " and was not tried, because there is no ssh agent");
    return {ErrorCode::SshKeyRefused,
            std::move(message),
            "use a key without a passphrase, or let an ssh agent hold it (ssh-add, SSH_AUTH_SOCK)",
            {}};
  }
  return {ErrorCode::SshKeyRefused,
          std::move(message),
          place.is_key_configured
              ? "add the public key to that host's user, or name another key_file"
              : "add our public key to that host's user, or name a key_file in credentials",
          {}};
}

Error unprotected_key(const SshPlace& place, std::string_view errors) {
  const auto file = between(errors, "Permissions ", " are too open");
  return {ErrorCode::SshKeyRefused,
          fmt::format("{}: the private key was not used: others may read it (mode {})", place.what, file),
          "make the private key readable by its owner only: chmod 600",
          {}};
}

}  // namespace

std::optional<Error> explain_ssh_words(const SshPlace& place, const ChildExit& exit) {
  const auto said = [&exit](std::string_view text) { return exit.errors.find(text) != std::string::npos; };
  if (said("REVOKED HOST KEY DETECTED")) return revoked_host_key(place);
  if (said("REMOTE HOST IDENTIFICATION HAS CHANGED")) return changed_host_key(place, exit.errors);
  if (said("Host key verification failed")) return unknown_host_key(place, exit.errors);
  if (said("UNPROTECTED PRIVATE KEY FILE")) return unprotected_key(place, exit.errors);
  if (said("Permission denied (")) return refused_key(place, exit);
  const auto* meaning = meaning_of(exit.errors, kMeanings);
  if (meaning == nullptr) return std::nullopt;
  return Error{meaning->code,
               fmt::format("{}: ssh: {}", place.what, last_line(exit.errors)),
               std::string(meaning->hint),
               {}};
}

Error explain_ssh_exit(const SshPlace& place, const ChildExit& exit) {
  if (auto error = explain_ssh_words(place, exit)) return *error;
  return explain_service_exit(place.what, exit);
}

}  // namespace gitferry
