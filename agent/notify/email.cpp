#include "agent/notify/email.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include <fmt/format.h>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLineLength = 76;
/// Of what one encoded word holds, which may be 75 characters long (RFC 2047).
constexpr std::size_t kWordBytes = 42;

/// Not strftime: its names of days and months may be those of a locale.
std::string date_of(std::int64_t now_s) {
  constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(now_s);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                     days.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                     months.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

/// As encoded words, each of whole characters.
std::string encoded_words(std::string_view text) {
  std::string words;
  while (!text.empty()) {
    auto length = std::min(text.size(), kWordBytes);
    while (length > 0 && length < text.size() &&
           (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
      --length;
    }
    words += fmt::format("{}=?UTF-8?B?{}?=", words.empty() ? "" : "\r\n ", to_base64(text.substr(0, length)));
    text.remove_prefix(length);
  }
  return words;
}

std::string base64_lines(std::string_view text) {
  const auto encoded = to_base64(text);
  std::string lines;
  for (std::size_t at = 0; at < encoded.size(); at += kLineLength) {
    lines += encoded.substr(at, kLineLength);
    lines += kLineEnd;
  }
  return lines;
}

}  // namespace

std::string mail_of(const Wording& wording, const MailRoute& route, const std::string& id,
                    std::int64_t now_s) {
  const auto domain = route.from.substr(route.from.rfind('@') + 1);
  return fmt::format(
      "Date: {}\r\nFrom: gitferry <{}>\r\nTo: {}\r\nMessage-ID: <{}@{}>\r\nSubject: {}\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n{}",
      date_of(now_s), route.from, fmt::join(route.to, ",\r\n "), id, domain,
      encoded_words("[gitferry] " + wording.title),
      base64_lines(wording.title + "\n\n" + wording.text + "\n"));
}

}  // namespace gitferry
