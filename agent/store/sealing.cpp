#include "agent/store/sealing.h"

#include <fmt/format.h>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

constexpr std::string_view kRestoreKey =
    "restore the key file that the overrides were written with, beside the database";

std::string_view name_of(SealedField field) {
  switch (field) {
    case SealedField::Address:
      return "address";
    case SealedField::Username:
      return "username";
    case SealedField::Token:
      return "token";
    case SealedField::Origin:
      return "origin";
  }
  return "address";
}

/// The words come first, so that no name of a repository can look like another place.
std::string place_of(std::string_view repository, Side side, SealedField field) {
  return fmt::format("override {} {} {}", name_of(side), name_of(field), repository);
}

tl::unexpected<Error> no_key(std::string_view attempted, std::string_view repository, Side side,
                             SealedField field) {
  return fail(ErrorCode::StoreFailed,
              fmt::format("{} the {} {} of '{}': there is no key for it", attempted, name_of(side),
                          name_of(field), repository),
              std::string(kRestoreKey));
}

}  // namespace

Result<Blob> Sealing::seal(std::string_view plaintext, std::string_view repository, Side side,
                           SealedField field) const {
  if (key_.empty()) return no_key("encrypt", repository, side, field);
  auto sealed = gitferry::seal(key_, plaintext, place_of(repository, side, field));
  if (!sealed) return fail(sealed.error());
  return Blob{std::move(*sealed)};
}

Result<Secret> Sealing::unseal(const Blob& sealed, std::string_view repository, Side side,
                               SealedField field) const {
  if (key_.empty()) return no_key("decrypt", repository, side, field);
  auto opened = gitferry::unseal(key_, sealed.bytes, place_of(repository, side, field));
  if (opened) return std::move(*opened);
  return fail(
      ErrorCode::StoreDamaged,
      fmt::format("decrypt the {} {} of '{}': the key is another one than it was written with, or the "
                  "database was changed",
                  name_of(side), name_of(field), repository),
      std::string(kRestoreKey));
}

Status check_sealing_key(const Secret& key) {
  if (key.empty() || key.reveal().size() == kSealingKeySize) return {};
  return fail(ErrorCode::StoreFailed,
              fmt::format("take the key of the overrides: it has {} bytes, not {}", key.reveal().size(),
                          kSealingKeySize),
              std::string(kRestoreKey));
}

}  // namespace gitferry
