#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/text.h"
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

/// A branch name, or the full name of a tag.
Result<std::string> full_ref(const std::string& name) {
  if (name.starts_with(kTagsPrefix) && is_valid_ref(name)) return name;
  const auto branch = checked_branch(name);
  if (!branch) return fail(branch.error());
  return branch_ref(*branch);
}

/// What was pushed, as the options say.
Status take_refs(const SendWebhookOptions& options, api::SendRequest& request) {
  auto before = checked_id(options.before, ObjectId::null(ObjectFormat::Sha1).hex());
  if (!before) return fail(std::move(before.error()));
  // Zeros on both sides would be a host's own test delivery, which causes no sync.
  auto after = checked_id(options.after, std::string(40, '1'));
  if (!after) return fail(std::move(after.error()));
  std::vector<api::MovedRef> moved;
  for (const auto& name : options.refs) {
    auto ref = full_ref(name);
    if (!ref) return fail(std::move(ref.error()));
    moved.push_back({std::move(*ref), *before, *after});
  }
  if (moved.empty()) return fail(ErrorCode::InvalidArgument, "no ref was given", "use --ref main");
  request.ref = moved.front().ref;
  request.before = std::move(*before);
  request.after = std::move(*after);
  request.further.assign(moved.begin() + 1, moved.end());
  return {};
}

/// How the source proves itself: with the first of its secrets that is still in force.
Status take_source(const WebhookSource& source, api::SendRequest& request) {
  request.provider = source.provider;
  request.scheme = source.scheme;
  request.username = source.username;
  request.authorization = source.authorization;
  if (source.scheme == WebhookScheme::None) return {};
  const auto now = SystemClock().now();
  const auto secret = std::find_if(source.secrets.begin(), source.secrets.end(),
                                   [&](const HookSecret& known) { return known.is_in_force(now); });
  if (secret == source.secrets.end()) {
    return fail(ErrorCode::ConfigurationInvalid, "none of the webhook's secrets is in force any more",
                "look at their not_after");
  }
  request.secret = secret->value;
  return {};
}

Status check_provider(const std::string& wanted, const WebhookSource& source, const std::string& whose) {
  if (source.provider == wanted) return {};
  return fail(ErrorCode::ConfigurationInvalid, whose + " is one of " + source.provider,
              "use --provider " + source.provider);
}

Result<const RepositoryBinding*> binding_of(const SendWebhookOptions& options,
                                            const BindingSnapshot& bindings) {
  const auto* binding = bindings.find(options.repository);
  if (binding == nullptr) return fail(ErrorCode::RepositoryUnknown, "no repository of that name is bound");
  return binding;
}

Side side_of(const SendWebhookOptions& options) {
  return options.side == "internal" ? Side::Internal : Side::External;
}

Status take_repository_hook(const SendWebhookOptions& options, const BindingSnapshot& bindings,
                            api::SendRequest& request) {
  const auto binding = binding_of(options, bindings);
  if (!binding) return fail(binding.error());
  const auto& webhook = (*binding)->webhook(side_of(options));
  if (!webhook) {
    return fail(ErrorCode::ConfigurationInvalid,
                "'" + (*binding)->name + "' has no webhook for its " + options.side + " side",
                "add webhook." + options.side + " to it");
  }
  const auto whose = "the " + options.side + " webhook of '" + (*binding)->name + "'";
  if (auto right = check_provider(options.provider, *webhook, whose); !right) return right;
  request.repo_name = (*binding)->name;
  return take_source(*webhook, request);
}

Status take_organisation_hook(const SendWebhookOptions& options, const BindingSnapshot& bindings,
                              api::SendRequest& request) {
  const auto hook = std::find_if(bindings.hooks.begin(), bindings.hooks.end(),
                                 [&](const OrganisationHook& known) { return known.name == options.hook; });
  if (hook == bindings.hooks.end()) {
    std::vector<std::string> names;
    for (const auto& known : bindings.hooks) names.push_back(known.name);
    const auto near = nearest(options.hook, names);
    return fail(ErrorCode::ConfigurationInvalid, "no webhook of an organisation has that name",
                near.empty() ? "add it to webhooks" : "did you mean '" + near + "'?");
  }
  const auto whose = "the webhook '" + hook->name + "'";
  if (auto right = check_provider(options.provider, hook->source, whose); !right) return right;
  // Overwritten below where the options name an address; a host names its repositories by its own.
  request.repository_url = hook->instance.str();
  while (request.repository_url.ends_with('/')) request.repository_url.pop_back();
  request.repository_url += "/" + options.full_name;
  return take_source(hook->source, request);
}

/// Which repository the payload names: that of a binding's side, unless the options say another.
Status take_repository(const SendWebhookOptions& options, const BindingSnapshot& bindings,
                       api::SendRequest& request) {
  if (!options.repository.empty()) {
    const auto binding = binding_of(options, bindings);
    if (!binding) return fail(binding.error());
    const auto& address = (*binding)->address(side_of(options));
    request.repository_url = address.str();
    request.full_name = address.full_name();
  }
  if (!options.full_name.empty()) request.full_name = options.full_name;
  if (!options.repository_url.empty()) request.repository_url = options.repository_url;
  if (!request.full_name.empty()) return {};
  return fail(ErrorCode::InvalidArgument, "no repository was named",
              "use --repo and --side, or --full-name and --repository-url");
}

Result<api::SendRequest> request_of(const SendWebhookOptions& options, const config::Config& config,
                                    const BindingSnapshot& bindings) {
  api::SendRequest request;
  const auto address = options.url.empty() ? own_address(config.server) : AgentAddress{options.url, {}};
  request.base_url = address.url;
  request.certificate_file = address.certificate_file;
  request.as_form = options.form;
  if (!options.event.empty()) request.event = options.event;
  const auto take_hook = options.hook.empty() ? &take_repository_hook : &take_organisation_hook;
  if (auto taken = take_hook(options, bindings, request); !taken) return fail(std::move(taken.error()));
  if (auto taken = take_repository(options, bindings, request); !taken) return fail(std::move(taken.error()));
  if (auto taken = take_refs(options, request); !taken) return fail(std::move(taken.error()));
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
