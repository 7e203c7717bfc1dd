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
