#include "config/original_import.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "config/original_dump.h"
#include "config/sql_dump.h"
#include "tests/config/support.h"

namespace gitferry::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string dump_named(const std::string& name) {
  std::ifstream file(std::string(GITFERRY_SOURCE_DIR) + "/tests/data/original_dump/" + name,
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The text with the first `from` replaced.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// What a dump is refused with.
std::string refusal_of(const std::string& text) {
  const auto dump = read_original_dump(text);
  EXPECT_FALSE(dump) << text.substr(0, 400);
  if (dump) return {};
  EXPECT_EQ(dump.error().code, ErrorCode::ConfigurationInvalid);
  EXPECT_THAT(dump.error().text(), Not(HasSubstr("S3CRET")));
  return dump.error().text();
}

OriginalImport imported(const std::string& text, const std::string& directory) {
  const auto dump = read_original_dump(text);
  EXPECT_TRUE(dump) << dump.error().text();
  return dump ? import_original(*dump, directory) : OriginalImport{};
}

/// As the command does: the tokens are in their files then.
Loaded loaded(const OriginalImport& import) {
  for (const auto& secret : import.secrets) {
    std::ofstream(secret.file, std::ios::binary) << secret.secret.reveal();
    ::chmod(secret.file.c_str(), 0600);
  }
  return load_text(import.yaml, "f", environment_of({}));
}

constexpr const char* kSmall =
    "CREATE TABLE `sync_repo_mapping` (`id` int, `repo_name` text, `enable` int, `internal_repo_address` "
    "text,"
    " `external_repo_address` text, `sync_granularity` text, `sync_direction` text);\n"
    "CREATE TABLE `sync_branch_mapping` (`id` int, `repo_id` int, `enable` int, `internal_branch_name` text,"
    " `external_branch_name` text);\n"
    "INSERT INTO `sync_repo_mapping` VALUES (1,'robot',1,'https://a.example.org/r.git',"
    "'https://b.example.org/r.git','one','to_outer');\n"
    "INSERT INTO `sync_branch_mapping` VALUES (1,1,1,'main','main');\n";

TEST(OriginalImport, NamesThePrivateHostsThatAreMeant) {
  const TempDir dir;
  const auto import =
      imported(replaced(kSmall, "https://a.example.org/r.git", "https://10.20.0.7/r.git"), dir.path("."));
  const auto config = loaded(import);
  ASSERT_TRUE(config) << text_of(config) << import.yaml;
  EXPECT_THAT(config->network.allow_cidrs, ElementsAre("10.20.0.7/32"));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("network.allow_cidrs")));
}

TEST(OriginalImport, TakesOverWhatWasBound) {
  const TempDir dir;
  const auto import = imported(dump_named("later.sql"), dir.path("."));
  const auto config = loaded(import);
  ASSERT_TRUE(config) << text_of(config) << import.yaml;
  EXPECT_EQ(import.repositories, 3U);
  EXPECT_EQ(import.branches, 2U);
  const auto* robot = config->bindings.find("robot");
  ASSERT_NE(robot, nullptr);
  EXPECT_TRUE(robot->enabled);
  EXPECT_EQ(robot->internal.str(), "https://gitlab.example.org/acme/robot.git");
  EXPECT_EQ(robot->external.str(), "https://github.com/acme/robot.git");
  EXPECT_EQ(robot->granularity, Granularity::One);
  EXPECT_EQ(robot->direction, BindingDirection::ToOuter);
  ASSERT_EQ(robot->branches.size(), 2U);
  EXPECT_EQ(robot->branches[0].internal, "main");
  EXPECT_EQ(robot->branches[1].external, "stable");
  EXPECT_TRUE(robot->branches[1].enabled) << "one of the two that were bound was enabled";
  const auto* whole = config->bindings.find("whole");
  ASSERT_NE(whole, nullptr);
  EXPECT_FALSE(whole->enabled);
  EXPECT_EQ(whole->granularity, Granularity::All);
  EXPECT_EQ(whole->direction, BindingDirection::ToInter);
  EXPECT_THAT(whole->branches, IsEmpty());
}

TEST(OriginalImport, NamesWhatItLeavesOut) {
  const TempDir dir;
  const auto import = imported(dump_named("later.sql"), dir.path("."));
  EXPECT_THAT(import.left_out, UnorderedElementsAre(HasSubstr("\"../up\""), HasSubstr("\"option\""),
                                                    HasSubstr("both addresses are those of one repository"),
                                                    HasSubstr("no repository has that number")));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("bound twice")));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("every branch is synced")));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("plain http")));
  EXPECT_THAT(import.remarks, Not(Contains(HasSubstr("nothing in the dump says"))));
}

TEST(OriginalImport, PutsTokensIntoFilesAndNowhereElse) {
  const TempDir dir;
  const auto import = imported(dump_named("later.sql"), dir.path("."));
  std::vector<std::string> files;
  std::vector<std::string> secrets;
  for (const auto& secret : import.secrets) {
    files.push_back(secret.file);
    secrets.emplace_back(secret.secret.reveal());
  }
  EXPECT_THAT(files, ElementsAre(dir.path("./robot-internal-token"), dir.path("./robot-external-token"),
                                 dir.path("./inline-internal-token")));
  EXPECT_THAT(secrets, ElementsAre("S3CRET-inner", "S3CRET-outer", "S3CRET-inline"));
  EXPECT_THAT(import.yaml, Not(HasSubstr("S3CRET")));
  EXPECT_THAT(import.left_out, Not(Contains(HasSubstr("S3CRET"))));
  EXPECT_THAT(import.remarks, Not(Contains(HasSubstr("S3CRET"))));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("the token of whole, internal side, is left out")));
  const auto config = loaded(import);
  ASSERT_TRUE(config) << text_of(config);
  ASSERT_EQ(config->credentials.size(), 3U);
  EXPECT_EQ(config->credentials[0].match, "https://gitlab.example.org/acme/robot.git");
  EXPECT_EQ(config->credentials[0].username, "oauth2");
  EXPECT_EQ(config->credentials[2].username, "ada");
}

TEST(OriginalImport, LeavesTokensOutWhereTheyHaveNoPlace) {
  const auto import = imported(dump_named("later.sql"), "");
  EXPECT_THAT(import.secrets, IsEmpty());
  EXPECT_THAT(import.yaml, Not(HasSubstr("credentials")));
  EXPECT_THAT(import.remarks, Contains(HasSubstr("3 tokens are left out: with --secrets")));
}

TEST(OriginalImport, ReadsTheFirstFormOfItsTables) {
  const auto import = imported(dump_named("first.sql"), "/nowhere");
  const auto config = loaded(import);
  ASSERT_TRUE(config) << text_of(config);
  const auto* test = config->bindings.find("ob-robot-test");
  ASSERT_NE(test, nullptr);
  EXPECT_EQ(test->direction, BindingDirection::ToInter);
  EXPECT_EQ(test->branches.size(), 1U);
  EXPECT_THAT(import.left_out, ElementsAre(HasSubstr("\"--upload-pack=id\"")));
  EXPECT_THAT(import.secrets, IsEmpty());
}

TEST(OriginalImport, OneAddressHasOneToken) {
  std::string dump = dump_named("later.sql");
  dump = replaced(dump, "'https://github.com/acme/whole.git',NULL",
                  "'https://github.com/acme/robot.git','S3CRET-another'");
  const TempDir dir;
  const auto import = imported(dump, dir.path("."));
  EXPECT_EQ(import.secrets.size(), 3U);
  EXPECT_THAT(import.remarks,
              Contains(HasSubstr("the token of whole, external side, is left out: "
                                 "https://github.com/acme/robot.git has another one already")));
  EXPECT_TRUE(loaded(import)) << import.yaml;
}

TEST(OriginalImport, IsPrintableWhateverTheNamesHold) {
  std::string dump = replaced(kSmall, "'robot'", "'\\r\\Z\\033[2J\xE2\x80\xAE evil'");
  const auto import = imported(dump, "");
  ASSERT_EQ(import.left_out.size(), 1U);
  for (const char c : import.left_out.front()) EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
  EXPECT_EQ(import.repositories, 0U);
}

TEST(OriginalDump, ADumpWithoutCommentsCannotSayThatItIsWhole) {
  const auto import = imported(kSmall, "");
  EXPECT_TRUE(loaded(import)) << import.yaml;
  EXPECT_THAT(import.remarks, Contains(HasSubstr("nothing in the dump says that it is all there")));
}

TEST(OriginalDump, WhereverItIsCutOffItIsRefused) {
  const std::string whole = dump_named("later.sql");
  const auto end = whole.find("-- Dump completed");
  // From behind the header on: before it, it is a dump of nothing, which is refused as well.
  for (std::size_t size = 0; size < end; size += 7) {
    SCOPED_TRACE(size);
    refusal_of(whole.substr(0, size));
  }
}

TEST(OriginalDump, WithoutCommentsACutInsideAStatementIsSeen) {
  const std::string small = kSmall;
  const auto first = small.find("INSERT");
  for (std::size_t size = first + 1; size < small.find("INSERT", first + 1) - 1; ++size) {
    SCOPED_TRACE(size);
    EXPECT_THAT(refusal_of(small.substr(0, size)), HasSubstr("cut off"));
  }
}

TEST(OriginalDump, SaysWhatIsWrongWithARow) {
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot',1", "'robot',2")),
              HasSubstr("line 3: the column enable of sync_repo_mapping is neither 0 nor 1"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot'", "NULL")),
              HasSubstr("the column repo_name of sync_repo_mapping is NULL"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "(1,1,1,'main'", "(1,-1,1,'main'")),
              HasSubstr("the column repo_id of sync_branch_mapping is not a number"));
  EXPECT_THAT(refusal_of(replaced(kSmall, ",'one','to_outer')", ",'one')")),
              HasSubstr("6 values for 7 columns"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "`repo_name`", "`reponame`")),
              HasSubstr("the column repo_name of sync_repo_mapping is missing"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot'", "'rob\xFFt'")), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot'", "CONCAT('a','b')")), HasSubstr("mysqldump writes no"));
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot'", "(SELECT 1)")), HasSubstr("mysqldump writes no"));
}

TEST(OriginalDump, RefusesWhatIsNoDumpOfTheService) {
  EXPECT_THAT(refusal_of(""), HasSubstr("does not have the table sync_repo_mapping"));
  EXPECT_THAT(refusal_of("CREATE TABLE `t` (`id` int);"), HasSubstr("does not have the table"));
  EXPECT_THAT(refusal_of(std::string(kSmall) + kSmall), HasSubstr("several databases"));
  EXPECT_THAT(refusal_of("INSERT INTO `sync_repo_mapping` VALUES (1);"),
              HasSubstr("nothing says which columns"));
  EXPECT_THAT(refusal_of("/* never closed"), HasSubstr("a comment without an end"));
}

TEST(OriginalDump, IsBounded) {
  EXPECT_THAT(refusal_of(replaced(kSmall, "'robot'", "'" + std::string(kDumpValueLimit + 1, 'x') + "'")),
              HasSubstr("a value of more than 4096 bytes"));
  std::string rows = "INSERT INTO `sync_branch_mapping` VALUES (1,1,1,'a','a')";
  for (std::size_t i = 0; i < kDumpRowLimit; ++i) rows += ",(1,1,1,'a','a')";
  EXPECT_THAT(refusal_of(kSmall + rows + ";"), HasSubstr("more than 200000 rows"));
  std::string columns = "CREATE TABLE `sync_repo_mapping` (`a` int";
  for (int i = 0; i < 70; ++i) columns += ",`c` int";
  EXPECT_THAT(refusal_of(columns + ");"), HasSubstr("too many columns"));
}

TEST(SqlDump, UnderstandsTheFormsOfInsert) {
  std::vector<std::vector<std::string>> rows;
  const auto take = [&](const DumpRow& row) -> Status {
    rows.emplace_back();
    for (const auto& value : row.values) rows.back().push_back(value.value_or("<NULL>"));
    return {};
  };
  const auto read = read_sql_dump(
      "# a comment\nINSERT IGNORE INTO `d`.`t` (`a`, `b`) VALUES "
      "(1,NULL),(-2.5e3,_utf8mb4'x\\'y''z\\n');\n"
      "REPLACE INTO t (a,b) VALUES ('NULL',\"q\");\nDELIMITER ;;\nCREATE TRIGGER x BEGIN SELECT ';'; END;;\n",
      {"t"}, take);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_THAT(rows, ElementsAre(ElementsAre("1", "<NULL>"), ElementsAre("-2.5e3", "x'y'z\n"),
                                ElementsAre("NULL", "q")));
}

}  // namespace
}  // namespace gitferry::config
