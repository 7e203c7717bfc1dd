#include <cstdint>
#include <filesystem>
#include <memory>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class SqliteConnectionTest : public StoreTest {
 protected:
  std::unique_ptr<SqliteConnection> connect(SqliteConnection::Role role) {
    return std::make_unique<SqliteConnection>(options_.path, "", role);
  }
  std::uintmax_t wal_bytes() { return std::filesystem::file_size(options_.path + "-wal"); }
  static std::int64_t number(SqlConnection& connection, const char* sql) {
    auto query = connection.query(sql);
    EXPECT_TRUE(query.next());
    return query.integer(0);
  }
};

// https://sqlite.org/wal.html, "The WAL-Reset Bug": a checkpoint by another connection than the one that
// writes can damage the database.
TEST_F(SqliteConnectionTest, R36_OnlyTheWriterWritesAndCheckpoints) {
  ASSERT_TRUE(DataDirectory::claim(options_.path));
  auto writer = connect(SqliteConnection::Role::Writer);
  writer->execute("CREATE TABLE note (text TEXT)");
  writer->execute("INSERT INTO note VALUES ('written')");
  EXPECT_EQ(number(*writer, "PRAGMA synchronous"), 2);
  auto reader = connect(SqliteConnection::Role::Reader);
  EXPECT_EQ(number(*reader, "SELECT count(*) FROM note"), 1);
  EXPECT_EQ(number(*reader, "PRAGMA wal_autocheckpoint"), 0);
  EXPECT_EQ(number(*reader, "PRAGMA query_only"), 1);
  for (auto* connection : {writer.get(), reader.get()}) {
    EXPECT_EQ(number(*connection, "PRAGMA foreign_keys"), 1);
    EXPECT_EQ(number(*connection, "PRAGMA trusted_schema"), 0);
  }
  EXPECT_ANY_THROW(reader->execute("INSERT INTO note VALUES ('read')"));

  // The last connection that closes empties the log, unless it is a reader's.
  const auto written = wal_bytes();
  EXPECT_GT(written, 0U);
  writer.reset();
  EXPECT_EQ(number(*reader, "SELECT count(*) FROM note"), 1);
  reader.reset();
  EXPECT_EQ(wal_bytes(), written);
}

}  // namespace
}  // namespace gitferry
