#include "tests/e2e/database_copy.h"

#include <stdexcept>

#include <sqlite3.h>

namespace gitferry::test {

DatabaseCopy::DatabaseCopy(const std::filesystem::path& database) {
  const auto copy = directory_ / "copy.db";
  for (const std::string suffix : {"", "-wal"}) {
    if (std::filesystem::exists(database.string() + suffix))
      std::filesystem::copy_file(database.string() + suffix, copy + suffix);
  }
  if (::sqlite3_open_v2(copy.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    const std::string said = ::sqlite3_errmsg(database_);
    ::sqlite3_close(database_);
    throw std::runtime_error("cannot open the copy of " + database.string() + ": " + said);
  }
}

DatabaseCopy::~DatabaseCopy() {
  ::sqlite3_close(database_);
}

std::string DatabaseCopy::integrity() {
  std::string all;
  for (const auto& line : values("PRAGMA integrity_check")) all += all.empty() ? line : "\n" + line;
  return all;
}

std::set<std::string> DatabaseCopy::values(const std::string& sql) {
  std::set<std::string> found;
  const auto take = [](void* out, int, char** values, char**) {
    static_cast<std::set<std::string>*>(out)->insert(values[0] == nullptr ? "" : values[0]);
    return 0;
  };
  if (::sqlite3_exec(database_, sql.c_str(), take, &found, nullptr) != SQLITE_OK)
    found.insert(std::string("error: ") + ::sqlite3_errmsg(database_));
  return found;
}

int DatabaseCopy::number(const std::string& sql) {
  const auto found = values(sql);
  if (found.size() != 1) throw std::runtime_error(sql + " gave no single value");
  return std::stoi(*found.begin());
}

}  // namespace gitferry::test
