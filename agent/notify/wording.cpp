#include "agent/notify/wording.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

constexpr std::size_t kMostReason = 600;
constexpr std::size_t kMostTitle = 200;

std::string clean(std::string_view text) {
  const bool is_valid = is_valid_utf8(text);
  std::string cleaned(text);
  std::replace_if(
      cleaned.begin(), cleaned.end(),
      [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n') || byte == 0x7F || (!is_valid && byte >= 0x80);
      },
      ' ');
  return cleaned;
}

std::string branch_of_notice(const Notice& notice) {
  const auto internal = branch_or_ref(notice.key.internal_ref);
  const auto external = branch_or_ref(notice.key.external_ref);
  return internal == external ? internal : internal + " / " + external;
}

std::string side_word(const Notice& notice, Language language) {
  if (!notice.side) return {};
  if (language == Language::English) return std::string(name_of(*notice.side));
  return *notice.side == Side::Internal ? "内部" : "外部";
}

std::string english_title(const Notice& notice) {
  const auto& repository = notice.key.repository;
  switch (notice.event) {
    case NoticeEvent::Failed:
      return fmt::format("{} {}: not synced ({})", repository, branch_of_notice(notice), notice.error);
    case NoticeEvent::Diverged:
      return fmt::format("{} {}: both sides have commits of their own", repository, branch_of_notice(notice));
    case NoticeEvent::Recovered:
      return fmt::format("{} {}: in sync again", repository, branch_of_notice(notice));
    case NoticeEvent::HostDown:
      return fmt::format("{} does not answer; {} branches wait for it", notice.host, notice.branches);
    case NoticeEvent::HostUp:
      return fmt::format("{} answers again", notice.host);
    case NoticeEvent::HookSilent:
      return fmt::format("{}: the webhook of the {} side is silent", repository,
                         side_word(notice, Language::English));
    case NoticeEvent::HookHeard:
      return fmt::format("{}: the webhook of the {} side delivers again", repository,
                         side_word(notice, Language::English));
    case NoticeEvent::Test:
      return "this is a test";
  }
  return repository;
}

std::string chinese_title(const Notice& notice) {
  const auto& repository = notice.key.repository;
  switch (notice.event) {
    case NoticeEvent::Failed:
      return fmt::format("{} {}：同步失败（{}）", repository, branch_of_notice(notice), notice.error);
    case NoticeEvent::Diverged:
      return fmt::format("{} {}：两侧各有对方没有的提交", repository, branch_of_notice(notice));
    case NoticeEvent::Recovered:
      return fmt::format("{} {}：已恢复同步", repository, branch_of_notice(notice));
    case NoticeEvent::HostDown:
      return fmt::format("{} 无响应，{} 个分支等待同步", notice.host, notice.branches);
    case NoticeEvent::HostUp:
      return fmt::format("{} 已恢复响应", notice.host);
    case NoticeEvent::HookSilent:
      return fmt::format("{}：{}侧的 webhook 没有送达", repository, side_word(notice, Language::Chinese));
    case NoticeEvent::HookHeard:
      return fmt::format("{}：{}侧的 webhook 已恢复送达", repository, side_word(notice, Language::Chinese));
    case NoticeEvent::Test:
      return "这是一条测试通知";
  }
  return repository;
}

std::string title_of(const Notice& notice, Language language) {
  auto title = clean(language == Language::English ? english_title(notice) : chinese_title(notice));
  std::replace(title.begin(), title.end(), '\n', ' ');
  return shortened(title, kMostTitle);
}

std::string text_of(const Notice& notice, Language language) {
  if (!notice.text.empty()) return shortened(notice.text, kMostReason);
  if (notice.event != NoticeEvent::HookSilent) return {};
  return language == Language::English
             ? fmt::format("{} comparisons found pushes that no webhook told of", notice.branches)
             : fmt::format("{} 次比对发现了 webhook 未通知的推送", notice.branches);
}

std::string value_of(std::string_view field, const Notice& notice, Language language,
                     const std::string& public_url) {
  if (field == "title") return title_of(notice, language);
  if (field == "event") return std::string(name_of(notice.event));
  if (field == "repo") return notice.key.repository;
  if (field == "branch") return notice.key.internal_ref.empty() ? "" : branch_of_notice(notice);
  if (field == "internal") return branch_or_ref(notice.key.internal_ref);
  if (field == "external") return branch_or_ref(notice.key.external_ref);
  if (field == "host") return notice.host;
  if (field == "side") return side_word(notice, language);
  if (field == "error") return notice.error;
  if (field == "code") return notice.code_status == 0 ? "" : std::to_string(notice.code_status);
  if (field == "text") return text_of(notice, language);
  if (field == "attempts") return notice.attempts == 0 ? "" : std::to_string(notice.attempts);
  if (field == "branches") return notice.branches == 0 ? "" : std::to_string(notice.branches);
  if (field == "since") return rfc3339(notice.since_ms);
  return link_of(notice, public_url);
}

const TextTemplate& own_template(Language language) {
  static const auto english = *TextTemplate::parse("{{text}}\nsince {{since}}\n{{link}}", kNoticeFields);
  static const auto chinese = *TextTemplate::parse("{{text}}\n始于 {{since}}\n{{link}}", kNoticeFields);
  return language == Language::English ? english : chinese;
}

/// Without the lines that have nothing to say.
std::string without_empty_lines(const std::string& text) {
  std::string kept;
  for (const auto line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    if (!kept.empty()) kept += '\n';
    kept += line;
  }
  return kept;
}

Wording worded_one(const Notice& notice, const Channel& channel, const std::string& public_url,
                   std::size_t most) {
  const auto& form = channel.text ? *channel.text : own_template(channel.language);
  const auto text = form.filled(
      [&](std::string_view field) { return clean(value_of(field, notice, channel.language, public_url)); });
  return {title_of(notice, channel.language), shortened(without_empty_lines(text), most)};
}

std::string digest_title(const std::vector<Notice>& notices, Language language) {
  const auto good = std::count_if(notices.begin(), notices.end(),
                                  [](const Notice& notice) { return is_good(notice.event); });
  const auto bad = static_cast<std::ptrdiff_t>(notices.size()) - good;
  return language == Language::English ? fmt::format("{} gone bad, {} well again", bad, good)
                                       : fmt::format("{} 项异常，{} 项恢复", bad, good);
}

Wording worded_all(const std::vector<Notice>& notices, const Channel& channel, const std::string& public_url,
                   std::size_t most) {
  constexpr std::size_t last_line = 120;
  const auto room = most - std::min(most, last_line + public_url.size());
  std::string text;
  std::size_t said = 0;
  for (const auto& notice : notices) {
    const auto line = "- " + title_of(notice, channel.language) + "\n";
    if (text.size() + line.size() > room) break;
    text += line;
    ++said;
  }
  if (said < notices.size()) {
    text += channel.language == Language::English ? fmt::format("and {} more\n", notices.size() - said)
                                                  : fmt::format("另有 {} 项\n", notices.size() - said);
  }
  text += public_url;
  while (text.ends_with('\n')) text.pop_back();
  return {digest_title(notices, channel.language), text};
}

}  // namespace

std::string link_of(const Notice& notice, const std::string& public_url) {
  if (public_url.empty() || notice.key.repository.empty()) return public_url;
  const bool is_branch = notice.subject.kind == NoticeSubject::Kind::Lane;
  return fmt::format(
      "{}?search={}", public_url,
      percent_encode(is_branch ? branch_or_ref(notice.key.internal_ref) : notice.key.repository));
}

Wording worded(const std::vector<Notice>& notices, const Channel& channel, const std::string& public_url,
               std::size_t most) {
  return notices.size() == 1 ? worded_one(notices.front(), channel, public_url, most)
                             : worded_all(notices, channel, public_url, most);
}

}  // namespace gitferry
