#include "agent/git/remote_text.h"

#include <array>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::size_t kLineLimit = 1024;
constexpr std::size_t kMessageLimit = 300;

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string cleaned_text(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7F) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  if (!is_valid_utf8(out)) {
    for (auto& c : out) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return shortened(out, limit);
}

void RemoteText::append(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      finish_line();
    } else if (c == '\r') {
      line_.clear();
    } else if (line_.size() <= kLineLimit) {  // one more than is kept, so that a cut is seen
      line_ += c;
    }
  }
}

void RemoteText::finish_line() {
  const auto line = cleaned_text(line_, kLineLimit);
  line_.clear();
  if (line.empty() || lines_.size() + line.size() + 1 > kLimit) return;
  if (!lines_.empty()) lines_ += '\n';
  lines_ += line;
}

std::string RemoteText::str() const {
  auto whole = *this;
  whole.finish_line();
  return whole.lines_;
}

Error error_from_remote(std::string_view what, std::string_view text) {
  const auto said = cleaned_text(text, kMessageLimit);
  const auto lower = to_lower(said);
  const auto message = fmt::format("{}: the host answered '{}'", what, said);
  if (contains_any(lower, {"not our ref", "unadvertised object"})) {
    return {ErrorCode::LeaseLost,
            message,
            "the ref moved while the run went on; the next run lists it again",
            {}};
  }
  if (contains_any(lower,
                   {"access denied", "not exported", "not found", "does not exist", "no such repository",
                    "does not appear to be a git repository", "permission denied"})) {
    return {ErrorCode::RepositoryMissing,
            message,
            "check the address and that the credential may read and write there",
            {}};
  }
  return {
      ErrorCode::ProtocolError, message, "look into the host's log; try a plain git fetch or push there", {}};
}

}  // namespace gitferry
