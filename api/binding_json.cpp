#include "api/binding_json.h"

#include <string>

#include "api/envelope.h"
#include "api/rows.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

template <typename Named>
Json::Value word(Named value) {
  return std::string(name_of(value));
}

/// The file's values of what is overridden, under the names of the fields; null where nothing is.
Json::Value file_json(const FileValues& file) {
  Json::Value values;
  if (file.enabled) values["enable"] = *file.enabled;
  if (file.internal) values["internal_repo_address"] = clean_text(file.internal->str());
  if (file.external) values["external_repo_address"] = clean_text(file.external->str());
  if (file.granularity) values["sync_granularity"] = word(*file.granularity);
  if (file.direction) values["sync_direction"] = word(*file.direction);
  return values;
}

}  // namespace

Json::Value repository_json(const RepositoryBinding& binding) {
  Json::Value row(Json::objectValue);
  row["id"] = number(binding.id);
  row["created_at"] = china_time(binding.created_at_ms);
  row["enable"] = binding.enabled;
  row["repo_name"] = binding.name;
  row["internal_repo_address"] = clean_text(binding.internal.str());
  row["external_repo_address"] = clean_text(binding.external.str());
  row["sync_granularity"] = word(binding.granularity);
  row["sync_direction"] = word(binding.direction);

  row["origin"] = word(binding.origin);
  row["policy"] = word(binding.policy);
  row["deletions"] = word(binding.deletions);
  row["tags"] = word(binding.tags);
  row["token_present"]["internal"] = binding.internal_token.has_value();
  row["token_present"]["external"] = binding.external_token.has_value();
  return row;
}

Json::Value repository_row_json(const RepositoryBinding& binding, const RepositoryStatus& status) {
  auto row = repository_json(binding);
  row["file"] = file_json(binding.file);
  row["problem"] = text_or_null(binding.problem);
  row["status"] = word(status.state);
  row["branches"] = number(status.branches);
  row["last_success_at"] = time_or_null(status.last_success_at_ms);
  row["next_retry_at"] = time_or_null(status.next_attempt_at_ms);
  return row;
}

Json::Value branch_json(const BranchBinding& branch) {
  Json::Value row(Json::objectValue);
  row["id"] = number(branch.id);
  row["created_at"] = china_time(branch.created_at_ms);
  row["enable"] = branch.enabled;
  row["internal_branch_name"] = clean_text(branch.internal);
  row["external_branch_name"] = clean_text(branch.external);
  row["origin"] = word(branch.origin);
  return row;
}

Json::Value branch_row_json(const RepositoryBinding& binding, const BranchBinding& branch,
                            const BranchStatus& status) {
  auto row = branch_json(branch);
  row["policy"] = word(binding.policy_of(branch));
  row["deletions"] = word(binding.deletions_of(branch));
  row["file"] = Json::Value();
  if (branch.file_enabled) row["file"]["enable"] = *branch.file_enabled;
  const auto known = status.lane.value_or(LaneRow{});
  const auto lane = lane_json(known);
  row["internal_tip"] = text_or_null(known.known_tip(Side::Internal));
  row["external_tip"] = text_or_null(known.known_tip(Side::External));
  for (const auto* name :
       {"in_sync", "last_success_at", "last_run_at", "next_retry_at", "code_status", "error", "reason"}) {
    row[name] = lane[name];
  }
  row["status"] = word(status.state);
  return row;
}

}  // namespace gitferry::api
