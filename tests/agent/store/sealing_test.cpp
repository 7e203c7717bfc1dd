#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

constexpr const char* kAddressCanary = "canary-address-0f7a";
constexpr const char* kUserCanary = "canary-user-51c2";
constexpr const char* kTokenCanary = "canary-token-93be";
constexpr const char* kHostCanary = "canary-host-77d1";

std::string bytes_of_file(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class SealedOverridesTest : public StoreTest {
 protected:
  SealedOverridesTest() { options_.sealing_key = sealing_key_of('k'); }

  static RepositoryOverride with_canaries(const std::string& name) {
    auto row = bound(name);
    row.internal = std::string("https://") + kHostCanary + "/" + kAddressCanary + name;
    row.external = std::string("https://") + kHostCanary + "/" + kAddressCanary + name + "-outside";
    row.internal_token = SideToken{kUserCanary, Secret(kTokenCanary + name), kHostCanary};
    row.external_token =
        SideToken{std::string(kUserCanary) + "2", Secret(kTokenCanary + name + "2"), kHostCanary};
    return row;
  }
  Status put(const RepositoryOverride& row) { return store().change_overrides({{}, {}, {row}, {}, {}, {}}); }

  /// Runs SQL on the closed file and expects that nobody's values are shown for another's.
  void expect_nothing_opens_after(const char* sql) {
    close();
    const auto saved = bytes_of_file(options_.path);
    run_sql(options_.path, sql);
    const auto read = store().overrides();
    EXPECT_FALSE(read) << sql;
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::StoreDamaged) << sql;
      EXPECT_NE(read.error().message.find("'robot'"), std::string::npos) << read.error().text();
      EXPECT_NE(read.error().hint.find("restore the key file"), std::string::npos);
      EXPECT_EQ(read.error().text().find("canary"), std::string::npos);
    }
    close();
    std::ofstream(options_.path, std::ios::binary | std::ios::trunc) << saved;
  }
};

TEST_F(SealedOverridesTest, S12_NoFileHoldsAnAddressUserOrTokenInTheClear) {
  ASSERT_TRUE(put(with_canaries("robot")));
  ASSERT_TRUE(put(with_canaries("robot")));
  const auto expect_no_canary = [&] {
    for (const auto* suffix : {"", "-wal", "-shm"}) {
      const auto bytes = bytes_of_file(options_.path + suffix);
      for (const auto* canary : {kAddressCanary, kUserCanary, kTokenCanary, kHostCanary}) {
        EXPECT_EQ(bytes.find(canary), std::string::npos) << canary << " in " << suffix;
      }
    }
  };
  // What is written in the clear is found: the search itself works.
  EXPECT_NE(bytes_of_file(options_.path + "-wal").find("robot"), std::string::npos);
  expect_no_canary();
  close();
  EXPECT_NE(bytes_of_file(options_.path).find("robot"), std::string::npos);
  expect_no_canary();
}

TEST_F(SealedOverridesTest, BytesOfOneRowFieldOrSideOpenInNoOther) {
  ASSERT_TRUE(put(with_canaries("robot")));
  ASSERT_TRUE(put(with_canaries("zebra")));
  ASSERT_TRUE(store().overrides());
  for (const auto* sql : {
           "UPDATE repository_override SET internal = (SELECT o.internal FROM repository_override o "
           "WHERE o.name = 'zebra') WHERE name = 'robot'",
           "UPDATE repository_override SET internal = external, external = internal WHERE name = 'robot'",
           "UPDATE credential SET token = (SELECT c.token FROM credential c WHERE c.repository = 'zebra' "
           "AND c.side = credential.side) WHERE repository = 'robot'",
           "UPDATE credential SET token = (SELECT c.token FROM credential c WHERE c.repository = 'robot' "
           "AND c.side <> credential.side) WHERE repository = 'robot' AND side = 'internal'",
           "UPDATE credential SET username = token, token = username WHERE repository = 'robot'",
           "UPDATE credential SET origin = (SELECT c.origin FROM credential c WHERE c.repository = 'zebra' "
           "AND c.side = credential.side) WHERE repository = 'robot'",
           "UPDATE credential SET token = x'' WHERE repository = 'robot'",
           "UPDATE credential SET token = substr(token, 1, length(token) - 1) WHERE repository = 'robot'",
           "UPDATE repository_override SET external = zeroblob(length(external)) WHERE name = 'robot'",
       }) {
    expect_nothing_opens_after(sql);
  }
  EXPECT_TRUE(store().overrides());
}

TEST_F(SealedOverridesTest, AnotherKeyOpensNothingAndSaysWhatToRestore) {
  ASSERT_TRUE(put(with_canaries("robot")));
  options_.sealing_key = sealing_key_of('K');
  reopen();
  for (const auto& read : {store().overrides(), Store::peek_overrides(options_)}) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::StoreDamaged);
    EXPECT_NE(read.error().message.find("'robot'"), std::string::npos);
    EXPECT_NE(read.error().hint.find("restore the key file"), std::string::npos);
  }
  options_.sealing_key = sealing_key_of('k');
  reopen();
  EXPECT_EQ(store().overrides().value().repositories.at(0).internal_token.value().username, kUserCanary);
}

TEST_F(SealedOverridesTest, WithoutAKeyWhatHoldsNoSecretWorks) {
  options_.sealing_key = Secret();
  RepositoryOverride disabled;
  disabled.name = "robot";
  disabled.enabled = false;
  ASSERT_TRUE(put(disabled));
  EXPECT_EQ(store().overrides().value().repositories.size(), 1U);
  EXPECT_EQ(Store::peek_overrides(options_).value().repositories.size(), 1U);

  const auto refused = put(with_canaries("second"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::StoreFailed);
  EXPECT_NE(refused.error().message.find("'second'"), std::string::npos);
  EXPECT_EQ(store().overrides().value().repositories.size(), 1U);
}

TEST_F(SealedOverridesTest, WithoutAKeyWhatIsSealedCannotBeRead) {
  ASSERT_TRUE(put(with_canaries("robot")));
  options_.sealing_key = Secret();
  reopen();
  const auto read = store().overrides();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::StoreFailed);
  EXPECT_NE(read.error().message.find("there is no key"), std::string::npos);
}

TEST_F(SealedOverridesTest, AKeyOfAnotherSizeIsRefused) {
  for (const std::size_t size : {1U, 31U, 33U, 64U}) {
    options_.sealing_key = Secret(std::string(size, 'k'));
    const auto opened = Store::open(options_, clock_);
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, ErrorCode::StoreFailed);
    EXPECT_NE(opened.error().message.find(std::to_string(size) + " bytes"), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry
