#include "agent/git/transports.h"

#include "agent/git/host_naming.h"
#include "agent/git/http_transport.h"
#include "agent/git/local_transport.h"
#include "agent/git/ssh_transport.h"

namespace gitferry {
namespace {

class TransportByScheme final : public Transport {
 public:
  explicit TransportByScheme(const TransportOptions& options)
      : http_({options.addresses, options.ca_file, options.proxy}),
        ssh_({options.addresses, options.ssh_config_file, options.ssh_masters}),
        local_(options.directories) {}

  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override {
    return transport_for(remote.url.scheme).connect(remote, service, protocol_version, waiting);
  }

 private:
  Transport& transport_for(Scheme scheme) {
    switch (scheme) {
      case Scheme::Ssh:
        return ssh_;
      case Scheme::File:
        return local_;
      case Scheme::Http:
      case Scheme::Https:
        break;
    }
    return http_;
  }

  HttpTransport http_;
  SshTransport ssh_;
  LocalTransport local_;
};

}  // namespace

std::unique_ptr<Transport> make_transport(const TransportOptions& options) {
  return naming_hosts(std::make_unique<TransportByScheme>(options));
}

}  // namespace gitferry
