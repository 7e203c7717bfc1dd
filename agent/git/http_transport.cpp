#include "agent/git/http_transport.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/git/http_transfer.h"

namespace gitferry {
namespace {

constexpr int kRedirectLimit = 3;

std::string repository_url(const RemoteUrl& url) {
  std::string text = url.str();
  while (text.ends_with('/')) text.pop_back();
  return text;
}

std::string advertisement_suffix(GitService service) {
  return fmt::format("/info/refs?service={}", name_of(service));
}

tl::unexpected<Error> redirect_refused(const RemoteUrl& from, std::string_view why) {
  return fail(ErrorCode::AddressRefused, fmt::format("'{}': redirect refused: {}", from.str(), why),
              "configure the address that the repository has now");
}

/// The advertisement without the http form's first pkt-line and flush (gitprotocol-http, "Smart Server
/// Response"). An answer in protocol v2 may come without them.
class AdvertisementReader final : public ByteReader {
 public:
  AdvertisementReader(ByteReader& body, GitService service, std::string what)
      : body_(body), service_line_(fmt::format("# service={}\n", name_of(service))), what_(std::move(what)) {}

  Result<std::size_t> read(std::span<char> out) override {
    if (!is_past_service_line_) {
      if (auto taken = take_service_line(); !taken) return fail(std::move(taken.error()));
      is_past_service_line_ = true;
    }
    if (held_.empty()) return body_.read(out);
    const auto count = std::min(out.size(), held_.size());
    held_.copy(out.data(), count);
    held_.erase(0, count);
    return count;
  }

 private:
  Status hold(std::size_t count) {
    std::array<char, 64> chunk{};
    while (held_.size() < count) {
      const auto got = body_.read(std::span(chunk).first(std::min(chunk.size(), count - held_.size())));
      if (!got) return fail(got.error());
      if (*got == 0) break;
      held_.append(chunk.data(), *got);
    }
    return {};
  }

  Status take_service_line() {
    if (auto status = hold(5); !status) return status;
    if (held_.size() < 5 || held_[4] != '#') return {};
    const auto expected = fmt::format("{:04x}{}0000", service_line_.size() + 4, service_line_);
    // The line's own line break is optional.
    const auto bare = service_line_.substr(0, service_line_.size() - 1);
    const auto without_break = fmt::format("{:04x}{}0000", bare.size() + 4, bare);
    const auto& form = held_.starts_with(expected.substr(0, 4)) ? expected : without_break;
    if (auto status = hold(form.size()); !status) return status;
    if (held_ != form) {
      return fail(ErrorCode::ProtocolError,
                  what_ + ": the answer names another git service than the one asked for",
                  "check that the address is a git host's");
    }
    held_.clear();
    return {};
  }

  ByteReader& body_;
  std::string service_line_;
  std::string what_;
  std::string held_;
  bool is_past_service_line_ = false;
};

class HttpConnection final : public Connection {
 public:
  HttpConnection(HttpSession& session, Remote remote, std::optional<ProxyAccess> proxy, GitService service,
                 bool asks_for_v2, const Waiting& waiting)
      : session_(session),
        remote_(std::move(remote)),
        proxy_(std::move(proxy)),
        service_(service),
        asks_for_v2_(asks_for_v2),
        waiting_(waiting) {}

  [[nodiscard]] bool is_stateless() const override { return true; }

  Status start_advertisement() override {
    if (transfer_) return {};
    auto request = make_request("advertisement");
    request.url += advertisement_suffix(service_);
    transfer_ = std::make_unique<HttpTransfer>(session_, std::move(request), waiting_);
    return transfer_->start();
  }

  Result<ByteReader*> advertisement() override {
    for (int hops = 0; !reader_; ++hops) {
      if (auto started = start_advertisement(); !started) return fail(std::move(started.error()));
      const auto head = transfer_->wait_for_head();
      if (!head) return fail(head.error());
      if ((*head)->is_redirect()) {
        if (hops == kRedirectLimit) return redirect_refused(remote_.url, "more than 3 in a row");
        auto target = follow_redirect(remote_.url, service_, (*head)->location);
        if (!target) return fail(std::move(target.error()));
        remote_.url = std::move(*target);
        transfer_.reset();
        continue;
      }
      reader_ = std::make_unique<AdvertisementReader>(*transfer_, service_, what());
    }
    return reader_.get();
  }

  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override {
    auto request = make_request("result");
    request.url += fmt::format("/{}", name_of(service_));
    request.content_type = fmt::format("application/x-{}-request", name_of(service_));
    request.length = length;
    return std::make_unique<HttpTransfer>(session_, std::move(request), waiting_);
  }

 private:
  [[nodiscard]] std::string what() const {
    return fmt::format("{} of '{}'", name_of(service_), remote_.url.str());
  }

  [[nodiscard]] HttpRequest make_request(std::string_view kind) const {
    HttpRequest request;
    request.url = repository_url(remote_.url);
    request.what = what();
    request.expected_type = fmt::format("application/x-{}-{}", name_of(service_), kind);
    request.asks_for_v2 = asks_for_v2_;
    request.credential = remote_.credential;
    request.proxy = proxy_;
    return request;
  }

  HttpSession& session_;
  Remote remote_;                     ///< its address follows the redirects
  std::optional<ProxyAccess> proxy_;  ///< also for redirects: they lead to the same host
  GitService service_;
  bool asks_for_v2_;
  Waiting waiting_;
  std::unique_ptr<HttpTransfer> transfer_;
  std::unique_ptr<ByteReader> reader_;
};

}  // namespace

Result<RemoteUrl> follow_redirect(const RemoteUrl& from, GitService service, const std::string& location) {
  const auto suffix = advertisement_suffix(service);
  const CurlUrl resolved(::curl_url());
  const auto base = repository_url(from) + suffix;
  char* whole = nullptr;
  if (::curl_url_set(resolved.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK || location.empty() ||
      ::curl_url_set(resolved.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK ||
      ::curl_url_get(resolved.get(), CURLUPART_URL, &whole, 0) != CURLUE_OK) {
    return redirect_refused(from, "its new address is malformed, or of another kind than http");
  }
  const CurlText owned(whole);
  std::string_view text(whole);
  if (!text.ends_with(suffix))
    return redirect_refused(from, "it does not lead to a repository (a login page?)");
  text.remove_suffix(suffix.size());
  auto parsed = parse_remote_url(text, {Scheme::Https, Scheme::Http});
  if (!parsed || !parsed->username.empty() || !parsed->password.empty()) {
    return redirect_refused(from, "its new address is not one of http or https without user info");
  }
  const auto& to = parsed->url;
  if (to.host != from.host || to.port != from.port) {
    return redirect_refused(from,
                            fmt::format("it leads to another host, '{}'", shortened(to.host_key(), 100)));
  }
  if (to.scheme != from.scheme && to.scheme != Scheme::Https) {
    return redirect_refused(from, "it leads from https to http");
  }
  return to;
}

HttpTransport::HttpTransport(HttpOptions options)
    : session_(std::make_unique<HttpSession>(std::move(options))) {}

Result<std::unique_ptr<Connection>> HttpTransport::connect(const Remote& remote, GitService service,
                                                           int protocol_version, const Waiting& waiting) {
  const bool asks_for_v2 = protocol_version == 2 && service == GitService::UploadPack;
  const auto& options = session_->options();
  auto proxy = options.proxy.access_for(remote.url, options.addresses);
  if (!proxy) return fail(std::move(proxy.error()));
  return std::make_unique<HttpConnection>(*session_, remote, std::move(*proxy), service, asks_for_v2,
                                          waiting);
}

}  // namespace gitferry
