#include "agent/store/overrides.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/store/paging.h"

namespace gitferry {
namespace {

/// Both kinds of override have the same three kinds, in the same order.
template <typename Kind>
std::string_view name_of_kind(Kind kind) {
  switch (kind) {
    case Kind::Change:
      return "change";
    case Kind::Bound:
      return "bound";
    case Kind::Unbound:
      return "unbound";
  }
  return "change";
}
template <typename Kind>
Kind kind_from(const std::string& name) {
  for (const auto kind : {Kind::Bound, Kind::Unbound}) {
    if (name == name_of_kind(kind)) return kind;
  }
  return Kind::Change;
}

template <typename Value>
std::optional<Value> optional_value(const Query& query, int column) {
  const auto number = query.optional_integer(column);
  return number ? std::optional(static_cast<Value>(*number)) : std::nullopt;
}
template <typename Value>
std::optional<std::int64_t> number_of(const std::optional<Value>& value) {
  return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
}

// --- reading

Status read_address(const Query& query, int column, const Sealing& sealing, const std::string& repository,
                    Side side, std::optional<std::string>& into) {
  if (query.is_null(column)) return {};
  const auto opened = sealing.unseal(query.blob(column), repository, side, SealedField::Address);
  if (!opened) return fail(opened.error());
  into = std::string(opened->reveal());
  return {};
}

Result<std::vector<RepositoryOverride>> read_repositories(SqlConnection& connection, const Sealing& sealing) {
  auto query = connection.query(
      "SELECT name, kind, enabled, internal, external, granularity, direction, created_at_ms "
      "FROM repository_override ORDER BY name");
  std::vector<RepositoryOverride> rows;
  while (query.next()) {
    auto& row = rows.emplace_back();
    row.name = query.text(0);
    row.kind = kind_from<RepositoryOverride::Kind>(query.text(1));
    row.enabled = optional_value<bool>(query, 2);
    auto read = read_address(query, 3, sealing, row.name, Side::Internal, row.internal);
    if (read) read = read_address(query, 4, sealing, row.name, Side::External, row.external);
    if (!read) return fail(read.error());
    row.granularity = optional_value<Granularity>(query, 5);
    row.direction = optional_value<BindingDirection>(query, 6);
    row.created_at_ms = query.integer(7);
  }
  return rows;
}

Result<SideToken> read_token(const Query& query, const Sealing& sealing, const std::string& repository,
                             Side side) {
  const auto open = [&](int column, SealedField field) {
    return sealing.unseal(query.blob(column), repository, side, field);
  };
  const auto username = open(2, SealedField::Username);
  if (!username) return fail(username.error());
  auto token = open(3, SealedField::Token);
  if (!token) return fail(token.error());
  const auto given_for = open(4, SealedField::Origin);
  if (!given_for) return fail(given_for.error());
  return SideToken{std::string(username->reveal()), std::move(*token), std::string(given_for->reveal())};
}

/// `rows` are in the order of their names.
Status read_tokens(SqlConnection& connection, const Sealing& sealing, std::vector<RepositoryOverride>& rows) {
  auto query = connection.query(
      "SELECT repository, side, username, token, origin FROM credential ORDER BY repository");
  while (query.next()) {
    const auto name = query.text(0);
    const auto row = std::lower_bound(rows.begin(), rows.end(), name,
                                      [](const auto& one, const auto& wanted) { return one.name < wanted; });
    if (row == rows.end() || row->name != name) continue;  // the foreign key does not let this happen
    const auto side = query.text(1) == name_of(Side::Internal) ? Side::Internal : Side::External;
    auto token = read_token(query, sealing, name, side);
    if (!token) return fail(token.error());
    (side == Side::Internal ? row->internal_token : row->external_token) = std::move(*token);
  }
  return {};
}

std::vector<BranchOverride> read_branches(SqlConnection& connection) {
  auto query = connection.query(
      "SELECT repository, internal, external, kind, enabled, created_at_ms FROM branch_override "
      "ORDER BY repository, internal, external");
  std::vector<BranchOverride> rows;
  while (query.next()) {
    rows.push_back({query.text(0), query.text(1), query.text(2),
                    kind_from<BranchOverride::Kind>(query.text(3)), optional_value<bool>(query, 4),
                    query.integer(5)});
  }
  return rows;
}

// --- writing

void drop_repository(SqlConnection& connection, const std::string& name) {
  connection.query("DELETE FROM branch_override WHERE repository = ?1").bind(name).run();
  connection.query("DELETE FROM repository_override WHERE name = ?1").bind(name).run();
}

void drop_branch(SqlConnection& connection, const BranchKey& key) {
  connection.query("DELETE FROM branch_override WHERE repository = ?1 AND internal = ?2 AND external = ?3")
      .bind(key.repository, key.internal, key.external)
      .run();
}

Result<std::optional<Blob>> sealed_address(const Sealing& sealing, const RepositoryOverride& row, Side side) {
  const auto& address = side == Side::Internal ? row.internal : row.external;
  if (!address) return std::optional<Blob>{};
  auto sealed = sealing.seal(*address, row.name, side, SealedField::Address);
  if (!sealed) return fail(sealed.error());
  return std::optional(std::move(*sealed));
}

Status put_token(SqlConnection& connection, const Sealing& sealing, const RepositoryOverride& row,
                 Side side) {
  const auto& token = side == Side::Internal ? row.internal_token : row.external_token;
  if (!token) return {};
  const auto username = sealing.seal(token->username, row.name, side, SealedField::Username);
  if (!username) return fail(username.error());
  const auto secret = sealing.seal(token->token.reveal(), row.name, side, SealedField::Token);
  if (!secret) return fail(secret.error());
  const auto given_for = sealing.seal(token->given_for, row.name, side, SealedField::Origin);
  if (!given_for) return fail(given_for.error());
  connection
      .query("INSERT INTO credential (repository, side, username, token, origin) VALUES (?1, ?2, ?3, ?4, ?5)")
      .bind(row.name, name_of(side), *username, *secret, *given_for)
      .run();
  return {};
}

Status put_repository(SqlConnection& connection, const Sealing& sealing, const RepositoryOverride& row) {
  const auto internal = sealed_address(sealing, row, Side::Internal);
  if (!internal) return fail(internal.error());
  const auto external = sealed_address(sealing, row, Side::External);
  if (!external) return fail(external.error());
  // The tokens of the row before go with it.
  connection.query("DELETE FROM repository_override WHERE name = ?1").bind(row.name).run();
  connection
      .query(R"sql(
    INSERT INTO repository_override (name, kind, enabled, internal, external, granularity, direction, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))sql")
      .bind(row.name, name_of_kind(row.kind), row.enabled, *internal, *external, number_of(row.granularity),
            number_of(row.direction), row.created_at_ms)
      .run();
  auto put = put_token(connection, sealing, row, Side::Internal);
  if (put) put = put_token(connection, sealing, row, Side::External);
  return put;
}

void put_branch(SqlConnection& connection, const BranchOverride& row) {
  connection
      .query(R"sql(
    INSERT INTO branch_override (repository, internal, external, kind, enabled, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (repository, internal, external) DO UPDATE SET kind = ?4, enabled = ?5, created_at_ms = ?6)sql")
      .bind(row.repository, row.internal, row.external, name_of_kind(row.kind), row.enabled,
            row.created_at_ms)
      .run();
}

}  // namespace

Result<OverrideRows> read_overrides(SqlConnection& connection, const Sealing& sealing) {
  const ReadTransaction snapshot(connection);
  auto repositories = read_repositories(connection, sealing);
  if (!repositories) return fail(repositories.error());
  if (auto tokens = read_tokens(connection, sealing, *repositories); !tokens) return fail(tokens.error());
  return OverrideRows{std::move(*repositories), read_branches(connection)};
}

Status write_overrides(SqlConnection& connection, const OverrideChange& change, const Sealing& sealing) {
  for (const auto& name : change.drop_repositories) drop_repository(connection, name);
  for (const auto& key : change.drop_branches) drop_branch(connection, key);
  for (const auto& row : change.put_repositories) {
    if (auto put = put_repository(connection, sealing, row); !put) return put;
  }
  for (const auto& row : change.put_branches) put_branch(connection, row);
  return {};
}

}  // namespace gitferry
