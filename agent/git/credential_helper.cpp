#include "agent/git/credential_helper.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/git/child_process.h"
#include "agent/git/service_exit.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAnswerLimit = 64 * 1024;
constexpr std::size_t kKnownLimit = 4096;
/// An answer that is about to expire would do so in mid transfer.
constexpr std::chrono::seconds kExpiryMargin{30};

std::string named(const HelperQuestion& question) {
  return fmt::format("credentials: the helper '{}' for {}://{}", question.program.front(), question.protocol,
                     question.host);
}

tl::unexpected<Error> refuse(const HelperQuestion& question, std::string_view why, std::string hint) {
  return fail(ErrorCode::AuthenticationFailed, fmt::format("{} {}", named(question), why), std::move(hint));
}

/// What it sees of our environment: where its user's files are, and that there is nobody to ask.
std::vector<std::string> helper_environment() {
  auto environment = basic_child_environment();
  for (const auto* name :
       {"HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}) {
    const char* value =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
    if (value != nullptr) environment.push_back(fmt::format("{}={}", name, value));
  }
  environment.emplace_back("GIT_TERMINAL_PROMPT=0");
  environment.emplace_back("GIT_ASKPASS=/bin/false");
  return environment;
}

bool is_plain(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// nullopt where a value would begin a line of its own.
std::optional<std::string> question_text(const HelperQuestion& question) {
  std::string text;
  for (const auto& [key, value] :
       {std::pair<std::string_view, const std::string&>{"protocol", question.protocol},
        {"host", question.host},
        {"path", question.path},
        {"username", question.username}}) {
    if (!is_plain(value)) return std::nullopt;
    if (!value.empty()) text.append(key).append("=").append(value).append("\n");
  }
  return text;
}

/// Its errors, without a secret that it repeats there.
std::string said_on_stderr(const ChildExit& exit, const Secret& answered) {
  // Before it is shortened: half a secret would not be found any more.
  auto errors = exit.errors;
  const std::string secret(answered.reveal());
  for (auto at = errors.find(secret); !secret.empty() && at != std::string::npos; at = errors.find(secret)) {
    errors.replace(at, secret.size(), "***");
  }
  const auto said = last_line(errors);
  return said.empty() ? said : ": " + said;
}

struct HelperRun {
  Secret output;
  ChildExit exit;
};

Result<HelperRun> run_helper(const HelperQuestion& question, std::string_view verb, std::string_view input,
                             milliseconds limit) {
  auto argv = question.program;
  argv.emplace_back(verb);
  Waiting waiting;
  waiting.limits.stall = limit;
  waiting.limits.total = limit;
  waiting.total_deadline = std::chrono::steady_clock::now() + limit;
  auto child = ChildProcess::start({argv, helper_environment(), named(question)}, waiting);
  if (!child) return refuse(question, "could not be started", "check the program and its permissions");
  // One that answers without reading the question is none the worse for it.
  static_cast<void>((*child)->write(input));
  (*child)->close_stdin();
  std::string output;
  output.reserve(kAnswerLimit);  // so that no copy of a secret is left behind by growing
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto count = (*child)->read(chunk);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    if (output.size() + *count > kAnswerLimit) {
      return refuse(question, "said more than 64 KiB", "check what that program is");
    }
    output.append(chunk.data(), *count);
  }
  return HelperRun{Secret(std::move(output)), (*child)->wait_for_exit()};
}

/// What the lines of an answer say; nullopt where one of them is malformed.
struct AnswerLines {
  HelperAnswer answer;
  bool quits = false;
};

std::optional<AnswerLines> parse_answer(std::string_view text) {
  AnswerLines lines;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || !is_plain(line)) return std::nullopt;
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "username") lines.answer.username = value;
    if (key == "password") lines.answer.password = Secret(std::string(value));
    if (key == "quit") lines.quits = value == "1" || equals_ignoring_case(value, "true");
    if (key == "password_expiry_utc") {
      const auto seconds = parse_number(value);
      if (!seconds || *seconds > 253'402'300'799) return std::nullopt;  // the year 9999
      lines.answer.expires_at = from_epoch_ms(*seconds * 1000);
    }
  }
  return lines;
}

}  // namespace

/// Whoever showed the secret holds it; the memory looks at it when it is asked again.
class HelperMemory::Origin final : public SecretOrigin {
 public:
  void refused() override { was_refused_ = true; }
  [[nodiscard]] bool was_refused() const { return was_refused_; }

 private:
  std::atomic<bool> was_refused_ = false;
};

HelperQuestion helper_question(const std::vector<std::string>& program, const RemoteUrl& url, bool says_path,
                               const std::string& username) {
  HelperQuestion question{program, std::string(name_of(url.scheme)), url.host_key(), {}, username};
  if (!says_path) return question;
  std::string_view path = url.path;
  while (path.starts_with('/')) path.remove_prefix(1);
  question.path = path;
  return question;
}

Result<HelperAnswer> ask_helper(const HelperQuestion& question, milliseconds limit) {
  const auto text = question_text(question);
  if (!text) {
    return refuse(question, "was not asked: a part of the question holds a control character",
                  "check username and address");
  }
  auto run = run_helper(question, "get", *text, limit);
  if (!run) return fail(std::move(run.error()));
  auto lines = parse_answer(run->output.reveal());
  const auto said = lines ? said_on_stderr(run->exit, lines->answer.password) : std::string();
  if (run->exit.status != 0) {
    return refuse(question, fmt::format("failed with status {}{}", run->exit.status, said),
                  "run it by hand as the user that gitferry runs as");
  }
  if (!lines) {
    // What of it is the secret is not known, so nothing of what it printed is repeated.
    return refuse(question, "gave a malformed answer", "it must speak git's credential protocol");
  }
  if (lines->quits || lines->answer.password.empty()) {
    return refuse(question, "has no password" + said, "give it one for that host");
  }
  return std::move(lines->answer);
}

void erase_from_helper(const HelperQuestion& question, const HelperAnswer& answer, milliseconds limit) {
  auto about = question;
  if (!answer.username.empty()) about.username = answer.username;
  const auto text = question_text(about);
  if (!text) return;
  const auto password = answer.password.reveal();
  std::string input;
  input.reserve(text->size() + password.size() + 16);
  input.append(*text).append("password=").append(password).append("\n");
  const Secret wiped(std::move(input));
  static_cast<void>(run_helper(question, "erase", wiped.reveal(), limit));
}

std::optional<HelperMemory::Known> HelperMemory::take_valid(const HelperQuestion& question,
                                                            std::optional<HelperAnswer>& refused) {
  auto known = known_.lock();
  const auto found = known->find(question);
  if (found == known->end()) return std::nullopt;
  const auto& [answer, origin] = found->second;
  const bool has_expired = answer.expires_at && clock_.now() + kExpiryMargin >= *answer.expires_at;
  if (!origin->was_refused() && !has_expired) return found->second;
  if (origin->was_refused()) refused = answer;
  known->erase(found);
  return std::nullopt;
}

Result<std::pair<HelperAnswer, std::shared_ptr<SecretOrigin>>> HelperMemory::find(
    const HelperQuestion& question, milliseconds limit) {
  std::optional<HelperAnswer> refused;
  if (auto valid = take_valid(question, refused)) return std::pair{valid->answer, valid->origin};
  if (refused) erase_from_helper(question, *refused, limit);
  auto answer = ask_helper(question, limit);
  if (!answer) return fail(std::move(answer.error()));
  if (answer->expires_at && clock_.now() >= *answer->expires_at) {
    return refuse(question, "gave a password that has expired", "let it get a new one");
  }
  Known fresh{*answer, std::make_shared<Origin>()};
  auto known = known_.lock();
  if (known->size() >= kKnownLimit) known->clear();
  known->insert_or_assign(question, fresh);
  return std::pair{std::move(*answer), fresh.origin};
}

}  // namespace gitferry
