#include "agent/daemon/server_client.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/text_table.h"
#include "config/scalars.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

bool suffices(const config::Token& token, api::Role needed) {
  constexpr std::array kRoles{api::Role::Read, api::Role::Operate, api::Role::Admin};
  return std::any_of(kRoles.begin(), kRoles.end(),
                     [&](api::Role role) { return role >= needed && api::name_of(role) == token.role; });
}

Result<config::SecretSource> token_source(const ServerOptions& options, const config::Config* config,
                                          api::Role needed) {
  if (!options.token_file.empty() || config == nullptr) return config::SecretSource{options.token_file, {}};
  if (config->tokens.empty()) return config::SecretSource{data_directory(*config) + "/admin-token", {}};
  const auto found = std::find_if(config->tokens.begin(), config->tokens.end(),
                                  [&](const config::Token& token) { return suffices(token, needed); });
  if (found != config->tokens.end()) return found->source;
  return fail(ErrorCode::Forbidden,
              "no token of the configuration has the role " + std::string(api::name_of(needed)),
              "add one under auth.tokens, or give --token-file");
}

}  // namespace

AgentAddress own_address(const config::Server& server) {
  std::string host = server.listen_host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const std::string scheme = server.certificate_file.empty() ? "http://" : "https://";
  return {scheme + config::listen_text(host, server.listen_port), server.certificate_file};
}

Result<api::ApiClient> reach_server(const ServerOptions& options, const config::Config* config,
                                    api::Role needed) {
  const auto address =
      options.url.empty() && config != nullptr ? own_address(config->server) : AgentAddress{options.url, {}};
  if (auto found = api::find_agent(address.url, address.certificate_file); !found)
    return fail(std::move(found.error()));
  const auto source = token_source(options, config, needed);
  if (!source) return fail(source.error());
  auto token = config::read_secret(*source, config::process_environment());
  if (!token) {
    if (token.error().hint.empty()) token.error().hint = "give --token-file";
    return fail(std::move(token.error()));
  }
  return api::ApiClient(address.url, std::move(*token), address.certificate_file);
}

tl::expected<api::ApiClient, int> reach_server_or_explain(const ServerOptions& options, api::Role needed) {
  std::optional<config::Config> config;
  if (!is_complete(options)) {
    config = load_or_explain(options.config_path);
    if (!config) return tl::make_unexpected(kBadConfiguration);
  }
  auto client = reach_server(options, config ? &*config : nullptr, needed);
  if (!client) {
    explain(client.error());
    return tl::make_unexpected(info(client.error().code).exit_code);
  }
  return std::move(*client);
}

int explain(const Error& error) {
  std::fprintf(stderr, "gitferry: %s\n", printable(error.text()).c_str());
  return kFailed;
}

}  // namespace gitferry::daemon
