#include "agent/notify/hook_watch.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

namespace gitferry {
namespace {

using std::chrono::milliseconds;

/// One push can be missed while gitferry was down, or be found before its webhook comes.
constexpr std::int64_t kFoundOften = 2;
constexpr std::int64_t kGraceMs = milliseconds(std::chrono::minutes{2}).count();
constexpr std::int64_t kLookedBackMs = milliseconds(std::chrono::hours{7 * 24}).count();

NoticeSubject subject_of(const std::string& repository, Side side) {
  return {NoticeSubject::Kind::Hook, repository + "/" + std::string(name_of(side))};
}

struct Hook {
  std::string repository;
  Side side = Side::Internal;
};

/// The inverse; a repository's name has no slash.
Hook hook_of(const NoticeSubject& subject) {
  const auto slash = subject.name.find('/');
  const bool is_internal = subject.name.substr(slash + 1) == name_of(Side::Internal);
  return {subject.name.substr(0, slash), is_internal ? Side::Internal : Side::External};
}

bool is_covered(const BindingSnapshot& bindings, const RepositoryBinding& binding, Side side) {
  if (binding.webhook(side)) return true;
  return std::any_of(bindings.hooks.begin(), bindings.hooks.end(), [&](const OrganisationHook& hook) {
    const auto name = binding.address(side).full_name();
    const auto owns = [&](const std::string& owner) {
      return name == owner || name.starts_with(owner + "/");
    };
    return hook.instance.host == binding.address(side).host &&
           (hook.owners.empty() || std::any_of(hook.owners.begin(), hook.owners.end(), owns));
  });
}

/// Whether pushes to that side are to be synced at all.
bool is_waited_for(const RepositoryBinding* binding, Side side) {
  return binding != nullptr && binding->enabled && binding->is_source(side);
}

Notice notice_of(NoticeEvent event, const Hook& hook, std::int64_t since_ms, std::int64_t now_ms) {
  Notice made;
  made.event = event;
  made.subject = subject_of(hook.repository, hook.side);
  made.key.repository = hook.repository;
  made.side = hook.side;
  made.since_ms = since_ms;
  made.at_ms = now_ms;
  return made;
}

bool is_silent(const MissedPushes& missed, const BindingSnapshot& bindings, std::int64_t now_ms) {
  const auto* binding = bindings.find(missed.repository);
  if (!is_waited_for(binding, missed.side)) return false;
  if (missed.last_delivery_at_ms == 0 && !is_covered(bindings, *binding, missed.side)) return false;
  return missed.found >= kFoundOften && now_ms - missed.last_found_at_ms >= kGraceMs;
}

}  // namespace

Result<Findings> judge_hooks(const TroubleView& view, const BindingSnapshot& bindings, NoticeBook& book,
                             std::int64_t now_ms) {
  Findings findings;
  std::set<NoticeSubject> told;
  for (const auto& one : view.told) {
    if (one.subject.kind != NoticeSubject::Kind::Hook) continue;
    told.insert(one.subject);
    const auto hook = hook_of(one.subject);
    if (!is_waited_for(bindings.find(hook.repository), hook.side)) {
      findings.forget.push_back(one.subject);
      continue;
    }
    const auto heard = book.last_delivery_at_ms(hook.repository, hook.side);
    if (!heard) return fail(heard.error());
    if (*heard > one.told_at_ms) findings.end(notice_of(NoticeEvent::HookHeard, hook, one.since_ms, now_ms));
  }
  const auto missed = book.missed_pushes(now_ms - kLookedBackMs);
  if (!missed) return fail(missed.error());
  for (const auto& one : *missed) {
    if (told.contains(subject_of(one.repository, one.side)) || !is_silent(one, bindings, now_ms)) continue;
    auto notice =
        notice_of(NoticeEvent::HookSilent, {one.repository, one.side}, one.first_found_at_ms, now_ms);
    notice.branches = one.found;
    findings.begin(std::move(notice));
  }
  return findings;
}

}  // namespace gitferry
