#include "agent/model/binding.h"

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {

std::string_view name_of(Side side) {
  return side == Side::Internal ? "internal" : "external";
}

std::string_view name_of(Direction direction) {
  return direction == Direction::ToOuter ? "to_outer" : "to_inter";
}

std::string_view name_of(BindingDirection direction) {
  switch (direction) {
    case BindingDirection::ToOuter:
      return "to_outer";
    case BindingDirection::ToInter:
      return "to_inter";
    case BindingDirection::Both:
      return "both";
  }
  return "to_outer";
}

std::string_view name_of(Granularity granularity) {
  return granularity == Granularity::All ? "all" : "one";
}

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::FfOnly:
      return "ff_only";
    case Policy::Follow:
      return "follow";
    case Policy::Force:
      return "force";
  }
  return "ff_only";
}

std::string_view name_of(Deletions deletions) {
  return deletions == Deletions::Ignore ? "ignore" : "propagate";
}

std::string_view name_of(Tags tags) {
  return tags == Tags::None ? "none" : "all";
}

std::string_view name_of(Origin origin) {
  switch (origin) {
    case Origin::File:
      return "file";
    case Origin::Api:
      return "api";
    case Origin::FileAndOverride:
      return "file+override";
  }
  return "file";
}

std::optional<Direction> direction_from(std::string_view name) {
  if (name == "to_outer" || name == "1") return Direction::ToOuter;
  if (name == "to_inter" || name == "2") return Direction::ToInter;
  return std::nullopt;
}

std::optional<BindingDirection> binding_direction_from(std::string_view name) {
  if (name == "both" || name == "3") return BindingDirection::Both;
  const auto one_way = direction_from(name);
  return one_way ? std::optional(static_cast<BindingDirection>(*one_way)) : std::nullopt;
}

std::optional<Granularity> granularity_from(std::string_view name) {
  if (name == "all" || name == "1") return Granularity::All;
  if (name == "one" || name == "2") return Granularity::One;
  return std::nullopt;
}

std::optional<Policy> policy_from(std::string_view name) {
  for (const auto policy : {Policy::FfOnly, Policy::Follow, Policy::Force}) {
    if (name == name_of(policy)) return policy;
  }
  return std::nullopt;
}

std::optional<Deletions> deletions_from(std::string_view name) {
  for (const auto deletions : {Deletions::Ignore, Deletions::Propagate}) {
    if (name == name_of(deletions)) return deletions;
  }
  return std::nullopt;
}

std::optional<Tags> tags_from(std::string_view name) {
  for (const auto tags : {Tags::None, Tags::All}) {
    if (name == name_of(tags)) return tags;
  }
  return std::nullopt;
}

bool SideToken::may_be_shown_at(const RemoteUrl& address) const {
  if (address.scheme == Scheme::Http) return given_for == address.origin();
  if (address.scheme != Scheme::Https) return false;
  if (given_for == address.origin()) return true;
  auto unencrypted = address;
  unencrypted.scheme = Scheme::Http;
  return given_for == unencrypted.origin();
}

Result<std::string> checked_repository_name(std::string_view name) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const bool well_formed = !name.empty() && name.size() <= 128 &&
                           name.find_first_not_of(allowed) == std::string_view::npos && name[0] != '.' &&
                           name[0] != '-';
  if (!well_formed) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("'{}' cannot be a repository name", shortened(name, 80)),
                "use 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter, a digit or _");
  }
  if (name == "repo") {
    return fail(ErrorCode::InvalidArgument,
                "'repo' cannot be a repository name: its API path would be ambiguous", "choose another name");
  }
  return std::string(name);
}

}  // namespace gitferry
