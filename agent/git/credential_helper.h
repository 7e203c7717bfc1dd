#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/credential.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// What a helper of git's credential protocol (gitcredentials(7), git-credential(1)) is asked.
struct HelperQuestion {
  std::vector<std::string> program;  ///< an absolute path and its arguments; `get` or `erase` comes last
  std::string protocol;
  std::string host;  ///< with the port where it is not the scheme's own
  std::string path;  ///< without its leading '/'; empty: not said, as git does it by default
  std::string username;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
  auto operator<=>(const HelperQuestion&) const = default;
};

/// The question about an address. `username` may be empty.
HelperQuestion helper_question(const std::vector<std::string>& program, const RemoteUrl& url, bool says_path,
                               const std::string& username);

struct HelperAnswer {
  std::string username;
  Secret password;
  std::optional<WallTime> expires_at;
};

/// Runs `program get` and reads its answer; at most 64 KiB, unknown lines ignored.
///
/// Blocking: until it answered, for `limit` at most.
/// Errors:   AuthenticationFailed where it cannot be started, fails, has no answer or a malformed one, and
/// where
///           a part of the question holds a line break; Timeout. The text names the helper and what it said
///           on stderr, never what it answered.
Result<HelperAnswer> ask_helper(const HelperQuestion& question, std::chrono::milliseconds limit);

/// Tells the helper to forget an answer. A helper that cannot do that is not an error.
void erase_from_helper(const HelperQuestion& question, const HelperAnswer& answer,
                       std::chrono::milliseconds limit);

/// What the helpers answered, kept until it expires or a host refuses it.
///
/// Threading: all calls from any thread; two that miss the same answer at once ask twice.
class HelperMemory {
 public:
  explicit HelperMemory(const Clock& clock) : clock_(clock) {}
  /// The answer, and whom to tell that a host refused it: then the helper is told to erase it, and asked
  /// again, by the next call. Errors and blocking: those of ask_helper(), and of erase_from_helper() before
  /// it.
  Result<std::pair<HelperAnswer, std::shared_ptr<SecretOrigin>>> find(const HelperQuestion& question,
                                                                      std::chrono::milliseconds limit);

 private:
  class Origin;
  struct Known {
    HelperAnswer answer;
    std::shared_ptr<Origin> origin;
  };
  std::optional<Known> take_valid(const HelperQuestion& question, std::optional<HelperAnswer>& refused);
  const Clock& clock_;
  Guarded<std::map<HelperQuestion, Known>> known_;
};

}  // namespace gitferry
