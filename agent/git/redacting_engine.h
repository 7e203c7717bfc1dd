#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/git/engine.h"

namespace gitferry {

/// The secrets of some credentials, to be taken out of texts.
///
/// They are found as they are, percent-encoded and as http carries them (base64 of user and password); whole,
/// or their first kEnough bytes, and where a text was cut (at an ellipsis) fewer. What is shorter than
/// kShortest bytes is no secret, and taking it out would only spoil words.
class Redaction {
 public:
  static constexpr std::size_t kShortest = 6;
  static constexpr std::size_t kEnough = 12;
  static constexpr std::size_t kEnoughAtCut = 4;

  void add(const std::optional<Credential>& credential);
  void apply(std::string& text) const;

 private:
  void add(Secret secret);
  [[nodiscard]] bool is_in(std::string_view text) const;

  std::vector<Secret> secrets_;
};

/// Takes the secrets that a host was shown out of what it said: a hook, an error page or a hostile host may
/// repeat them, and its words go to the log, the database and the API. Nothing else of a report is changed.
class RedactingEngine final : public Engine {
 public:
  explicit RedactingEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override;
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override;

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace gitferry
