#include "tests/support/postgres_server.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <vector>

#include <libpq-fe.h>

namespace gitferry::test {

PostgresServer::PostgresServer()
    : script_(std::vector<std::string>{GITFERRY_POSTGRES_SERVER}), directory_(script_.line()) {
  if (directory_.empty()) {
    std::cerr << "PostgreSQL does not start\n";
    std::abort();
  }
}

void PostgresServer::tell(const char* word) {
  script_.tell(word);
  if (script_.line() != "done") std::abort();
}

std::string PostgresServer::url(const std::string& schema, const std::string& user) const {
  return "postgresql://" + user + "@/gitferry?host=" + directory_ + "&options=-csearch_path%3D" + schema;
}

std::string PostgresServer::new_schema() {
  const auto schema = "test_" + std::to_string(++schemas_);
  run(url("public"), "CREATE SCHEMA " + schema);
  return url(schema);
}

std::string PostgresServer::run(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(url.c_str()), PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(PQexec(connection.get(), sql.c_str()), PQclear);
  const auto status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    std::cerr << sql << ": " << PQerrorMessage(connection.get());
    std::abort();
  }
  return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

}  // namespace gitferry::test
