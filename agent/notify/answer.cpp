#include "agent/notify/answer.h"

#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <json/reader.h>
#include <json/value.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::size_t kShown = 200;

std::string said(const HttpReply& reply) {
  // As in a log line: what it may hold becomes no line of its own.
  return reply.body.empty() ? "" : fmt::format(": {}", json_string(shortened(reply.body, kShown)));
}

Json::Value parsed(const std::string& body) {
  Json::CharReaderBuilder builder;
  Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["stackLimit"] = 16;
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  Json::Value root;
  std::string errors;
  try {
    if (!reader->parse(body.data(), body.data() + body.size(), &root, &errors)) return {};
  } catch (const Json::Exception&) {
    return {};
  }
  return root;
}

/// Whether the body says 0 under one of these names.
bool says_zero(const HttpReply& reply, std::initializer_list<const char*> names) {
  const auto root = parsed(reply.body);
  if (!root.isObject()) return false;
  for (const char* name : names) {
    if (root.isMember(name)) return root[name].isInt() && root[name].asInt() == 0;
  }
  return false;
}

bool is_taken(ChannelKind kind, const HttpReply& reply) {
  switch (kind) {
    case ChannelKind::DingTalk:
    case ChannelKind::WeCom:
      return says_zero(reply, {"errcode"});
    case ChannelKind::Feishu:
      return says_zero(reply, {"code", "StatusCode"});
    case ChannelKind::Webhook:
    case ChannelKind::Slack:
    case ChannelKind::Email:
      return true;
  }
  return true;
}

}  // namespace

Status check_reply(ChannelKind kind, const HttpReply& reply) {
  if (reply.status / 100 == 2) {
    if (is_taken(kind, reply)) return {};
    return fail(ErrorCode::RejectedByRemote, "the receiver did not take it" + said(reply),
                "look at its address, its secret and its limits");
  }
  if (reply.status == 429 || reply.status == 503) {
    auto error =
        Error{ErrorCode::HostBusy, fmt::format("the receiver answered {}{}", reply.status, said(reply)),
              "it is tried again", reply.retry_after};
    return fail(std::move(error));
  }
  if (reply.status / 100 == 3) {
    return fail(ErrorCode::RejectedByRemote,
                fmt::format("the receiver answered {}: redirects are not followed", reply.status),
                "give the address that it leads to");
  }
  return fail(reply.status / 100 == 5 ? ErrorCode::HostError : ErrorCode::RejectedByRemote,
              fmt::format("the receiver answered {}{}", reply.status, said(reply)));
}

}  // namespace gitferry
