#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/git/transport.h"
#include "tests/agent/git/bytes.h"

namespace gitferry::test {

/// A git service that says what a test wrote down, whatever it is asked, and remembers the questions.
class ScriptedConnection final : public Connection {
 public:
  ScriptedConnection(std::string advertisement, std::vector<std::string> answers, bool is_stateless = true)
      : advertisement_(std::move(advertisement)), answers_(std::move(answers)), is_stateless_(is_stateless) {}

  [[nodiscard]] bool is_stateless() const override { return is_stateless_; }
  Status start_advertisement() override { return {}; }
  Result<ByteReader*> advertisement() override { return &advertisement_; }
  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override {
    lengths.push_back(length);
    asked.emplace_back();
    const auto number = asked.size() - 1;
    return std::make_unique<ScriptedExchange>(*this, number,
                                              number < answers_.size() ? answers_[number] : std::string());
  }

  std::vector<std::string> asked;
  std::vector<std::optional<std::uint64_t>> lengths;

 private:
  class ScriptedExchange final : public Exchange {
   public:
    ScriptedExchange(ScriptedConnection& owner, std::size_t number, std::string answer)
        : owner_(owner), number_(number), answer_(std::move(answer)) {}
    Status write(std::string_view bytes) override {
      owner_.asked[number_] += bytes;
      return {};
    }
    Status finish_request() override { return {}; }
    Result<std::size_t> read(std::span<char> out) override { return answer_.read(out); }

   private:
    ScriptedConnection& owner_;
    std::size_t number_;
    Bytes answer_;
  };

  Bytes advertisement_;
  std::vector<std::string> answers_;
  bool is_stateless_;
};

}  // namespace gitferry::test
