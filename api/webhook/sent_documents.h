#pragma once

#include <string>
#include <vector>

#include <json/value.h>

#include "api/webhook/webhook_sender.h"

namespace gitferry::api {

/// The bodies of the deliveries that compose_webhook() makes: as much of each host's payload as its receivers
/// commonly read.

/// All refs of the push: the first and the further ones.
std::vector<MovedRef> moved_refs(const SendRequest& request);

bool is_null_id(const std::string& hex);
bool is_tag(const std::string& ref);

/// GitHub's document, which others have taken over.
Json::Value github_document(const SendRequest& request);
/// Without GitHub's flags.
Json::Value gitea_document(const SendRequest& request);
/// A branch or tag that came or went: `create` and `delete` of Gitea's family.
Json::Value gitea_ref_document(const SendRequest& request, bool is_short);
Json::Value gitlab_document(const SendRequest& request);
/// `repository_update` of a system hook.
Json::Value gitlab_system_document(const SendRequest& request);
/// Codeup's and Tencent's: GitLab's of old, which has no `project`.
Json::Value old_gitlab_document(const SendRequest& request);
Json::Value gitee_document(const SendRequest& request);
Json::Value coding_document(const SendRequest& request);
Json::Value bitbucket_document(const SendRequest& request);
Json::Value bitbucket_server_document(const SendRequest& request);
Json::Value azure_document(const SendRequest& request, const std::string& id);
Json::Value gerrit_document(const SendRequest& request);
Json::Value standard_document(const SendRequest& request);

}  // namespace gitferry::api
