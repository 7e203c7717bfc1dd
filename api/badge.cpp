#include "api/badge.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "agent/base/log.h"
#include "agent/model/name_pattern.h"
#include "agent/sync/binding_status.h"
#include "agent/sync/status_overview.h"
#include "api/etag.h"

namespace gitferry::api {
namespace {

constexpr std::string_view kEnding = ".svg";
constexpr std::string_view kName = "gitferry";

struct Look {
  std::string_view word;
  std::string_view colour;  ///< white on it can be read: a contrast of 4.5 or more
};
constexpr Look kUnknown{"unknown", "#5f6670"};

Look look_of(Standing standing) {
  switch (standing) {
    case Standing::Quarantined:
    case Standing::Failed:
      return {"failed", "#b3261e"};
    case Standing::Diverged:
      return {"diverged", "#b3261e"};
    case Standing::Retrying:
    case Standing::Pending:
      return {"behind", "#8a5a00"};
    case Standing::InSync:
      return {"in sync", "#1d7a3a"};
    case Standing::Disabled:
      return {"disabled", "#5f6670"};
    case Standing::Never:
      return {"never synced", "#5f6670"};
  }
  return kUnknown;
}

bool is_called(const RepositoryBinding& binding, const BranchBinding& branch, std::string_view name) {
  const auto is_of = [&](Side side) { return binding.is_source(side) && branch.name(side) == name; };
  return is_of(Side::Internal) || is_of(Side::External);
}

/// Those that the name on a source side means; of a whole repository, where names are the same, that one.
std::vector<BranchBinding> branches_called(const RepositoryBinding& binding, const std::string& name) {
  if (binding.granularity == Granularity::All) return {{name, name}};
  std::vector<BranchBinding> found;
  for (const auto& branch : binding.branches) {
    if (is_called(binding, branch, name)) found.push_back(branch);
  }
  return found;
}

/// Of several, the one that most needs somebody.
Result<std::optional<Standing>> worst_standing(ApiContext& context, const std::string& repository,
                                               const std::string& branch) {
  using Found = std::optional<Standing>;
  const auto bindings = context.bindings.snapshot();
  const auto* binding = bindings->find(repository);
  if (binding == nullptr) return Found{};
  const auto branches = branches_called(*binding, branch);
  const auto statuses = branch_statuses_of(*binding, branches, context.store);
  if (!statuses) return fail(statuses.error());
  Found worst;
  for (const auto& status : *statuses) {
    // Of a whole repository any name could be a branch's.
    if (binding->granularity == Granularity::All && !status.lane) continue;
    const auto standing = standing_of(status);
    worst = std::min(worst.value_or(standing), standing);
  }
  return worst;
}

Response picture(const Request& request, const Look& look) {
  Response response;
  response.content_type = "image/svg+xml";
  response.body = badge_svg(look.word, look.colour);
  // Kept, and asked for again each time: what it says changes, and proxies of pictures keep them for long.
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'");
  return with_etag(request, std::move(response));
}

Response get_badge(ApiContext& context, const std::vector<std::string>& shown, const Call& call) {
  const auto& repository = call.argument("repo_name");
  auto branch = call.argument("branch_name");
  if (branch.ends_with(kEnding)) branch.resize(branch.size() - kEnding.size());
  if (!fits_any(shown, repository)) return picture(call.request, kUnknown);
  const auto standing = worst_standing(context, repository, branch);
  if (!standing) {
    log::warn("a badge cannot be shown", {{"repo", repository}, {"reason", standing.error().text()}});
    return picture(call.request, kUnknown);
  }
  return picture(call.request, *standing ? look_of(**standing) : kUnknown);
}

}  // namespace

std::string badge_svg(std::string_view word, std::string_view colour) {
  constexpr std::size_t letter = 7;
  constexpr std::size_t margin = 12;
  constexpr std::size_t left = kName.size() * letter + margin;
  const auto right = word.size() * letter + margin;
  const auto text = [](std::size_t middle, std::size_t width, std::string_view said) {
    return fmt::format(R"(<text x="{}" y="14" textLength="{}">{}</text>)", middle, width - margin, said);
  };
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="20" role="img" aria-label="{1}: {2}">)"
      R"(<title>{1}: {2}</title><rect width="{0}" height="20" rx="3" fill="#30363d"/>)"
      R"(<path d="M{3} 0h{4}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{4}z" fill="{5}"/>)"
      R"(<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{6}{7}</g></svg>)",
      left + right, kName, word, left, right - 3, colour, text(left / 2, left, kName),
      text(left + right / 2, right, word));
}

std::vector<Route> badge_routes(ApiContext& context, const PublicView& view) {
  const auto badge = [&context, shown = view.badges](const Call& call) {
    return get_badge(context, shown, call);
  };
  return {{"GET", "/badges/{repo_name}/{branch_name...}", std::nullopt, kNoBody, badge, nullptr}};
}

}  // namespace gitferry::api
