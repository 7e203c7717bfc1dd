#pragma once

#include <string>

#include "tests/support/server_script.h"

namespace gitferry::test {

/// A real PostgreSQL of its own, with a database `gitferry`. Stopped and taken away at the end, also where
/// the test crashes.
class PostgresServer {
 public:
  PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// The address of a new, empty schema.
  std::string new_schema();
  /// The same schema for another user.
  [[nodiscard]] std::string url(const std::string& schema, const std::string& user = "gitferry") const;
  /// Runs SQL in the schema of `url`; the first column of the first row.
  static std::string run(const std::string& url, const std::string& sql);

  /// As a power cut ends it.
  void stop() { tell("stop\n"); }
  void start() { tell("start\n"); }

 private:
  void tell(const char* word);

  ServerScript script_;
  std::string directory_;
  int schemas_ = 0;
};

}  // namespace gitferry::test
