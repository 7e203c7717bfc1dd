#pragma once

#include <string>
#include <vector>

#include "agent/model/binding.h"

namespace gitferry {

/// Both texts of an audit row: JSON objects, empty where there is no binding.
struct AuditTexts {
  std::string before;
  std::string after;
};

/// What a change does to a repository: of two bindings only the fields that differ, of one (the other is
/// nullptr) all. Of tokens and webhooks only that they are there; of very many branches some.
AuditTexts audit_texts(const RepositoryBinding* before, const RepositoryBinding* after);

/// The same of the hooks of organisations: those that are not in both, none of their secrets. Both empty
/// where they are the same; only another secret shows as the same text twice.
AuditTexts audit_texts(const std::vector<OrganisationHook>& before,
                       const std::vector<OrganisationHook>& after);

/// `{"enable": …}`
std::string enable_text(bool enabled);
/// `main -> stable`: the internal and the external name.
std::string pair_text(const BranchBinding& branch);

}  // namespace gitferry
