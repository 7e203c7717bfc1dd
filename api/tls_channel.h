#pragma once

#include <memory>

#include <openssl/ssl.h>

#include "api/channel.h"

namespace gitferry::api {

/// The server's side of TLS on a connected socket, which is not owned. The channel keeps the context.
///
/// Memory: next to nothing until the first bytes of a hello are there, so that silent connections cost no
/// more than on a plain port; afterwards what OpenSSL needs for one record at a time.
std::unique_ptr<Channel> tls_channel(int fd, std::shared_ptr<SSL_CTX> context);

}  // namespace gitferry::api
