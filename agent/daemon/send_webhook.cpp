#include <cstdio>
#include <string>
#include <utility>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/effective_bindings.h"
#include "agent/daemon/process.h"
#include "agent/daemon/server_client.h"
#include "agent/model/object_id.h"
#include "agent/model/ref_name.h"
#include "api/webhook/webhook_sender.h"

namespace gitferry::daemon {
namespace {

Result<std::string> checked_id(const std::string& hex, const std::string& otherwise) {
  if (hex.empty()) return otherwise;
  if (ObjectId::from_hex(hex)) return hex;
  return fail(ErrorCode::InvalidArgument, "an object id has 40 or 64 hexadecimal digits");
}

Result<api::SendRequest> request_of(const SendWebhookOptions& options, const config::Config& config,
                                    const BindingSnapshot& bindings) {
  const auto* binding = bindings.find(options.repository);
  if (binding == nullptr) return fail(ErrorCode::RepositoryUnknown, "no repository of that name is bound");
  const Side side = options.side == "internal" ? Side::Internal : Side::External;
  const auto& webhook = binding->webhook(side);
  if (!webhook)
    return fail(ErrorCode::ConfigurationInvalid,
                "'" + binding->name + "' has no webhook for its " + options.side + " side",
                "add webhook." + options.side + " to it");
  if (webhook->provider != options.provider)
    return fail(ErrorCode::ConfigurationInvalid,
                "the " + options.side + " webhook of '" + binding->name + "' is one of " + webhook->provider,
                "use --provider " + webhook->provider);
  const auto branch = checked_branch(options.branch);
  if (!branch) return fail(branch.error());
  auto before = checked_id(options.before, ObjectId::null(ObjectFormat::Sha1).hex());
  if (!before) return fail(std::move(before.error()));
  // Zeros on both sides would be a host's own test delivery, which causes no sync.
  auto after = checked_id(options.after, std::string(40, '1'));
  if (!after) return fail(std::move(after.error()));

  api::SendRequest request;
  const auto address = options.url.empty() ? own_address(config.server) : AgentAddress{options.url, {}};
  request.base_url = address.url;
  request.certificate_file = address.certificate_file;
  request.provider = webhook->provider;
  request.scheme = webhook->scheme;
  request.repo_name = binding->name;
  request.secret = webhook->secrets.front().value;
  request.repository_url = binding->address(side).str();
  request.full_name = binding->address(side).full_name();
  request.ref = branch_ref(*branch);
  request.before = std::move(*before);
  request.after = std::move(*after);
  if (!options.event.empty()) request.event = options.event;
  return request;
}

}  // namespace

int send_test_webhook(const SendWebhookOptions& options) {
  harden_process();
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const auto bindings = effective_bindings(*config);
  if (!bindings) return explain(bindings.error());
  const auto request = request_of(options, *config, *bindings);
  if (!request) return explain(request.error());
  const auto sent = api::send_webhook(*request);
  if (!sent) return explain(sent.error());
  std::fprintf(stderr, "HTTP %d\n", sent->status);
  std::printf("%s\n", sent->body.c_str());
  return sent->status / 100 == 2 ? kDone : kFailed;
}

}  // namespace gitferry::daemon
