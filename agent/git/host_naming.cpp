#include "agent/git/host_naming.h"

#include <string>
#include <utility>

namespace gitferry {
namespace {

template <typename Outcome>
Outcome named(Outcome outcome, const std::string& host) {
  if (!outcome && outcome.error().host.empty()) outcome.error().host = host;
  return outcome;
}

class NamingReader final : public ByteReader {
 public:
  NamingReader(ByteReader& inner, const std::string& host) : inner_(inner), host_(host) {}
  Result<std::size_t> read(std::span<char> out) override { return named(inner_.read(out), host_); }
  bool has_bytes(std::chrono::milliseconds patience) override { return inner_.has_bytes(patience); }

 private:
  ByteReader& inner_;
  const std::string& host_;
};

class NamingExchange final : public Exchange {
 public:
  NamingExchange(std::unique_ptr<Exchange> inner, std::string host)
      : inner_(std::move(inner)), host_(std::move(host)) {}
  Result<std::size_t> read(std::span<char> out) override { return named(inner_->read(out), host_); }
  bool has_bytes(std::chrono::milliseconds patience) override { return inner_->has_bytes(patience); }
  Status write(std::string_view bytes) override { return named(inner_->write(bytes), host_); }
  Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience) override {
    return named(inner_->write_some(bytes, patience), host_);
  }
  Status finish_request() override { return named(inner_->finish_request(), host_); }

 private:
  std::unique_ptr<Exchange> inner_;
  std::string host_;
};

class NamingConnection final : public Connection {
 public:
  NamingConnection(std::unique_ptr<Connection> inner, std::string host)
      : inner_(std::move(inner)), host_(std::move(host)) {}
  [[nodiscard]] bool is_stateless() const override { return inner_->is_stateless(); }
  Status start_advertisement() override { return named(inner_->start_advertisement(), host_); }
  Result<ByteReader*> advertisement() override {
    auto reader = named(inner_->advertisement(), host_);
    if (!reader) return reader;
    reader_ = std::make_unique<NamingReader>(**reader, host_);
    return reader_.get();
  }
  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override {
    auto exchange = named(inner_->request(length), host_);
    if (!exchange) return exchange;
    return std::make_unique<NamingExchange>(std::move(*exchange), host_);
  }

 private:
  std::unique_ptr<Connection> inner_;
  std::string host_;
  std::unique_ptr<NamingReader> reader_;
};

class NamingTransport final : public Transport {
 public:
  explicit NamingTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override {
    auto connection = inner_->connect(remote, service, protocol_version, waiting);
    // This machine is no host that could be away.
    if (remote.url.scheme == Scheme::File) return connection;
    connection = named(std::move(connection), remote.url.host_key());
    if (!connection) return connection;
    return std::make_unique<NamingConnection>(std::move(*connection), remote.url.host_key());
  }

 private:
  std::unique_ptr<Transport> inner_;
};

}  // namespace

std::unique_ptr<Transport> naming_hosts(std::unique_ptr<Transport> inner) {
  return std::make_unique<NamingTransport>(std::move(inner));
}

}  // namespace gitferry
