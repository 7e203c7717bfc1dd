#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/failing_vfs.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class OverridesTest : public StoreTest {
 protected:
  OverridesTest() { options_.sealing_key = sealing_key_of('k'); }

  void put(std::vector<RepositoryOverride> repositories, std::vector<BranchOverride> branches = {}) {
    ASSERT_TRUE(store().change_overrides({{}, {}, std::move(repositories), std::move(branches), {}, {}}));
  }
  OverrideRows rows() { return store().overrides().value(); }
};

BranchOverride branch_override(const std::string& repository, const std::string& internal,
                               BranchOverride::Kind kind = BranchOverride::Kind::Bound) {
  return {repository, internal, "stable", kind, true, 42};
}

TEST_F(OverridesTest, KeepsEveryFieldAcrossAReopen) {
  auto whole = bound("b-robot");
  whole.internal_token = SideToken{"bot", Secret("s3cret"), "https://internal.example.org"};
  whole.external_token = SideToken{"oauth2", Secret("other"), "https://external.example.org:444"};
  RepositoryOverride change;
  change.name = "a-robot";
  change.enabled = false;
  change.external = "ssh://git@example.org/a.git";
  RepositoryOverride unbound;
  unbound.name = "c-robot";
  unbound.kind = RepositoryOverride::Kind::Unbound;
  put({unbound, whole, change}, {branch_override("z", "main"),
                                 {"a-robot", "feature/x", "x", BranchOverride::Kind::Unbound, {}, 0},
                                 {"a-robot", "dev", "dev", BranchOverride::Kind::Change, false, 0}});
  reopen();

  const auto read = rows();
  ASSERT_EQ(read.repositories.size(), 3U);
  const auto& first = read.repositories[0];
  EXPECT_EQ(first.name, "a-robot");
  EXPECT_EQ(first.kind, RepositoryOverride::Kind::Change);
  EXPECT_EQ(first.enabled, false);
  EXPECT_FALSE(first.internal);
  EXPECT_EQ(first.external, change.external);
  EXPECT_FALSE(first.granularity);
  EXPECT_FALSE(first.direction);
  EXPECT_FALSE(first.internal_token);
  const auto& second = read.repositories[1];
  EXPECT_EQ(second.kind, RepositoryOverride::Kind::Bound);
  EXPECT_EQ(second.enabled, true);
  EXPECT_EQ(second.internal, whole.internal);
  EXPECT_EQ(second.external, whole.external);
  EXPECT_EQ(second.granularity, Granularity::One);
  EXPECT_EQ(second.direction, BindingDirection::ToInter);
  EXPECT_EQ(second.created_at_ms, whole.created_at_ms);
  EXPECT_EQ(second.internal_token.value().username, "bot");
  EXPECT_EQ(second.internal_token.value().token.reveal(), "s3cret");
  EXPECT_EQ(second.internal_token.value().given_for, "https://internal.example.org");
  EXPECT_EQ(second.external_token.value().token.reveal(), "other");
  EXPECT_EQ(second.external_token.value().given_for, "https://external.example.org:444");
  EXPECT_EQ(read.repositories[2].kind, RepositoryOverride::Kind::Unbound);
  EXPECT_FALSE(read.repositories[2].enabled);

  ASSERT_EQ(read.branches.size(), 3U);
  EXPECT_EQ(read.branches[0].internal, "dev");
  EXPECT_EQ(read.branches[0].kind, BranchOverride::Kind::Change);
  EXPECT_EQ(read.branches[0].enabled, false);
  EXPECT_EQ(read.branches[1].internal, "feature/x");
  EXPECT_EQ(read.branches[1].external, "x");
  EXPECT_EQ(read.branches[1].kind, BranchOverride::Kind::Unbound);
  EXPECT_FALSE(read.branches[1].enabled);
  EXPECT_EQ(read.branches[2].repository, "z");
  EXPECT_EQ(read.branches[2].kind, BranchOverride::Kind::Bound);
  EXPECT_EQ(read.branches[2].created_at_ms, 42);
}

TEST_F(OverridesTest, APutReplacesTheRowWithItsTokensAndKeepsItsBranches) {
  auto with_token = bound("robot");
  with_token.internal_token = SideToken{"bot", Secret("s3cret"), "h"};
  put({with_token}, {branch_override("robot", "main")});
  RepositoryOverride change;
  change.name = "robot";
  change.direction = BindingDirection::ToOuter;
  put({change}, {branch_override("robot", "main", BranchOverride::Kind::Unbound)});
  const auto read = rows();
  ASSERT_EQ(read.repositories.size(), 1U);
  EXPECT_EQ(read.repositories[0].kind, RepositoryOverride::Kind::Change);
  EXPECT_FALSE(read.repositories[0].internal);
  EXPECT_FALSE(read.repositories[0].internal_token);
  EXPECT_EQ(read.repositories[0].direction, BindingDirection::ToOuter);
  ASSERT_EQ(read.branches.size(), 1U);
  EXPECT_EQ(read.branches[0].kind, BranchOverride::Kind::Unbound);
}

TEST_F(OverridesTest, ADropTakesBranchesAndTokensWithItAndComesBeforeAPut) {
  auto with_token = bound("robot");
  with_token.external_token = SideToken{"bot", Secret("s3cret"), "h"};
  put({with_token, bound("other")}, {branch_override("robot", "main"), branch_override("robot", "dev"),
                                     branch_override("other", "main"), branch_override("other", "dev")});
  ASSERT_TRUE(store().change_overrides({{"robot", "nobody"},
                                        {{"other", "dev", "stable"}, {"other", "no", "no"}},
                                        {},
                                        {branch_override("robot", "new")},
                                        {},
                                        {}}));
  auto read = rows();
  ASSERT_EQ(read.repositories.size(), 1U);
  EXPECT_EQ(read.repositories[0].name, "other");
  ASSERT_EQ(read.branches.size(), 2U);
  EXPECT_EQ(read.branches[0].internal, "main");
  EXPECT_EQ(read.branches[1].internal, "new");
  put({bound("robot")});
  EXPECT_FALSE(rows().repositories[1].external_token);
}

TEST_F(OverridesTest, AStatementThatFailsInTheMiddleLeavesNothing) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  marked(mark_of("main"));
  put({bound("robot")}, {branch_override("robot", "main")});
  close();
  for (const auto* trigger :
       {"CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'broken'); END",
        "CREATE TRIGGER broken BEFORE UPDATE OF forgotten_run_id ON lane BEGIN SELECT raise(ABORT, "
        "'broken'); END",
        "CREATE TRIGGER broken BEFORE INSERT ON branch_override BEGIN SELECT raise(ABORT, 'broken'); END",
        "CREATE TRIGGER broken BEFORE INSERT ON credential BEGIN SELECT raise(ABORT, 'broken'); END"}) {
    run_sql(options_.path, trigger);
    auto with_token = bound("new");
    with_token.internal_token = SideToken{"bot", Secret("s3cret"), "h"};
    const auto changed = store().change_overrides({{"robot"},
                                                   {},
                                                   {bound("newer"), with_token},
                                                   {branch_override("new", "main")},
                                                   {"robot"},
                                                   {audit_of("new")}});
    ASSERT_FALSE(changed) << trigger;
    EXPECT_EQ(changed.error().code, ErrorCode::StoreFailed);
    EXPECT_NE(changed.error().message.find("change the overrides"), std::string::npos);
    const auto read = rows();
    ASSERT_EQ(read.repositories.size(), 1U) << trigger;
    EXPECT_EQ(read.repositories[0].name, "robot");
    ASSERT_EQ(read.branches.size(), 1U);
    EXPECT_EQ(store().audit({}, {}).value().total, 0);
    close();
    run_sql(options_.path, "DROP TRIGGER broken");
  }
  EXPECT_TRUE(store().change_overrides({{"robot"}, {}, {}, {}, {"robot"}, {audit_of("robot")}}));
  EXPECT_TRUE(rows().repositories.empty());
}

TEST_F(OverridesTest, AFullDiskLeavesNothing) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  options_.vfs = FailingVfs::name();
  put({bound("robot")});
  {
    const FailingVfs::Full full;
    const auto changed = store().change_overrides({{"robot"}, {}, {bound("new")}, {}, {}, {audit_of("new")}});
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, ErrorCode::StoreFull);
  }
  const auto read = rows();
  ASSERT_EQ(read.repositories.size(), 1U);
  EXPECT_EQ(read.repositories[0].name, "robot");
  EXPECT_EQ(store().audit({}, {}).value().total, 0);
}

TEST_F(OverridesTest, OfTwoThatWriteOneNameOneIsThereWhole) {
  store();
  std::vector<std::jthread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      const auto text = std::to_string(client);
      auto row = bound("robot");
      row.internal = "https://internal.example.org/" + text;
      row.external = "https://external.example.org/" + text;
      row.internal_token = SideToken{text, Secret("token " + text), "h"};
      for (int i = 0; i < 25; ++i) {
        EXPECT_TRUE(store().change_overrides({{}, {}, {row}, {}, {}, {audit_of("robot")}}));
      }
    });
  }
  clients.clear();
  const auto read = rows();
  ASSERT_EQ(read.repositories.size(), 1U);
  const auto& row = read.repositories[0];
  const auto& token = row.internal_token.value();
  EXPECT_EQ(row.internal, "https://internal.example.org/" + token.username);
  EXPECT_EQ(row.external, "https://external.example.org/" + token.username);
  EXPECT_EQ(token.token.reveal(), "token " + token.username);
  EXPECT_EQ(store().audit({}, {}).value().total, 100);
}

TEST_F(OverridesTest, PeeksWhileTheStoreIsOpenAndAfterItClosed) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  EXPECT_TRUE(Store::peek_overrides(options_).value().repositories.empty());
  EXPECT_FALSE(std::filesystem::exists(options_.path)) << "looking makes no database";
  put({bound("robot")}, {branch_override("robot", "main")});
  const auto seen = Store::peek_overrides(options_).value();
  ASSERT_EQ(seen.repositories.size(), 1U);
  EXPECT_EQ(seen.repositories[0].internal, bound("robot").internal);
  EXPECT_EQ(seen.branches.size(), 1U);
  put({bound("second")});
  EXPECT_EQ(Store::peek_overrides(options_).value().repositories.size(), 2U);
  close();
  EXPECT_EQ(Store::peek_overrides(options_).value().repositories.size(), 2U);
  EXPECT_EQ(rows().repositories.size(), 2U) << "no lock stays behind";
}

TEST_F(OverridesTest, PeekingRefusesWhatItCannotRead) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  store();
  close();
  run_sql(options_.path, "PRAGMA user_version=99");
  const auto newer = Store::peek_overrides(options_);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::StoreFailed);
  EXPECT_NE(newer.error().message.find("99"), std::string::npos);
  std::ofstream(options_.path, std::ios::trunc) << std::string(8192, 'x');
  const auto damaged = Store::peek_overrides(options_);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::StoreDamaged);
}

}  // namespace
}  // namespace gitferry
