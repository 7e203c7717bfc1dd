#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "api/api_context.h"
#include "config/config.h"
#include "config/secret_source.h"

namespace gitferry::daemon {

/// The bearer tokens of the REST API, as hashes: whoever asks gets what the files and variables of the
/// configuration hold now, give or take kReadAgainAfter, so that a token is rotated without a restart.
///
/// A token that cannot be read any more keeps its last value, and the log says so once.
///
/// Owns:      the hashes, never a token.
/// Threading: get() from any thread; replace() from one at a time.
/// Blocking:  get() now and then for the files, on the thread that asks.
class ManagementTokens {
 public:
  static constexpr std::chrono::seconds kReadAgainAfter{5};

  /// `clock` must outlive it.
  ManagementTokens(const Clock& clock, config::Environment environment)
      : clock_(clock), environment_(std::move(environment)) {}

  /// These and no others are valid from now on. Without any, the one in `data_directory` is, which is made
  /// where it is missing. Error: the first one that could never be read; nothing has changed then.
  Status replace(const std::vector<config::Token>& tokens, const std::string& data_directory);

  /// Never null.
  [[nodiscard]] api::TokenHashes get();

 private:
  struct Book {
    std::vector<config::Token> tokens;
    api::TokenHashes hashes = std::make_shared<const std::vector<api::TokenHash>>();
    MonotonicTime read_at{};
    std::size_t generation = 0;      ///< counts replace(): what was read before one is worth nothing after it
    std::set<std::string> unread{};  ///< names whose failure is in the log already
  };
  struct Reading {
    std::vector<api::TokenHash> hashes;
    std::map<std::string, Error> failed;  ///< by name
  };
  /// Reads each token; for one that fails, what `known` has for the same source.
  [[nodiscard]] Reading read(const std::vector<config::Token>& tokens, const Book& known) const;

  const Clock& clock_;
  config::Environment environment_;
  Guarded<Book> book_;
};

}  // namespace gitferry::daemon
