#pragma once

#include <set>
#include <string>

#include "agent/model/binding.h"
#include "agent/model/remote_url.h"
#include "agent/store/binding_rows.h"

namespace gitferry {

/// File ⊕ overrides → what is in force. A pure function: no I/O, the same input gives the same bindings.
///
/// | file has it | override | in force |
/// | --- | --- | --- |
/// | yes | none | the file's entry, origin `file` |
/// | yes | Change or Bound | the file's entry with the fields that are set and differ, origin `file+override`
/// | | yes | Unbound | nothing; the name is in `unbound` | | no | Bound | the override alone, origin `api` |
/// | no | Change or Unbound | nothing: it waits until the file has the entry again |
///
/// The same holds for the branches of a repository that is in force with granularity `one`. A field that is
/// set to what the file says is no override. Webhooks and policy are the file's alone. A stored address that
/// the one validator refuses (parse_remote_url() with `allowed`) disables its binding and says why in
/// `problem`.
///
/// Ids and the creation times of what the file has are left 0; `by_age` is left empty.
BindingSnapshot overlay(const BindingSnapshot& file, const OverrideRows& overrides,
                        const std::set<Scheme>& allowed);

}  // namespace gitferry
