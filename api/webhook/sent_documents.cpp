#include "api/webhook/sent_documents.h"

#include <string_view>
#include <utility>

#include "agent/model/ref_name.h"

namespace gitferry::api {
namespace {

std::string last_part(const std::string& full_name) {
  return full_name.substr(full_name.rfind('/') + 1);
}

std::string first_part(const std::string& full_name) {
  const auto slash = full_name.rfind('/');
  return slash == std::string::npos ? std::string() : full_name.substr(0, slash);
}

/// Without `refs/heads/` or `refs/tags/`; any other text as it is.
std::string short_name(const std::string& ref) {
  for (const auto prefix : {kHeadsPrefix, kTagsPrefix}) {
    if (ref.starts_with(prefix)) return ref.substr(prefix.size());
  }
  return ref;
}

Json::Value empty_list() {
  return Json::Value(Json::arrayValue);
}

void put_change(Json::Value& document, const SendRequest& request) {
  document["ref"] = request.ref;
  document["before"] = request.before;
  document["after"] = request.after;
  document["commits"] = empty_list();
}

void put_flags(Json::Value& document, const SendRequest& request) {
  document["created"] = is_null_id(request.before);
  document["deleted"] = is_null_id(request.after);
}

Json::Value github_repository(const SendRequest& request) {
  Json::Value repository(Json::objectValue);
  repository["name"] = last_part(request.full_name);
  repository["full_name"] = request.full_name;
  repository["clone_url"] = request.repository_url;
  repository["html_url"] = request.repository_url;
  return repository;
}

Json::Value gitlab_project(const SendRequest& request) {
  Json::Value project(Json::objectValue);
  project["name"] = last_part(request.full_name);
  project["path_with_namespace"] = request.full_name;
  project["git_http_url"] = request.repository_url;
  project["web_url"] = request.repository_url;
  return project;
}

Json::Value ids_of(const MovedRef& moved) {
  Json::Value change(Json::objectValue);
  change["ref"] = moved.ref;
  change["before"] = moved.before;
  change["after"] = moved.after;
  return change;
}

/// One end of a change; null where it does not exist.
Json::Value bitbucket_end(const MovedRef& moved, const std::string& tip) {
  if (is_null_id(tip)) return {};
  Json::Value end(Json::objectValue);
  end["type"] = is_tag(moved.ref) ? "tag" : "branch";
  end["name"] = short_name(moved.ref);
  end["target"]["type"] = "commit";
  end["target"]["hash"] = tip;
  return end;
}

Json::Value bitbucket_change(const MovedRef& moved) {
  Json::Value change(Json::objectValue);
  change["old"] = bitbucket_end(moved, moved.before);
  change["new"] = bitbucket_end(moved, moved.after);
  change["created"] = change["old"].isNull();
  change["closed"] = change["new"].isNull();
  change["forced"] = false;
  change["truncated"] = false;
  change["commits"] = empty_list();
  return change;
}

const char* bitbucket_server_type(const MovedRef& moved) {
  if (is_null_id(moved.before)) return "ADD";
  return is_null_id(moved.after) ? "DELETE" : "UPDATE";
}

Json::Value bitbucket_server_change(const MovedRef& moved) {
  Json::Value change(Json::objectValue);
  change["ref"]["id"] = moved.ref;
  change["ref"]["displayId"] = short_name(moved.ref);
  change["ref"]["type"] = is_tag(moved.ref) ? "TAG" : "BRANCH";
  change["refId"] = moved.ref;
  change["fromHash"] = moved.before;
  change["toHash"] = moved.after;
  change["type"] = bitbucket_server_type(moved);
  return change;
}

}  // namespace

std::vector<MovedRef> moved_refs(const SendRequest& request) {
  std::vector<MovedRef> refs{{request.ref, request.before, request.after}};
  refs.insert(refs.end(), request.further.begin(), request.further.end());
  return refs;
}

bool is_null_id(const std::string& hex) {
  return hex.find_first_not_of('0') == std::string::npos;
}

bool is_tag(const std::string& ref) {
  return ref.starts_with(kTagsPrefix);
}

Json::Value gitea_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  put_change(document, request);
  document["head_commit"] = Json::Value();
  document["repository"] = github_repository(request);
  document["pusher"]["name"] = "gitferry";
  document["pusher"]["login"] = "gitferry";
  document["sender"]["login"] = "gitferry";
  return document;
}

Json::Value github_document(const SendRequest& request) {
  auto document = gitea_document(request);
  put_flags(document, request);
  document["forced"] = false;
  return document;
}

Json::Value gitea_ref_document(const SendRequest& request, bool is_short) {
  Json::Value document(Json::objectValue);
  document["ref"] = is_short ? short_name(request.ref) : request.ref;
  document["ref_type"] = is_tag(request.ref) ? "tag" : "branch";
  if (is_null_id(request.after)) {
    document["pusher_type"] = "user";
  } else {
    document["sha"] = request.after;
  }
  document["repository"] = github_repository(request);
  document["sender"]["login"] = "gitferry";
  return document;
}

Json::Value old_gitlab_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["object_kind"] = is_tag(request.ref) ? "tag_push" : "push";
  put_change(document, request);
  document["user_name"] = "gitferry";
  document["total_commits_count"] = 0;
  auto& repository = document["repository"];
  repository["name"] = last_part(request.full_name);
  repository["url"] = request.repository_url;
  repository["homepage"] = request.repository_url;
  repository["git_http_url"] = request.repository_url;
  return document;
}

Json::Value gitlab_document(const SendRequest& request) {
  auto document = old_gitlab_document(request);
  document["event_name"] = document["object_kind"];
  document["checkout_sha"] = is_null_id(request.after) ? Json::Value() : Json::Value(request.after);
  document["user_username"] = "gitferry";
  document["project"] = gitlab_project(request);
  return document;
}

Json::Value gitlab_system_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["event_name"] = "repository_update";
  document["user_name"] = "gitferry";
  document["project"] = gitlab_project(request);
  document["changes"] = empty_list();
  document["refs"] = empty_list();
  const auto refs = moved_refs(request);
  for (const auto& moved : refs) {
    document["changes"].append(ids_of(moved));
    document["refs"].append(moved.ref);
  }
  return document;
}

Json::Value gitee_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["hook_name"] = is_tag(request.ref) ? "tag_push_hooks" : "push_hooks";
  put_change(document, request);
  put_flags(document, request);
  document["head_commit"] = Json::Value();
  auto repository = github_repository(request);
  repository["path_with_namespace"] = request.full_name;
  repository["git_http_url"] = request.repository_url;
  document["repository"] = repository;
  document["project"] = std::move(repository);
  document["pusher"]["username"] = "gitferry";
  document["enterprise"] = Json::Value();
  return document;
}

Json::Value coding_document(const SendRequest& request) {
  auto document = gitea_document(request);
  document["repository"]["https_url"] = request.repository_url;
  return document;
}

Json::Value bitbucket_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  auto& changes = document["push"]["changes"];
  changes = empty_list();
  const auto refs = moved_refs(request);
  for (const auto& moved : refs) changes.append(bitbucket_change(moved));
  auto& repository = document["repository"];
  repository["type"] = "repository";
  repository["scm"] = "git";
  repository["name"] = last_part(request.full_name);
  repository["full_name"] = request.full_name;
  repository["links"]["html"]["href"] = request.repository_url;
  document["actor"]["nickname"] = "gitferry";
  return document;
}

Json::Value bitbucket_server_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["eventKey"] = "repo:refs_changed";
  document["actor"]["name"] = "gitferry";
  auto& repository = document["repository"];
  repository["slug"] = last_part(request.full_name);
  repository["name"] = last_part(request.full_name);
  repository["project"]["key"] = first_part(request.full_name);
  Json::Value link(Json::objectValue);
  link["name"] = "http";
  link["href"] = request.repository_url;
  repository["links"]["clone"].append(std::move(link));
  document["changes"] = empty_list();
  const auto refs = moved_refs(request);
  for (const auto& moved : refs) document["changes"].append(bitbucket_server_change(moved));
  return document;
}

Json::Value azure_document(const SendRequest& request, const std::string& id) {
  Json::Value document(Json::objectValue);
  document["id"] = id;
  document["eventType"] = "git.push";
  document["publisherId"] = "tfs";
  document["resourceVersion"] = "1.0";
  auto& resource = document["resource"];
  resource["commits"] = empty_list();
  resource["refUpdates"] = empty_list();
  const auto refs = moved_refs(request);
  for (const auto& moved : refs) {
    Json::Value update(Json::objectValue);
    update["name"] = moved.ref;
    update["oldObjectId"] = moved.before;
    update["newObjectId"] = moved.after;
    resource["refUpdates"].append(std::move(update));
  }
  resource["repository"]["name"] = last_part(request.full_name);
  resource["repository"]["remoteUrl"] = request.repository_url;
  resource["pushedBy"]["displayName"] = "gitferry";
  resource["pushId"] = 1;
  return document;
}

Json::Value gerrit_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["type"] = "ref-updated";
  document["submitter"]["name"] = "gitferry";
  auto& update = document["refUpdate"];
  update["oldRev"] = request.before;
  update["newRev"] = request.after;
  update["refName"] = request.ref;
  update["project"] = request.full_name;
  return document;
}

Json::Value standard_document(const SendRequest& request) {
  Json::Value document(Json::objectValue);
  document["type"] = "push";
  auto& data = document["data"];
  data["repository"] = github_repository(request);
  if (request.further.empty()) {
    data["ref"] = request.ref;
    data["before"] = request.before;
    data["after"] = request.after;
    return document;
  }
  const auto refs = moved_refs(request);
  for (const auto& moved : refs) data["changes"].append(ids_of(moved));
  return document;
}

}  // namespace gitferry::api
