#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "agent/store/postgres/connection.h"
#include "agent/store/postgres/failure.h"

namespace gitferry {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConnectionOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

constexpr std::array<std::string_view, 2> kSchemes{"postgresql://", "postgres://"};

bool has_scheme(std::string_view url) {
  for (const auto scheme : kSchemes) {
    if (url.starts_with(scheme)) return true;
  }
  return false;
}

ConnectionOptions parsed(const std::string& url, std::string* what_is_wrong) {
  char* said = nullptr;
  ConnectionOptions options(PQconninfoParse(url.c_str(), &said));
  if (!options && said != nullptr) *what_is_wrong = first_line(said);
  if (said != nullptr) PQfreemem(said);
  return options;
}

std::string_view value_of(const PQconninfoOption* options, std::string_view keyword) {
  for (; options != nullptr && options->keyword != nullptr; ++options) {
    if (options->keyword == keyword) return options->val == nullptr ? std::string_view() : options->val;
  }
  return {};
}

}  // namespace

Status check_postgres_url(const std::string& url) {
  if (!has_scheme(url)) {
    return fail(ErrorCode::ConfigurationInvalid,
                "the address of a PostgreSQL database begins with postgresql://",
                "for example: postgresql://gitferry@db.corp/gitferry");
  }
  std::string what_is_wrong;
  const auto options = parsed(url, &what_is_wrong);
  // What libpq says of an address may have the address in it, and so what is to be kept secret.
  if (!options) {
    return fail(ErrorCode::ConfigurationInvalid, "the address of the PostgreSQL database cannot be read",
                "for example: postgresql://gitferry@db.corp/gitferry?sslmode=verify-full");
  }
  for (const auto* secret : {"password", "sslpassword"}) {
    if (!value_of(options.get(), secret).empty()) {
      return fail(ErrorCode::ConfigurationInvalid,
                  "the address of the PostgreSQL database has a password in it",
                  "take it out, and name a file that has it in storage.password_file");
    }
  }
  return {};
}

std::string shown_postgres_url(const std::string& url) {
  std::string unused;
  const auto options = parsed(url, &unused);
  const auto database = value_of(options.get(), "dbname");
  const auto host = value_of(options.get(), "host");
  const auto port = value_of(options.get(), "port");
  return fmt::format("postgresql://{}{}{}/{}", host, port.empty() ? "" : ":", port, database);
}

}  // namespace gitferry
