#include "agent/store/binding_ids.h"

#include <algorithm>
#include <string>

#include "agent/model/lane_key.h"
#include "agent/store/paging.h"

namespace gitferry {
namespace {

LaneKey key_of(const BranchKey& branch) {
  return lane_key(branch.repository, branch.internal, branch.external);
}

BindingId find_branch_id(SqlConnection& connection, const LaneKey& key) {
  auto query = connection.query(
      "SELECT id, created_at_ms FROM branch_id WHERE repository = ?1 AND internal_ref = ?2 AND external_ref "
      "= ?3");
  if (!query.bind(key.repository, key.internal_ref, key.external_ref).next()) return {};
  return {query.integer(0), query.integer(1), {}};
}

BindingId find_repository_id(SqlConnection& connection, const std::string& name) {
  auto query = connection.query("SELECT id, created_at_ms, addresses FROM repository_id WHERE name = ?1");
  if (!query.bind(name).next()) return {};
  return {query.integer(0), query.integer(1), query.text(2)};
}

BindingId allot_repository_id(SqlConnection& connection, const std::string& name, std::int64_t now_ms) {
  if (const auto known = find_repository_id(connection, name); known.id != 0) return known;
  const auto id = connection.query("INSERT INTO repository_id (name, created_at_ms) VALUES (?1, ?2)")
                      .bind(name, now_ms)
                      .insert();
  return {id, now_ms, {}};
}

}  // namespace

BindingId allot_branch_id(SqlConnection& connection, const LaneKey& key, std::int64_t now_ms) {
  if (const auto known = find_branch_id(connection, key); known.id != 0) return known;
  const auto id = connection
                      .query(
                          "INSERT INTO branch_id (repository, internal_ref, external_ref, created_at_ms) "
                          "VALUES (?1, ?2, ?3, "
                          "?4)")
                      .bind(key.repository, key.internal_ref, key.external_ref, now_ms)
                      .insert();
  return {id, now_ms, {}};
}

BindingIds find_binding_ids(SqlConnection& connection, const BindingNames& names) {
  const ReadTransaction snapshot(connection);
  BindingIds ids;
  ids.repositories.reserve(names.repositories.size());
  for (const auto& name : names.repositories)
    ids.repositories.push_back(find_repository_id(connection, name));
  ids.branches.reserve(names.branches.size());
  for (const auto& branch : names.branches)
    ids.branches.push_back(find_branch_id(connection, key_of(branch)));
  return ids;
}

bool is_complete(const BindingIds& ids) {
  const auto has_id = [](const BindingId& one) { return one.id != 0; };
  return std::all_of(ids.repositories.begin(), ids.repositories.end(), has_id) &&
         std::all_of(ids.branches.begin(), ids.branches.end(), has_id);
}

void allot_binding_ids(SqlConnection& connection, const BindingNames& names, BindingIds& ids,
                       std::int64_t now_ms) {
  // Repositories first: a branch is never older than its repository.
  for (std::size_t i = 0; i < names.repositories.size(); ++i) {
    auto& id = ids.repositories.at(i);
    if (id.id == 0) id = allot_repository_id(connection, names.repositories[i], now_ms);
  }
  for (std::size_t i = 0; i < names.branches.size(); ++i) {
    auto& id = ids.branches.at(i);
    if (id.id == 0) id = allot_branch_id(connection, key_of(names.branches[i]), now_ms);
  }
}

void note_addresses(SqlConnection& connection, const KnownAddresses& known) {
  connection.query("UPDATE repository_id SET addresses = ?2 WHERE name = ?1")
      .bind(known.repository, known.fingerprint)
      .run();
}

}  // namespace gitferry
