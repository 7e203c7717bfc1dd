#include "agent/notify/body.h"

#include <string_view>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/notify/signature.h"

namespace gitferry {
namespace {

/// Also what DingTalk's robots can be told to look for in each message.
constexpr std::string_view kPrefix = "[gitferry] ";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string plain_text(const Wording& wording) {
  std::string text(kPrefix);
  text += wording.title;
  if (!wording.text.empty()) text += "\n" + wording.text;
  return text;
}

std::string text_or_null(std::string_view text) {
  return text.empty() ? "null" : json_string(text);
}

std::string notice_json(const Notice& notice, const std::string& public_url) {
  return fmt::format(
      R"({{"event":{},"repo_name":{},"internal_branch_name":{},"external_branch_name":{},"host":{},"side":{},)"
      R"("error":{},"code_status":{},"text":{},"attempts":{},"branches":{},"since":{},"at":{},"link":{}}})",
      json_string(name_of(notice.event)), text_or_null(notice.key.repository),
      text_or_null(branch_or_ref(notice.key.internal_ref)),
      text_or_null(branch_or_ref(notice.key.external_ref)), text_or_null(notice.host),
      notice.side ? json_string(name_of(*notice.side)) : "null", text_or_null(notice.error),
      notice.code_status, text_or_null(notice.text), notice.attempts, notice.branches,
      json_string(rfc3339(notice.since_ms)), json_string(rfc3339(notice.at_ms)),
      text_or_null(link_of(notice, public_url)));
}

}  // namespace

std::string webhook_body(const NoticeMessage& message, const std::string& public_url) {
  std::string notices;
  for (const auto& notice : message.notices) {
    notices += (notices.empty() ? "" : ",") + notice_json(notice, public_url);
  }
  return fmt::format(R"({{"type":"gitferry.notices","timestamp":{},"data":{{"notices":[{}]}}}})",
                     json_string(rfc3339(message.made_at_ms)), notices);
}

std::string slack_body(const Wording& wording) {
  auto text = replaced(plain_text(wording), "&", "&amp;");
  text = replaced(std::move(text), "<", "&lt;");
  text = replaced(std::move(text), ">", "&gt;");
  return fmt::format(R"({{"text":{},"mrkdwn":false}})", json_string(text));
}

std::string dingtalk_body(const Wording& wording) {
  return fmt::format(R"({{"msgtype":"text","text":{{"content":{}}},"at":{{"isAtAll":false}}}})",
                     json_string(plain_text(wording)));
}

std::string feishu_body(const Wording& wording, const Secret* secret, std::int64_t now_s) {
  // Its messages of the type `text` know tags that call everybody; a post's text does not.
  const auto sign = secret == nullptr ? std::string()
                                      : fmt::format(R"("timestamp":"{}","sign":{},)", now_s,
                                                    json_string(feishu_sign(*secret, now_s)));
  return fmt::format(
      R"({{{}"msg_type":"post","content":{{"post":{{"zh_cn":{{"title":{},"content":[[{{"tag":"text","text":{}}}]]}}}}}}}})",
      sign, json_string(std::string(kPrefix) + wording.title), json_string(wording.text));
}

std::string wecom_body(const Wording& wording) {
  // `<@name>` calls somebody.
  return fmt::format(R"({{"msgtype":"text","text":{{"content":{}}}}})",
                     json_string(replaced(plain_text(wording), "<@", "< @")));
}

}  // namespace gitferry
