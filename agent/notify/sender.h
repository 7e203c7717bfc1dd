#pragma once

#include <stop_token>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/notify/channel.h"
#include "agent/notify/outgoing.h"
#include "agent/store/notice_book.h"

namespace gitferry {

/// Sends messages in the form that each channel wants.
///
/// Blocking: kLongestSend. Errors: what went wrong, in words that hold neither an address nor a secret.
/// Threading: immutable.
class Sender {
 public:
  /// `public_url` as in worded(). `clock` must outlive it.
  Sender(OutgoingOptions options, std::string public_url, const Clock& clock)
      : options_(std::move(options)), public_url_(std::move(public_url)), clock_(clock) {}

  [[nodiscard]] Status send(const Channel& channel, const NoticeMessage& message,
                            const std::stop_token& stop) const;

 private:
  [[nodiscard]] Status send_mail_of(const Channel& channel, const NoticeMessage& message,
                                    const std::stop_token& stop) const;

  OutgoingOptions options_;
  std::string public_url_;
  const Clock& clock_;
};

/// A fresh message id.
std::string new_message_id();

}  // namespace gitferry
