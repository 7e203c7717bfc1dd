#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/git/transport.h"
#include "tests/agent/git/bytes.h"
#include "tests/support/git_repository.h"
#include "tests/support/process.h"

namespace gitferry::test {

/// Local repositories asked as a web server asks them (`--stateless-rpc`): each request stands alone.
class StatelessTransport final : public Transport {
 public:
  explicit StatelessTransport(int version) : version_(version) {}
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& /*waiting*/) override {
    const auto version = protocol_version == 2 ? version_ : 0;
    return std::make_unique<ServiceConnection>(*this, remote.url.path, service, version);
  }

  std::vector<std::string> git_options;  ///< between `git` and the service's name
  int advertisements = 0;
  int requests = 0;

 private:
  class ServiceConnection;
  class ServiceExchange final : public Exchange {
   public:
    explicit ServiceExchange(ServiceConnection& connection) : connection_(connection) {}
    Status write(std::string_view bytes) override {
      body_ += bytes;
      return {};
    }
    Status finish_request() override {
      answer_ = std::make_unique<Bytes>(connection_.run({"--stateless-rpc"}, body_), 8000);
      return {};
    }
    Result<std::size_t> read(std::span<char> out) override { return answer_->read(out); }

   private:
    ServiceConnection& connection_;
    std::string body_;
    std::unique_ptr<Bytes> answer_;
  };

  class ServiceConnection final : public Connection {
   public:
    ServiceConnection(StatelessTransport& owner, std::string path, GitService service, int version)
        : owner_(owner), path_(std::move(path)), service_(service), version_(version) {}
    [[nodiscard]] bool is_stateless() const override { return true; }
    Status start_advertisement() override {
      ++owner_.advertisements;
      advertisement_ =
          std::make_unique<Bytes>(run({"--stateless-rpc", "--http-backend-info-refs"}, {}), 5000);
      return {};
    }
    Result<ByteReader*> advertisement() override { return advertisement_.get(); }
    Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> /*length*/) override {
      ++owner_.requests;
      return std::make_unique<ServiceExchange>(*this);
    }
    std::string run(const std::vector<std::string>& options, const std::string& input) {
      std::vector<std::string> argv{"git"};
      argv.insert(argv.end(), owner_.git_options.begin(), owner_.git_options.end());
      argv.push_back(std::string(name_of(service_)).substr(4));
      argv.insert(argv.end(), options.begin(), options.end());
      argv.push_back(path_);
      auto environment = sealed_git_environment();
      if (version_ == 2) environment.emplace_back("GIT_PROTOCOL=version=2");
      auto outcome = run_process({argv, input, {}, environment});
      // A web server would answer with a status; the engine only needs to see that there is no answer.
      if (outcome.status == 128 && outcome.output.empty()) {
        outcome.output = fmt::format("{:04x}ERR does not appear to be a git repository", 46);
      }
      return outcome.output;
    }

   private:
    StatelessTransport& owner_;
    std::string path_;
    GitService service_;
    int version_;
    std::unique_ptr<Bytes> advertisement_;
  };

  int version_;
};

}  // namespace gitferry::test
