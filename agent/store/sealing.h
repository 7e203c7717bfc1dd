#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/binding.h"
#include "agent/store/sql.h"

namespace gitferry {

/// What an override keeps sealed. The names are part of what is authenticated: never change one.
enum class SealedField { Address, Username, Token, Origin };

/// Seals what the overrides keep secret, each value bound to its repository, side and field: a row's bytes
/// open nowhere but in that row.
///
/// Threading: any thread. Errors: values that say which repository, never what was sealed.
class Sealing {
 public:
  /// `key` outlives it.
  explicit Sealing(const Secret& key) : key_(key) {}

  /// Errors: StoreFailed without a key.
  [[nodiscard]] Result<Blob> seal(std::string_view plaintext, std::string_view repository, Side side,
                                  SealedField field) const;
  /// Errors: StoreFailed without a key; StoreDamaged where it does not open what is stored.
  [[nodiscard]] Result<Secret> unseal(const Blob& sealed, std::string_view repository, Side side,
                                      SealedField field) const;

 private:
  const Secret& key_;
};

/// A usable key, or none at all. Errors: StoreFailed.
Status check_sealing_key(const Secret& key);

}  // namespace gitferry
