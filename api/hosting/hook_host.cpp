#include "api/hosting/hook_host.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry::api::hosting {
namespace {

struct FlawWords {
  Flaw flaw;
  std::string_view name;
  std::string_view text;
};

constexpr std::array kFlaws{
    FlawWords{Flaw::Inactive, "inactive", "it is not active"},
    FlawWords{Flaw::Disabled, "disabled", "the host has given it up after failures"},
    FlawWords{Flaw::EventsMissing, "events_missing", "it does not tell of all pushes that it should"},
    FlawWords{Flaw::BranchFilter, "branch_filter", "it tells of some branches only"},
    FlawWords{Flaw::NotJson, "not_json", "it sends forms"},
    FlawWords{Flaw::OtherDocument, "other_document", "it sends a document of its own"},
    FlawWords{Flaw::TlsUnverified, "tls_unverified", "it does not verify our certificate"},
    FlawWords{Flaw::NoSecret, "no_secret", "it has no secret"},
    FlawWords{Flaw::OtherScheme, "other_scheme", "it proves itself in another way than is configured"},
    FlawWords{Flaw::Authorization, "authorization", "its header Authorization is not the configured one"}};

constexpr std::array kFamilies{&github_dialects, &gitlab_dialects, &gitea_dialects, &gitee_dialects};

constexpr std::size_t kShown = 120;

const FlawWords& words_of(Flaw flaw) {
  const auto* found =
      std::find_if(kFlaws.begin(), kFlaws.end(), [&](const FlawWords& known) { return known.flaw == flaw; });
  return *found;
}

}  // namespace

std::string_view text_of(Flaw flaw) {
  return words_of(flaw).text;
}

std::string_view name_of(Flaw flaw) {
  return words_of(flaw).name;
}

const HookDialect* find_hook_dialect(std::string_view provider) {
  for (const auto& family : kFamilies) {
    for (const auto& dialect : family()) {
      if (dialect.provider == provider) return &dialect;
    }
  }
  return nullptr;
}

std::vector<std::string_view> hook_dialect_names() {
  std::vector<std::string_view> names;
  for (const auto& family : kFamilies) {
    for (const auto& dialect : family()) names.push_back(dialect.provider);
  }
  return names;
}

std::string project_of(const RemoteUrl& repository) {
  std::string_view path = repository.path;
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with(".git")) path.remove_suffix(4);
  return std::string(path);
}

std::string web_origin(const RemoteUrl& repository) {
  RemoteUrl web = repository;
  if (repository.scheme == Scheme::Ssh) {
    web.scheme = Scheme::Https;
    web.host = repository.place().host;
    web.port = 0;
  }
  return web.origin();
}

std::string repository_hooks_path(std::string_view project) {
  std::string path = "/repos";
  for (const auto part : split(project, '/')) {
    const auto plain = percent_decode(part);
    path += "/" + percent_encode(plain.value_or(std::string(part)));
  }
  return path + "/hooks";
}

std::string hooks_path_of_organisation(std::string_view owner) {
  if (owner.empty() || owner.find('/') != std::string_view::npos) return {};
  return "/orgs/" + percent_encode(owner) + "/hooks";
}

bool is_true(const Json::Value& value) {
  if (value.isBool()) return value.asBool();
  return number_in(value) == 1 || (value.isString() && value.asString() == "true");
}

std::int64_t number_in(const Json::Value& value) {
  if (value.isString()) return parse_number(value.asString()).value_or(0);
  return value.isInt64() ? value.asInt64() : 0;
}

std::int64_t time_in(const Json::Value& value) {
  constexpr std::size_t kSeconds = std::string_view("2027-01-31T00:00:00").size();
  if (!value.isString()) return 0;
  auto text = value.asString();
  if (text.size() <= kSeconds || !text.ends_with('Z')) return 0;
  // Hosts write none to nine digits of a second.
  const auto fraction = text.substr(kSeconds, text.size() - kSeconds - 1);
  const auto digits = fraction.empty() ? std::string("000") : fraction.substr(1) + "000";
  if (!fraction.empty() && fraction.front() != '.') return 0;
  return parse_rfc3339(text.substr(0, kSeconds) + "." + digits.substr(0, 3) + "Z").value_or(0);
}

std::string shown(std::string_view text) {
  std::string plain(text);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      ' ');
  return shortened(plain, kShown);
}

bool holds(const Json::Value& list, std::string_view word) {
  return list.isArray() && std::any_of(list.begin(), list.end(), [&](const Json::Value& item) {
           return item.isString() && item.asString() == word;
         });
}

Json::Value with_words(Json::Value list, const std::vector<std::string_view>& words) {
  if (!list.isArray()) list = Json::Value(Json::arrayValue);
  for (const auto word : words) {
    if (!holds(list, word)) list.append(text_value(word));
  }
  return list;
}

Json::Value text_value(std::string_view text) {
  return {text.data(), text.data() + text.size()};
}

}  // namespace gitferry::api::hosting
