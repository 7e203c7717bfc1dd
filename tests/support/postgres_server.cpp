#include "tests/support/postgres_server.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gitferry::test {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
};

}  // namespace

PostgresServer::PostgresServer() {
  std::string program = GITFERRY_POSTGRES_SERVER;
  std::array<char*, 2> argv{program.data(), nullptr};
  Pipe input;
  Pipe output;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) std::abort();
  ::posix_spawn_file_actions_destroy(&actions);
  output.write = UniqueFd();
  input_ = std::move(input.write);
  output_ = std::move(output.read);
  directory_ = line();
  if (directory_.empty()) {
    std::cerr << "PostgreSQL does not start\n";
    std::abort();
  }
}

PostgresServer::~PostgresServer() {
  input_ = UniqueFd();
  ::waitpid(pid_, nullptr, 0);
}

std::string PostgresServer::line() {
  std::string line;
  char byte = 0;
  while (::read(output_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

void PostgresServer::tell(const char* word) {
  const auto size = static_cast<ssize_t>(std::strlen(word));
  if (::write(input_.get(), word, static_cast<std::size_t>(size)) != size || line() != "done") std::abort();
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
