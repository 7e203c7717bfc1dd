#include "config/original_dump.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "agent/base/text.h"
#include "config/sql_dump.h"

namespace gitferry::config {
namespace {

constexpr std::string_view kRepositories = "sync_repo_mapping";
constexpr std::string_view kBranches = "sync_branch_mapping";

/// Reads the fields of one row; the first one that is wrong is kept.
class FieldReader {
 public:
  explicit FieldReader(const DumpRow& row) : row_(row) {}

  std::string text(std::string_view column) {
    const auto* value = row_.find(column);
    if (value == nullptr) return refuse(column, "is missing");
    if (!*value) return refuse(column, "is NULL");
    return **value;
  }
  /// Empty where there is none: older forms of the table lack the column.
  [[nodiscard]] std::string optional_text(std::string_view column) const {
    const auto* value = row_.find(column);
    return value == nullptr ? std::string() : value->value_or("");
  }
  std::int64_t number(std::string_view column) {
    const auto digits = text(column);
    const auto value = parse_number(digits);
    if (!value && !wrong_) refuse(column, "is not a number");
    return value.value_or(0);
  }
  bool flag(std::string_view column) {
    const auto digit = text(column);
    if (digit != "0" && digit != "1" && !wrong_) refuse(column, "is neither 0 nor 1");
    return digit == "1";
  }
  [[nodiscard]] const std::optional<Error>& wrong() const { return wrong_; }

 private:
  std::string refuse(std::string_view column, std::string_view what) {
    Error error;
    error.code = ErrorCode::ConfigurationInvalid;
    error.message = "line " + std::to_string(row_.line) + ": the column " + std::string(column) + " of " +
                    std::string(row_.table) + " " + std::string(what);
    if (!wrong_) wrong_ = std::move(error);
    return {};
  }

  const DumpRow& row_;
  std::optional<Error> wrong_;
};

Status take_repository(const DumpRow& row, OriginalDump& dump) {
  FieldReader fields(row);
  OriginalRepository repository;
  repository.line = row.line;
  repository.id = fields.number("id");
  repository.name = fields.text("repo_name");
  repository.enabled = fields.flag("enable");
  repository.internal_address = fields.text("internal_repo_address");
  repository.external_address = fields.text("external_repo_address");
  repository.internal_token = Secret(fields.optional_text("inter_token"));
  repository.external_token = Secret(fields.optional_text("exter_token"));
  repository.granularity = fields.text("sync_granularity");
  repository.direction = fields.text("sync_direction");
  if (fields.wrong()) return fail(*fields.wrong());
  dump.repositories.push_back(std::move(repository));
  return {};
}

Status take_branch(const DumpRow& row, OriginalDump& dump) {
  FieldReader fields(row);
  OriginalBranch branch;
  branch.line = row.line;
  branch.repository_id = fields.number("repo_id");
  branch.enabled = fields.flag("enable");
  branch.internal_name = fields.text("internal_branch_name");
  branch.external_name = fields.text("external_branch_name");
  if (fields.wrong()) return fail(*fields.wrong());
  dump.branches.push_back(std::move(branch));
  return {};
}

/// A dump of something else must not become an empty configuration.
Status check_tables(const DumpSummary& summary, const OriginalDump& dump) {
  if (summary.created.count(kRepositories) == 0 && dump.repositories.empty())
    return fail(ErrorCode::ConfigurationInvalid,
                "the dump does not have the table " + std::string(kRepositories),
                "dump the database of the original service: mysqldump DATABASE " +
                    std::string(kRepositories) + " " + std::string(kBranches));
  if (summary.created.count(kBranches) == 0 && dump.branches.empty())
    return fail(ErrorCode::ConfigurationInvalid, "the dump does not have the table " + std::string(kBranches),
                "dump both tables");
  return {};
}

}  // namespace

Result<OriginalDump> read_original_dump(std::string_view text) {
  const std::set<std::string, std::less<>> tables{std::string(kRepositories), std::string(kBranches)};
  OriginalDump dump;
  const auto summary = read_sql_dump(text, tables, [&](const DumpRow& row) {
    return row.table == kRepositories ? take_repository(row, dump) : take_branch(row, dump);
  });
  if (!summary) return fail(summary.error());
  if (auto has_both = check_tables(*summary, dump); !has_both) return fail(std::move(has_both.error()));
  dump.says_complete = summary->says_complete;
  std::stable_sort(dump.repositories.begin(), dump.repositories.end(),
                   [](const auto& left, const auto& right) { return left.id < right.id; });
  return dump;
}

}  // namespace gitferry::config
