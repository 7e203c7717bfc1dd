#include "agent/sync/binding_book.h"

#include <algorithm>
#include <utility>

#include "agent/base/crash_point.h"
#include "agent/sync/binding_audit.h"
#include "agent/sync/binding_comparison.h"
#include "agent/sync/binding_numbers.h"
#include "agent/sync/known_addresses.h"
#include "agent/sync/override_edits.h"

namespace gitferry {
namespace {

bool moves(const RepositoryBinding* before, const RepositoryBinding* after) {
  if (before == nullptr || after == nullptr) return before != after;
  return !same_addresses(*before, *after);
}

/// Where a repository moved, its lanes know nothing of the new addresses.
void note_move(OverrideChange& change, const std::string& name, const RepositoryBinding* before,
               const RepositoryBinding* after) {
  if (!moves(before, after)) return;
  change.forget_lanes_of.push_back(name);
  change.addresses.push_back({name, after == nullptr ? "" : fingerprint_of(*after)});
}

}  // namespace

AuditEntry entry_of(const Actor& actor, std::string_view action, std::string_view repository) {
  AuditEntry entry;
  entry.actor = actor.name;
  entry.via = actor.via;
  entry.request_id = actor.request_id;
  entry.action = action;
  entry.repository = repository;
  return entry;
}

Result<std::unique_ptr<BindingBook>> BindingBook::open(Parts parts, BindingSnapshot file) {
  auto rows = parts.store.overrides();
  if (!rows) return fail(rows.error());
  auto overrides = by_name(std::move(*rows));
  auto in_force = overlay(file, overrides, parts.allowed);
  if (auto given = give_ids(parts.store, in_force); !given) return fail(given.error());
  if (auto forgotten = forget_moved(parts.store, in_force); !forgotten) return fail(forgotten.error());
  sort_by_age(in_force);
  return std::unique_ptr<BindingBook>(
      new BindingBook(std::move(parts), std::move(file), std::move(overrides), std::move(in_force)));
}

RepositoryOverrides BindingBook::overrides_of(std::string_view name) const {
  const auto found = overrides_.find(name);
  return found == overrides_.end() ? RepositoryOverrides{} : found->second;
}

void BindingBook::put_in_force(BindingSnapshot bindings) {
  sort_by_age(bindings);
  const Snapshot made = std::make_shared<const BindingSnapshot>(std::move(bindings));
  *snapshot_.lock() = made;
  crash_point(CrashPoint::SnapshotSwapped);
  if (parts_.publish) parts_.publish(made);
}

Status BindingBook::apply(std::string_view name, RepositoryOverrides wanted, std::vector<AuditEntry> audit) {
  auto binding = overlay(file_.find(name), wanted, parts_.allowed);
  return commit(name, std::move(wanted), std::move(binding), std::move(audit));
}

Status BindingBook::apply(std::string_view name, RepositoryOverrides wanted, AuditEntry entry) {
  auto binding = overlay(file_.find(name), wanted, parts_.allowed);
  auto texts = audit_texts(snapshot()->find(name), binding ? &*binding : nullptr);
  entry.before = std::move(texts.before);
  entry.after = std::move(texts.after);
  return commit(name, std::move(wanted), std::move(binding), {std::move(entry)});
}

Status BindingBook::commit(std::string_view name, RepositoryOverrides wanted,
                           std::optional<RepositoryBinding> binding, std::vector<AuditEntry> audit) {
  const std::string key(name);
  if (binding) {
    if (auto given = give_ids(parts_.store, {&*binding}); !given) return given;
  }
  auto now = snapshot();
  auto change = difference(key, overrides_of(name), wanted);
  note_move(change, key, now->find(name), binding ? &*binding : nullptr);
  change.audit = std::move(audit);
  if (auto written = parts_.store.change_overrides(change); !written) return written;
  crash_point(CrashPoint::OverrideWritten);

  auto next = *now;
  now.reset();  // so that what is replaced is gone when the new one is in force
  const auto hidden = std::lower_bound(next.unbound.begin(), next.unbound.end(), key);
  const bool was_hidden = hidden != next.unbound.end() && *hidden == key;
  const bool is_hidden = !binding && file_.find(name) != nullptr;
  if (was_hidden && !is_hidden) next.unbound.erase(hidden);
  if (is_hidden && !was_hidden) next.unbound.insert(hidden, key);
  if (binding)
    next.repositories.insert_or_assign(key, std::move(*binding));
  else
    next.repositories.erase(key);
  if (wanted.empty())
    overrides_.erase(key);
  else
    overrides_.insert_or_assign(key, std::move(wanted));
  put_in_force(std::move(next));
  return {};
}

Status BindingBook::read_overrides_again() {
  auto rows = parts_.store.overrides();
  if (!rows) return fail(std::move(rows.error()));
  auto overrides = by_name(std::move(*rows));
  auto next = overlay(file_, overrides, parts_.allowed);
  if (auto given = give_ids(parts_.store, next); !given) return given;
  overrides_ = std::move(overrides);
  put_in_force(std::move(next));
  return {};
}

Status BindingBook::replace_file(BindingSnapshot file, const Actor& actor) {
  const auto now = snapshot();
  auto next = overlay(file, overrides_, parts_.allowed);
  OverrideChange change;
  const auto note = [&](const std::string& name, const RepositoryBinding* before,
                        const RepositoryBinding* after) {
    note_move(change, name, before, after);
    if (before != nullptr && after != nullptr && same_effect(*before, *after)) return;
    auto texts = audit_texts(before, after);
    auto entry = entry_of(actor, "reload", name);
    entry.before = std::move(texts.before);
    entry.after = std::move(texts.after);
    change.audit.push_back(std::move(entry));
  };
  for (const auto& [name, before] : now->repositories) note(name, &before, next.find(name));
  for (const auto& [name, after] : next.repositories) {
    if (now->find(name) == nullptr) note(name, nullptr, &after);
  }
  if (auto hooks = audit_texts(now->hooks, next.hooks); !hooks.before.empty() || !hooks.after.empty()) {
    auto& entry = change.audit.emplace_back(entry_of(actor, "reload", ""));
    entry.before = std::move(hooks.before);
    entry.after = std::move(hooks.after);
  }
  if (auto given = give_ids(parts_.store, next); !given) return given;
  if (!change.audit.empty()) {
    if (auto written = parts_.store.change_overrides(change); !written) return written;
  }
  crash_point(CrashPoint::ReloadWritten);
  file_ = std::move(file);
  put_in_force(std::move(next));
  return {};
}

}  // namespace gitferry
