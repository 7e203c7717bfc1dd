#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "api/api_context.h"
#include "config/config.h"
#include "config/secret_source.h"

namespace gitferry::daemon {

/// The bearer tokens of the REST API, as hashes: whoever asks gets what the files and variables of the
/// configuration held at the last look, so that a token is rotated without a restart.
///
/// A token that cannot be read any more keeps its last value, and the log says so once.
///
/// Owns:      the hashes, never a token.
/// Threading: get() from any thread; replace() and look() from one at a time.
/// Blocking:  get() never; the others for the files.
class ManagementTokens {
 public:
  explicit ManagementTokens(config::Environment environment) : environment_(std::move(environment)) {}

  /// These and no others are valid from now on. Without any, the one in `data_directory` is, which is made
  /// where it is missing. Error: the first one that could never be read; nothing has changed then.
  Status replace(const std::vector<config::Token>& tokens, const std::string& data_directory);

  /// Takes up what the files hold now.
  void look();

  /// Never null.
  [[nodiscard]] api::TokenHashes get();

 private:
  struct Book {
    std::vector<config::Token> tokens;
    api::TokenHashes hashes = std::make_shared<const std::vector<api::TokenHash>>();
    std::set<std::string> unread{};  ///< names whose failure is in the log already
  };
  struct Reading {
    std::vector<api::TokenHash> hashes;
    std::map<std::string, Error> failed;  ///< by name
  };
  /// Reads each token; for one that fails, what `known` has for the same source.
  [[nodiscard]] Reading read(const std::vector<config::Token>& tokens, const Book& known) const;

  config::Environment environment_;
  Guarded<Book> book_;
};

}  // namespace gitferry::daemon
