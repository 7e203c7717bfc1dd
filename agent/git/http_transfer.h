#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/git/byte_buffer.h"
#include "agent/git/credential.h"
#include "agent/git/curl_handles.h"
#include "agent/git/http_answer.h"
#include "agent/git/http_proxy.h"
#include "agent/git/http_session.h"
#include "agent/git/stall_watch.h"
#include "agent/git/transport.h"

namespace gitferry {

/// One HTTP request of git's.
struct HttpRequest {
  std::string url;
  std::string what;  ///< for error texts
  std::string expected_type;
  std::string content_type;  ///< of the POST's body; empty: a GET
  std::optional<std::uint64_t> length;
  bool asks_for_v2 = false;
  std::optional<Credential> credential;
  std::optional<ProxyAccess> proxy;  ///< nullopt: directly
};

/// An HTTP request under way: the exchange itself for a POST, a reader of the answer for a GET.
///
/// Bodies pass through two bounded buffers; libcurl is paused where one is full or empty. A body of known,
/// small size is held until it is whole: libcurl can then repeat it when a kept connection turns out to be
/// dead.
class HttpTransfer final : public Exchange {
 public:
  HttpTransfer(HttpSession& session, HttpRequest request, const Waiting& waiting);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer() override;

  /// Begins the request; returns at once. Only for a GET: a POST begins with what is written.
  Status start();
  /// Waits for the head of the answer; it can be an error's or a redirect.
  Result<const HttpHead*> wait_for_head();
  Result<std::size_t> read(std::span<char> out) override;
  bool has_bytes(std::chrono::milliseconds patience) override;
  Status write(std::string_view bytes) override;
  Result<std::size_t> write_some(std::string_view bytes, std::chrono::milliseconds patience) override;
  Status finish_request() override;

  /// libcurl ended the transfer. Only for HttpSession.
  void end(CURLcode code);

 private:
  /// What has to be known of a wait when it is taken up again.
  struct Wait {
    StallWatch watch;
    std::uint64_t bytes_moved;
  };

  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_answer(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_request(char* room, std::size_t size, std::size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);

  [[nodiscard]] bool is_get() const { return request_.content_type.empty(); }
  [[nodiscard]] bool is_held_whole() const;
  void set_connection_options();
  void set_credential();
  void set_request_options();
  void set_headers();
  void set_body_options();
  /// Whether nothing more can come; with a host that answers early, also before the request is through.
  [[nodiscard]] bool has_whole_answer() const;
  [[nodiscard]] std::uint64_t bytes_moved() const;
  [[nodiscard]] Wait begin_wait() const;
  Status wait_until(const std::function<bool()>& ready);
  /// The same for at most `patience`, as a part of a wait that can go on: whether it is ready.
  Result<bool> wait_until(const std::function<bool()>& ready, Wait& wait, std::chrono::milliseconds patience);
  Result<bool> wait_for_room(std::chrono::milliseconds patience);
  [[nodiscard]] AnswerExpected answer_expected() const;
  [[nodiscard]] bool awaits_error_page() const;
  /// The error that the answer or libcurl came to so far.
  [[nodiscard]] Status outcome() const;
  [[nodiscard]] Error error_of(CURLcode code) const;
  void apply_pauses();

  HttpSession& session_;
  HttpRequest request_;
  Waiting waiting_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};  ///< libcurl writes to it as long as there is easy_
  CurlEasy easy_;
  CurlList headers_;
  HttpHead head_;
  std::size_t head_size_ = 0;
  std::string error_page_;
  ByteBuffer incoming_;
  ByteBuffer outgoing_;
  std::uint64_t received_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;
  bool is_started_ = false;
  bool is_request_complete_ = false;
  bool is_receiving_paused_ = false;
  bool is_sending_paused_ = false;
  std::optional<Wait> no_room_;  ///< since the host takes nothing of what is written
  std::optional<CURLcode> ended_;
  std::optional<Error> refused_;  ///< the address policy's last word; another address may still do
  std::optional<Error> error_;
};

}  // namespace gitferry
