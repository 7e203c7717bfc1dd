#include "agent/git/service_exit.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

// Texts of git's setup.c, path.c and of the hosts that answer over ssh (GitHub, GitLab, Gitea, Gerrit).
constexpr std::array kMeanings{
    Meaning{"detected dubious ownership", ErrorCode::AccessDenied,
            "git refuses a repository of another user: run gitferry as the owner of that directory"},
    Meaning{"does not appear to be a git repository", ErrorCode::RepositoryMissing,
            "check the repository's address"},
    Meaning{"repository not found", ErrorCode::RepositoryMissing, "check the address and who may read it"},
    Meaning{"could not be found", ErrorCode::RepositoryMissing, "check the address and who may read it"},
    Meaning{"does not exist", ErrorCode::RepositoryMissing, "check the repository's address"},
    Meaning{"no such project", ErrorCode::RepositoryMissing, "check the repository's address"},
    Meaning{"permission denied", ErrorCode::AccessDenied, "give this user the rights on that repository"},
    Meaning{"access denied", ErrorCode::AccessDenied, "give this user the rights on that repository"},
    Meaning{"read-only file system", ErrorCode::AccessDenied, "the target must be writable"},
};

}  // namespace

const Meaning* meaning_of(std::string_view errors, std::span<const Meaning> meanings) {
  const auto all = to_lower(errors);
  for (const auto& meaning : meanings) {
    if (all.find(meaning.fragment) != std::string::npos) return &meaning;
  }
  return nullptr;
}

std::string last_line(std::string_view errors) {
  std::string line;
  for (const auto candidate : split(errors, '\n')) {
    const auto text = trim(candidate);
    if (!text.empty()) line = text;
  }
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      ' ');
  return is_valid_utf8(line) ? shortened(line, 300) : std::string{};
}

Error explain_service_exit(std::string_view what, const ChildExit& exit) {
  const auto said = last_line(exit.errors);
  const auto ending =
      exit.status < 0 ? std::string("was ended") : fmt::format("ended with status {}", exit.status);
  const auto message = fmt::format("{}: it {} before the exchange was complete{}{}", what, ending,
                                   said.empty() ? "" : ": ", said);
  if (const auto* meaning = meaning_of(exit.errors, kMeanings)) {
    return {meaning->code, message, std::string(meaning->hint), {}};
  }
  return {ErrorCode::ConnectionFailed, message, "look into the log of that host", {}};
}

}  // namespace gitferry
