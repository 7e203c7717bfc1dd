#pragma once

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "agent/base/clock.h"
#include "agent/git/local_transport.h"
#include "agent/git/mirror.h"
#include "agent/git/relay.h"
#include "tests/support/git_repository.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {

inline Remote remote_of(const GitRepository& repository) {
  return {parse_remote_url(repository.path(), any_scheme()).value().url, std::nullopt};
}

/// Local repositories, as the transport for the product has them, in the protocol version that a test wants.
class VersionedTransport final : public Transport {
 public:
  explicit VersionedTransport(int version) : version_(version) {}
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override {
    return local_.connect(remote, service, protocol_version == 2 ? version_ : protocol_version, waiting);
  }

 private:
  LocalTransport local_;
  int version_;
};

/// Two bare repositories and an engine between them: the relay, unless a test sets `kind`.
class RelayFixture : public ::testing::Test {
 protected:
  static constexpr const char* kMain = "refs/heads/main";

  [[nodiscard]] SyncRequest request(const std::string& source_ref = kMain,
                                    const std::string& target_ref = kMain) const {
    return {remote_of(source), remote_of(target), {{source_ref, target_ref}}};
  }
  std::unique_ptr<Engine> engine_over(std::unique_ptr<Transport> transport) const {
    if (kind == EngineKind::Relay) {
      return std::make_unique<RelayEngine>(std::move(transport), limits, directory / "spool", clock);
    }
    return std::make_unique<MirrorEngine>(std::move(transport), limits, MirrorOptions{directory / "mirrors"},
                                          clock);
  }
  RunReport relay(const SyncRequest& request, std::unique_ptr<Transport> transport,
                  std::stop_token stop = {}) {
    return std::move(engine_over(std::move(transport))->sync(request, std::move(stop)).front());
  }
  RunReport relay(const SyncRequest& request, int version = 2) {
    return relay(request, std::make_unique<VersionedTransport>(version));
  }
  /// Both refs are equal, and the target is whole.
  void expect_arrived(const RunReport& report, const std::string& source_ref = kMain,
                      const std::string& target_ref = kMain) {
    ASSERT_FALSE(report.error) << report.error->text();
    EXPECT_EQ(source.tip(source_ref), target.tip(target_ref));
    EXPECT_EQ(report.target_tip_after, source.tip(source_ref));
    EXPECT_EQ(target.fsck(), "");
  }

  TemporaryDirectory directory;
  GitRepository source = GitRepository::init(directory / "source.git");
  GitRepository target = GitRepository::init(directory / "target.git");
  EngineKind kind = EngineKind::Relay;
  TransferLimits limits;
  SystemClock clock;
};

}  // namespace gitferry::test
